/** What becomes of an index once it is known what becomes of its entries. Pure. */
import { ConflictError, UnsupportedError } from '../foundation/errors.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { convertIndex, encodeIndex, type ImageIndex, type IndexEntry } from '../oci/image-index.ts';
import { attestationSubject, isAttestation } from '../oci/matcher.ts';
import { isIndexType, mediaTypes, zstdAnnotation } from '../oci/media-types.ts';
import type { CopyRequest } from './copy-request.ts';
import type { AdditionDraft, EntryDraft, ManifestDraft } from './draft.ts';
import { asManifest, changed, labelOf, offersZstd, type PlannedManifest, settled } from './planned-manifest.ts';
import type { CompressionRecipe } from './recipe.ts';
import { targetFormat } from './target-format.ts';

export interface PlannedVariant {
  readonly entry: IndexEntry;
  readonly recipe: CompressionRecipe;
  readonly planned: PlannedManifest;
}

interface IndexParts {
  readonly index: ImageIndex;
  readonly byEntry: ReadonlyMap<IndexEntry, PlannedManifest>;
  readonly dropped: ReadonlySet<IndexEntry>;
  readonly variants: readonly PlannedVariant[];
}

/** The index with what became of its entries; the very bytes of before when nothing changed. Throws UnsupportedError. */
export function draftIndex(
  request: CopyRequest,
  raw: RawManifest,
  { index, byEntry, dropped, variants }: IndexParts,
  notes: string[],
): RawManifest | ManifestDraft {
  const kept = index.manifests.filter((entry) => {
    if (!dropped.has(entry) && (byEntry.has(entry) || request.unselected === 'keep')) return true;
    notes.push(`${labelOf(entry)}: ${dropped.has(entry) ? 'dropped' : 'not selected, taken out of the index'}`);
    return false;
  });
  const becomes = new Map<Digest, PlannedManifest>();
  for (const [entry, planned] of byEntry) if (!isAttestation(entry)) becomes.set(entry.digest, planned);
  const entries = kept.flatMap((entry, position): EntryDraft[] => {
    const planned = byEntry.get(entry);
    if (planned === undefined) return [];
    const subject = changed(becomes.get(attestationSubject(entry) ?? entry.digest));
    const relinks = isAttestation(entry) && subject !== undefined;
    if (relinks) notes.push(relink(request, entry));
    const document = changed(planned);
    // clients that prefer zstd go by the annotation
    const marks = offersZstd(planned) && entry.annotations?.[zstdAnnotation] !== 'true' && !request.preserveDigests;
    if (document === undefined && !relinks && !marks) return [];
    if (document === undefined && marks) notes.push(`${labelOf(entry)}: is zstd, which the index says from now on`);
    return [
      {
        position,
        ...(document === undefined ? {} : { becomes: document }),
        ...(planned.forms === undefined ? {} : { zstd: offersZstd(planned) }),
        ...(relinks ? { subject } : {}),
      },
    ];
  });
  const additions = variants.map(
    ({ entry, planned }): AdditionDraft => ({
      like: kept.indexOf(entry),
      manifest: asManifest(planned),
      zstd: offersZstd(planned),
    }),
  );
  const members = [...byEntry.values(), ...variants.map(({ planned }) => planned)];
  const zstd = members.some(offersZstd);
  const encrypts = members.some((planned) => planned.encrypts === true);
  const to = targetFormat(request, raw.mediaType, zstd ? { format: 'zstd' } : undefined, encrypts);
  if (entries.length === 0 && additions.length === 0 && kept.length === index.manifests.length && to === undefined) {
    return raw;
  }
  const nested = kept.find(({ mediaType }) => isIndexType(mediaType));
  if (to === 'docker' && nested !== undefined) {
    throw new UnsupportedError(
      `the index names the index ${nested.digest}, and a Docker manifest list names images alone`,
      {
        code: 'INDEX_NOT_IN_FORMAT',
        hint: 'Keep the OCI format (--format oci), or leave that index out.',
      },
    );
  }
  const edited: ImageIndex = { ...index, manifests: kept };
  const converted =
    to === undefined ? undefined : convertIndex(edited, to === 'oci' ? mediaTypes.ociIndex : mediaTypes.dockerList);
  notes.push(...(converted?.losses ?? []));
  const target = converted?.index ?? edited;
  if (entries.length === 0 && additions.length === 0) return encodeIndex(target);
  return settled({ draft: 'index', index: target, mediaType: target.mediaType, entries, additions });
}

/** What a person is told of an attestation whose image changes. Throws ConflictError ATTESTATION_WOULD_DANGLE. */
function relink(request: CopyRequest, entry: IndexEntry): string {
  const subject = attestationSubject(entry);
  if (request.attestations === 'fail') {
    throw new ConflictError(`the attestation ${entry.digest} speaks of ${subject}, whose digest would change`, {
      code: 'ATTESTATION_WOULD_DANGLE',
      hint: 'Copy without changes of format and compression, or choose --attestations keep or drop.',
    });
  }
  return `attestation ${entry.digest}: points at what ${subject} becomes, but what it states still names the old digest`;
}
