/**
 * Documents whose digests are not known while planning, because layers are yet to be compressed or encrypted: what they are made of, as
 * data, and the one place where they become bytes.
 */
import { BugError } from '../foundation/errors.ts';
import { type Annotations, type Descriptor, descriptorOf, type RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { applyEdits, type EntryReplacement } from '../oci/edits.ts';
import { encodeIndex, type ImageIndex, type IndexEntry } from '../oci/image-index.ts';
import { encodeImageManifest, type ImageManifest } from '../oci/manifest.ts';
import { referenceDigestAnnotation } from '../oci/matcher.ts';
import { zstdAnnotation } from '../oci/media-types.ts';
import { platformKey } from '../oci/platform.ts';
import type { Recompression } from '../store/knowledge.ts';

/** A manifest that is known, or the ID of the step that makes it. */
export type ManifestOrStep = RawManifest | string;

/** An image some of whose layers are yet to be compressed, or whose subject is yet to be made. */
export interface ImageDraft {
  readonly draft: 'image';
  /** As it will be, but for what the steps below change. */
  readonly manifest: ImageManifest;
  readonly mediaType: string;
  /** Position of a layer -> ID of the step that compresses it. */
  readonly layers: ReadonlyMap<number, string>;
  /** What its subject becomes. */
  readonly subject?: ManifestOrStep;
}

/** What becomes of one entry of an index. */
export interface EntryDraft {
  /** In the index of the draft. */
  readonly position: number;
  /** The manifest that it names then; left away where that stays. */
  readonly becomes?: ManifestOrStep;
  /** Whether its layers are zstd now; left away where their compression did not change. */
  readonly zstd?: boolean;
  /** What the image becomes that this attestation speaks of. */
  readonly subject?: ManifestOrStep;
}

/** One more entry, for what was made from the entry at `like`. */
export interface AdditionDraft {
  readonly like: number;
  readonly manifest: ManifestOrStep;
  readonly zstd: boolean;
}

export interface IndexDraft {
  readonly draft: 'index';
  /** In its format to be, with its entries as they were. */
  readonly index: ImageIndex;
  readonly mediaType: string;
  readonly entries: readonly EntryDraft[];
  readonly additions: readonly AdditionDraft[];
}

export type ManifestDraft = ImageDraft | IndexDraft;

/** Where the results of steps are found. Throws BugError for a step that has not been done. */
export interface StepResults {
  layer(step: string): Recompression;
  manifest(step: string): RawManifest;
}

export function isDraft(document: RawManifest | ManifestDraft): document is ManifestDraft {
  return 'draft' in document;
}

/** The IDs of the steps that must be done first. */
export function stepsOf(draft: ManifestDraft): string[] {
  const ids = (all: ReadonlyArray<ManifestOrStep | undefined>): string[] =>
    all.filter((one): one is string => typeof one === 'string');
  if (draft.draft === 'image') return [...draft.layers.values(), ...ids([draft.subject])];
  return ids([
    ...draft.entries.flatMap((entry) => [entry.becomes, entry.subject]),
    ...draft.additions.map((addition) => addition.manifest),
  ]);
}

/** The document itself. */
export function resolveDraft(draft: ManifestDraft, results: StepResults): RawManifest {
  return draft.draft === 'image' ? resolveImage(draft, results) : resolveIndex(draft, results);
}

function resolveImage(draft: ImageDraft, results: StepResults): RawManifest {
  const { manifest } = draft;
  const layers = manifest.layers.map((layer, at) => {
    const step = draft.layers.get(at);
    return step === undefined ? layer : compressedLayer(layer, results.layer(step));
  });
  if (draft.subject === undefined) return encodeImageManifest({ ...manifest, layers });
  const { digest, size, mediaType } = descriptorOf(found(draft.subject, results));
  const { data, ...subject } = manifest.subject ?? {};
  return encodeImageManifest({ ...manifest, layers, subject: { ...subject, mediaType, digest, size } });
}

/** Annotations of a layer that speak of its compression, and are wrong for another. */
const compressionAnnotations = [
  'io.github.containers.zstd-chunked.',
  'containerd.io/snapshot/stargz/',
  'io.containers.estargz.',
];

/** `layer` after compression: only its annotations of its former compression are lost. Its media type is right already. */
export function compressedLayer(layer: Descriptor, result: Recompression): Descriptor {
  const { annotations = {}, urls, data, ...rest } = layer;
  const kept = Object.entries(annotations).filter(
    ([key]) => !compressionAnnotations.some((start) => key.startsWith(start)),
  );
  const all: Annotations = { ...Object.fromEntries(kept), ...result.annotations };
  return {
    ...rest,
    digest: result.digest,
    size: result.size,
    ...(Object.keys(all).length === 0 ? {} : { annotations: all }),
  };
}

function resolveIndex({ index, entries, additions }: IndexDraft, results: StepResults): RawManifest {
  const at = (position: number): IndexEntry => {
    const entry = index.manifests[position];
    if (entry === undefined) throw new BugError(`the index has no entry at position ${position}`);
    return entry;
  };
  const replacements = entries.map((entry): EntryReplacement => {
    const { position, zstd } = entry;
    const descriptor = entry.becomes === undefined ? at(position) : descriptorOf(found(entry.becomes, results));
    const relinked =
      entry.subject === undefined ? undefined : { [referenceDigestAnnotation]: found(entry.subject, results).digest };
    if (zstd === false && at(position).annotations?.[zstdAnnotation] !== undefined) {
      const annotations: Record<string, string> = { ...at(position).annotations, ...relinked };
      delete annotations[zstdAnnotation];
      return { position, descriptor, annotations, replaceAnnotations: true };
    }
    return {
      position,
      descriptor,
      ...(relinked === undefined ? {} : { annotations: relinked }),
      ...(zstd === true ? { zstd } : {}),
    };
  });
  const added = additions.map(({ like, manifest, zstd }) => {
    const { annotations, data, ...entry } = at(like);
    const { [zstdAnnotation]: _, ...kept } = annotations ?? {};
    const { mediaType, digest, size } = descriptorOf(found(manifest, results));
    const changed: IndexEntry = {
      ...entry,
      mediaType,
      digest,
      size,
      ...(Object.keys(kept).length === 0 ? {} : { annotations: kept }),
    };
    return { entry: changed, zstd };
  });
  return encodeIndex(
    applyEdits(index, [{ op: 'replace-entries', replacements, additions: unlike(added, index, replacements) }]),
  );
}

/** Those that are not in the index under the same platform: what a layer becomes may be what another was. */
function unlike<T extends { readonly entry: IndexEntry }>(
  added: readonly T[],
  index: ImageIndex,
  replacements: readonly EntryReplacement[],
): T[] {
  const keyOf = ({ platform }: IndexEntry, digest: Digest): string => `${platformKey(platform)} ${digest}`;
  const becomes = new Map(replacements.map(({ position, descriptor }) => [position, descriptor.digest]));
  const there = new Set(index.manifests.map((entry, at) => keyOf(entry, becomes.get(at) ?? entry.digest)));
  return added.filter(({ entry }) => {
    const key = keyOf(entry, entry.digest);
    if (there.has(key)) return false;
    there.add(key);
    return true;
  });
}

function found(manifest: ManifestOrStep, results: StepResults): RawManifest {
  return typeof manifest === 'string' ? results.manifest(manifest) : manifest;
}
