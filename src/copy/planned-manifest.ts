/** A manifest with everything below it, as it will be put: what the planner makes of each, and what others ask of it. Pure. */
import type { CompressionFormat } from '../compression/compression.ts';
import { BugError } from '../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { IndexEntry } from '../oci/image-index.ts';
import { isAttestation } from '../oci/matcher.ts';
import { formatPlatform } from '../oci/platform.ts';
import {
  type ImageDraft,
  type IndexDraft,
  isDraft,
  type ManifestDraft,
  type ManifestOrStep,
  resolveDraft,
  type StepResults,
  stepsOf,
} from './draft.ts';
import { blobId } from './inventory.ts';
import type { CopyStep } from './plan.ts';

/** A manifest with everything below it, planned. */
export interface PlannedManifest {
  /** Of the step that puts it. */
  readonly id: string;
  /** Its digest in the source. */
  readonly from: Digest;
  readonly document: RawManifest | ManifestDraft;
  readonly label: string;
  readonly present: boolean;
  /** Blobs of the source that it names. */
  readonly blobs: readonly PlannedBlob[];
  /** Steps for the blobs that are made for it. */
  readonly steps: readonly CopyStep[];
  readonly children: readonly PlannedManifest[];
  /** Steps that must be done before it is put. */
  readonly needs: readonly string[];
  /** The compressions that it will offer; `undefined` where nobody asked about compression. */
  readonly forms?: ReadonlySet<CompressionFormat>;
  /** The digest of its subject, where that stays. */
  readonly speaksOf?: Digest;
  /** Whether some of its layers are encrypted on the way, which only OCI images can have. */
  readonly encrypts?: boolean;
  readonly remarks?: OwnRemarks;
}

export interface PlannedBlob {
  readonly blob: Descriptor;
  /** The instance in the source that the blob belongs to. */
  readonly instance: Digest;
}

/** What a person is told of one manifest. */
export interface OwnRemarks {
  /** Losses, and changes that nobody asked for. */
  readonly notes: string[];
  /** Changes of digests that were asked for. */
  readonly changes: string[];
}

/** What a person is told of the whole. */
export interface PlanRemarks extends OwnRemarks {
  variants: number;
}

/** With what there is to say of each manifest before it, in their order: they are planned side by side. */
export function gathered(remarks: PlanRemarks, manifests: readonly PlannedManifest[]): PlanRemarks {
  const own = manifests.flatMap((manifest) => manifest.remarks ?? []);
  return {
    ...remarks,
    notes: [...own.flatMap(({ notes }) => notes), ...remarks.notes],
    changes: [...own.flatMap(({ changes }) => changes), ...remarks.changes],
  };
}

/** Whether it is to be marked as zstd in an index. */
export function offersZstd({ forms }: PlannedManifest): boolean {
  return forms?.has('zstd') === true;
}

interface LeafParts {
  readonly from: Digest;
  readonly label: string;
  readonly present: boolean;
  readonly blobs?: readonly PlannedBlob[];
  readonly steps?: readonly CopyStep[];
  /** For a draft; what is known goes by its digest. */
  readonly id?: string;
  readonly forms?: ReadonlySet<CompressionFormat> | undefined;
  readonly speaksOf?: Digest | undefined;
}

export function leaf(document: RawManifest | ManifestDraft, parts: LeafParts): PlannedManifest {
  const { from, label, present, blobs = [], steps = [], forms, speaksOf } = parts;
  return {
    id: isDraft(document) ? (parts.id ?? '') : manifestId(document.digest),
    from,
    document,
    label,
    present,
    blobs,
    steps,
    children: [],
    needs: [
      ...blobs.map(({ blob }) => blobId(blob.digest)),
      ...steps.map((step) => step.id),
      ...(isDraft(document) ? stepsOf(document) : []),
    ],
    ...(forms && { forms }),
    ...(speaksOf && { speaksOf }),
  };
}

export const manifestId = (digest: Digest): string => `manifest ${digest}`;

export function labelOf(entry: IndexEntry): string {
  if (isAttestation(entry)) return `attestation ${entry.digest}`;
  return entry.platform === undefined ? (entry.artifactType ?? entry.digest) : formatPlatform(entry.platform);
}

/** Blobs that go along: layers that are to be fetched from elsewhere are neither had nor taken by registries. */
export function blobsOf(raw: RawManifest, blobs: readonly Descriptor[]): PlannedBlob[] {
  const isForeign = (blob: Descriptor): boolean =>
    (blob.urls?.length ?? 0) > 0 && /foreign|nondistributable/.test(blob.mediaType);
  return blobs.filter((blob) => !isForeign(blob)).map((blob) => ({ blob, instance: raw.digest }));
}

export const asManifest = ({ document, id }: PlannedManifest): ManifestOrStep => (isDraft(document) ? id : document);

/** What a manifest becomes, if that is something else. */
export function changed(planned: PlannedManifest | undefined): ManifestOrStep | undefined {
  if (planned === undefined) return undefined;
  const manifest = asManifest(planned);
  return typeof manifest !== 'string' && manifest.digest === planned.from ? undefined : manifest;
}

export function hasChanged(planned: PlannedManifest | undefined): boolean {
  return changed(planned) !== undefined;
}

const nothingDone: StepResults = {
  layer: (step) => {
    throw new BugError(`the layer of "${step}" is not made while planning`);
  },
  manifest: (step) => {
    throw new BugError(`the manifest of "${step}" is not made while planning`);
  },
};

/** The document itself, as soon as nothing is missing for it. */
export function settled(draft: ImageDraft | IndexDraft): RawManifest | ManifestDraft {
  return stepsOf(draft).length > 0 ? draft : resolveDraft(draft, nothingDone);
}

/** Every manifest once, what it needs before it. */
export function flatten(roots: readonly PlannedManifest[]): PlannedManifest[] {
  const seen = new Map<string, PlannedManifest>();
  const visit = (one: PlannedManifest): void => {
    if (seen.has(one.id)) return;
    one.children.forEach(visit);
    seen.set(one.id, one);
  };
  roots.forEach(visit);
  return [...seen.values()];
}
