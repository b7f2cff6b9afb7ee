/**
 * Plans a copy: reads the source's manifests, asks the destination what it has, and decides for every blob and manifest of
 * the whole list at once. Only reads.
 */
import { BugError, ConflictError, IntegrityError } from '../foundation/errors.ts';
import { convertImageManifest } from '../oci/convert-manifest.ts';
import { type Descriptor, descriptorOf, type RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { convertIndex, encodeIndex, type ImageIndex, type IndexEntry, parseIndex } from '../oci/image-index.ts';
import { encodeImageManifest, parseImageManifest } from '../oci/manifest.ts';
import { isIndexType, mediaTypes } from '../oci/media-types.ts';
import { formatPlatform, type Platform } from '../oci/platform.ts';
import type { Reference } from '../oci/reference.ts';
import type { ImageDestination, ImageLocation } from '../transports/transport.ts';
import { parsed, type VerifiedSource } from '../transports/verified-source.ts';
import type { CopyPlan, CopyStep, PutManifestStep } from './plan.ts';
import { type InstanceSelection, selectInstances } from './select-instances.ts';

/** The two families of manifest formats. */
export type ManifestFormat = 'oci' | 'docker';

export interface CopyRequest {
  readonly source: VerifiedSource;
  readonly destination: ImageDestination;
  readonly location: ImageLocation;
  /** Which instances of an index go along; ignored for a single image. */
  readonly select: InstanceSelection;
  /** What becomes of entries that do not go along: `keep` leaves them in the index, `strip` takes them out. */
  readonly unselected: 'keep' | 'strip';
  /** Convert everything to this format; left alone without it, as far as the destination allows. */
  readonly format?: ManifestFormat;
  /** More tags for the root beside the location's own. */
  readonly tags?: readonly string[];
  readonly host: Platform;
}

/** Index nesting deeper than this is taken for an attack. */
const maxDepth = 8;

/** Throws NotFoundError, UnsupportedError, IntegrityError, ConflictError and whatever the two sides throw. */
export async function planCopy(request: CopyRequest): Promise<CopyPlan> {
  const original = await request.source.getManifest();
  const current = await request.destination.currentRoot();
  // one question first: a destination that names the very root already, and keeps only whole manifests, has it all
  if (
    current === original.digest &&
    request.destination.traits.manifestsComplete &&
    targetFormat(request, original.mediaType) === undefined &&
    isWhole(request, original)
  ) {
    return finish(request, original, await tagSteps(request, original, current, []), []);
  }
  const notes: string[] = [];
  const planner = createPlanner(request, notes);
  const root = isIndexType(original.mediaType)
    ? await planner.planIndex(original, request.select, 0)
    : await planner.planImage(original, 'image');
  const flat = flatten(root);
  const blobs = await planBlobs(
    request,
    flat.flatMap((planned) => planned.blobs),
  );
  const puts = flat.filter((planned) => planned !== root).map(putStep);
  const tags = await tagSteps(request, root.manifest, current, [...new Set(needsOf(root))]);
  return finish(request, root.manifest, [...blobs, ...puts, ...tags], notes);
}

/** A manifest with everything below it, planned. */
interface PlannedManifest {
  readonly manifest: RawManifest;
  readonly label: string;
  readonly present: boolean;
  readonly blobs: readonly PlannedBlob[];
  readonly children: readonly PlannedManifest[];
}

interface PlannedBlob {
  readonly blob: Descriptor;
  /** The instance in the source that the blob belongs to. */
  readonly instance: Digest;
}

function isWhole(request: CopyRequest, root: RawManifest): boolean {
  return !isIndexType(root.mediaType) || request.select === 'all' || request.unselected === 'keep';
}

function finish(
  request: CopyRequest,
  root: RawManifest,
  steps: readonly CopyStep[],
  notes: readonly string[],
): CopyPlan {
  return {
    source: request.source.location.format(),
    destination: request.location.format(),
    root,
    steps,
    notes: [...new Set(notes)],
    bytes: steps.reduce((sum, step) => (step.kind === 'copy' || step.kind === 'mount' ? sum + step.blob.size : sum), 0),
  };
}

function createPlanner(request: CopyRequest, notes: string[]) {
  const { source, destination } = request;

  const planIndex = async (raw: RawManifest, select: InstanceSelection, depth: number): Promise<PlannedManifest> => {
    if (depth > maxDepth) {
      throw new IntegrityError(`${source.location.format()} nests indexes more than ${maxDepth} deep`, {
        code: 'INDEX_TOO_DEEP',
      });
    }
    const index = parsed(source, () => parseIndex(raw));
    const chosen = selectInstances(index, select, request.host);
    if (select !== 'all' && request.unselected === 'strip' && chosen.length === 0 && index.manifests.length > 0) {
      throw new ConflictError(`nothing of ${source.location.format()} is left after the selection`, {
        code: 'EMPTY_SELECTION',
      });
    }
    const byEntry = new Map<IndexEntry, PlannedManifest>();
    const once = new Map<Digest, Promise<PlannedManifest>>();
    await Promise.all(
      chosen.map(async (entry) => {
        let planned = once.get(entry.digest);
        if (planned === undefined) {
          planned = planEntry(entry, depth);
          once.set(entry.digest, planned);
        }
        byEntry.set(entry, await planned);
      }),
    );
    const manifest = rewriteIndex(raw, index, byEntry);
    return {
      manifest,
      label: depth === 0 ? 'index' : 'nested index',
      present: false,
      blobs: [],
      children: [...new Set(byEntry.values())],
    };
  };

  const planEntry = async (entry: IndexEntry, depth: number): Promise<PlannedManifest> => {
    const label = entry.platform === undefined ? (entry.artifactType ?? 'instance') : formatPlatform(entry.platform);
    const converts = targetFormat(request, entry.mediaType) !== undefined;
    if (!converts && !isIndexType(entry.mediaType) && destination.traits.manifestsComplete) {
      // the manifest itself is needed for nothing when it is there with all its blobs: one question settles the instance
      if (await destination.hasManifest(entry.digest)) {
        const manifest: RawManifest = { bytes: new Uint8Array(), mediaType: entry.mediaType, digest: entry.digest };
        return { manifest, label, present: true, blobs: [], children: [] };
      }
    }
    const raw = await source.getManifest(entry.digest);
    if (raw.bytes.byteLength !== entry.size) {
      throw new IntegrityError(
        `the index says that ${entry.digest} has ${entry.size} bytes, but it has ${raw.bytes.byteLength}`,
        { code: 'SIZE_MISMATCH', side: 'source' },
      );
    }
    const typed = { ...raw, mediaType: entry.mediaType };
    return isIndexType(raw.mediaType) ? planIndex(raw, 'all', depth + 1) : planImage(typed, label);
  };

  const planImage = async (raw: RawManifest, label: string): Promise<PlannedManifest> => {
    const image = parsed(source, () => parseImageManifest(raw));
    const to = targetFormat(request, raw.mediaType);
    let manifest = raw;
    if (to !== undefined) {
      const converted = convertImageManifest(image, to === 'oci' ? mediaTypes.ociManifest : mediaTypes.dockerManifest);
      notes.push(...converted.losses.map((loss) => `${label}: ${loss}`));
      manifest = encodeImageManifest(converted.manifest);
      notes.push(
        `${label}: converted to ${manifest.mediaType}, so its digest changes from ${raw.digest} to ${manifest.digest}`,
      );
    }
    const blobs = [image.config, ...image.layers]
      .filter((blob) => !isForeign(blob))
      .map((blob) => ({ blob, instance: raw.digest }));
    const present =
      (to !== undefined || !destination.traits.manifestsComplete) && (await destination.hasManifest(manifest.digest));
    return {
      manifest,
      label,
      present,
      blobs: present && destination.traits.manifestsComplete ? [] : blobs,
      children: [],
    };
  };

  /** The index with what became of its entries; the very bytes of before when nothing changed. */
  const rewriteIndex = (
    raw: RawManifest,
    index: ImageIndex,
    planned: ReadonlyMap<IndexEntry, PlannedManifest>,
  ): RawManifest => {
    let changed = false;
    const manifests = index.manifests.flatMap((entry) => {
      const became = planned.get(entry);
      if (became === undefined) {
        if (request.unselected === 'keep') return [entry];
        changed = true;
        notes.push(`${labelOf(entry)}: not selected, taken out of the index`);
        return [];
      }
      if (became.manifest.digest === entry.digest) return [entry];
      changed = true;
      const { mediaType, digest, size } = descriptorOf(became.manifest);
      return [{ ...entry, mediaType, digest, size }];
    });
    const to = targetFormat(request, raw.mediaType);
    if (!changed && to === undefined) return raw;
    const edited: ImageIndex = { ...index, manifests };
    if (to === undefined) return encodeIndex(edited);
    const converted = convertIndex(edited, to === 'oci' ? mediaTypes.ociIndex : mediaTypes.dockerList);
    notes.push(...converted.losses);
    return encodeIndex(converted.index);
  };

  return { planIndex, planImage };
}

const labelOf = (entry: IndexEntry): string =>
  entry.platform === undefined ? entry.digest : formatPlatform(entry.platform);

function flatten(planned: PlannedManifest): PlannedManifest[] {
  const seen = new Map<Digest, PlannedManifest>();
  const visit = (one: PlannedManifest): void => {
    if (seen.has(one.manifest.digest)) return;
    one.children.forEach(visit);
    seen.set(one.manifest.digest, one);
  };
  visit(planned);
  return [...seen.values()];
}

const blobId = (digest: Digest): string => `blob ${digest}`;
const manifestId = (digest: Digest): string => `manifest ${digest}`;

function needsOf(planned: PlannedManifest): string[] {
  return [
    ...planned.blobs.map(({ blob }) => blobId(blob.digest)),
    ...planned.children.map((child) => manifestId(child.manifest.digest)),
  ];
}

function putStep(planned: PlannedManifest): PutManifestStep {
  return {
    id: manifestId(planned.manifest.digest),
    kind: isIndexType(planned.manifest.mediaType) ? 'put-index' : 'put-manifest',
    manifest: planned.manifest,
    present: planned.present,
    label: planned.label,
    needs: [...new Set(needsOf(planned))],
  };
}

/** The steps that make `root` known by name: what the location names first, since that one is the commit. */
async function tagSteps(
  request: CopyRequest,
  root: RawManifest,
  current: Digest | undefined,
  needs: readonly string[],
): Promise<CopyStep[]> {
  const main: CopyStep = {
    id: 'root',
    kind: 'tag',
    manifest: root,
    tag: undefined,
    present: current === root.digest,
    label: request.location.format(),
    needs,
  };
  const others = [...new Set(request.tags ?? [])].map(async (tag): Promise<CopyStep> => {
    if (request.destination.tag === undefined) throw new BugError(`${request.location.format()} takes no tags`);
    const present = (await request.destination.currentRoot(tag)) === root.digest;
    return { id: `tag ${tag}`, kind: 'tag', manifest: root, tag, present, label: `tag ${tag}`, needs: ['root'] };
  });
  return [main, ...(await Promise.all(others))];
}

/** One step a digest, whatever the number of instances that share it; one question a digest to the destination. */
async function planBlobs(request: CopyRequest, wanted: readonly PlannedBlob[]): Promise<CopyStep[]> {
  const byDigest = new Map<Digest, { blob: Descriptor; instances: Set<Digest> }>();
  for (const { blob, instance } of wanted) {
    const known = byDigest.get(blob.digest);
    if (known === undefined) byDigest.set(blob.digest, { blob, instances: new Set([instance]) });
    else if (known.blob.size !== blob.size) {
      throw new IntegrityError(`${blob.digest} is said to have ${known.blob.size} bytes and ${blob.size} bytes`, {
        code: 'SIZE_MISMATCH',
        side: 'source',
      });
    } else known.instances.add(instance);
  }
  return Promise.all(
    [...byDigest.values()].map(async ({ blob, instances }): Promise<CopyStep> => {
      const base = { id: blobId(blob.digest), blob, needs: [] };
      if (await request.destination.hasBlob(blob)) return { ...base, kind: 'reuse' };
      const from = mountOrigin(request, instances);
      return from === undefined ? { ...base, kind: 'copy' } : { ...base, kind: 'mount', from };
    }),
  );
}

/** A repository of the destination's own registry that has the blob. */
function mountOrigin(request: CopyRequest, instances: ReadonlySet<Digest>): Reference | undefined {
  const to = request.location.reference;
  if (to === undefined || request.destination.mountBlob === undefined) return undefined;
  return [...instances]
    .flatMap((instance) => request.source.origins(instance))
    .flatMap((origin) => origin.reference ?? [])
    .find((origin) => origin.registry === to.registry && origin.repository !== to.repository);
}

/** Layers that are to be fetched from elsewhere; registries neither have nor take them. */
function isForeign(blob: Descriptor): boolean {
  return (blob.urls?.length ?? 0) > 0 && /foreign|nondistributable/.test(blob.mediaType);
}

/** The format to convert a manifest of `mediaType` to; `undefined` where it can stay as it is. */
function targetFormat(request: CopyRequest, mediaType: string): ManifestFormat | undefined {
  const current: ManifestFormat =
    mediaType === mediaTypes.dockerManifest || mediaType === mediaTypes.dockerList ? 'docker' : 'oci';
  if (request.format !== undefined) return request.format === current ? undefined : request.format;
  const takes = request.destination.traits.manifestTypes;
  if (takes === undefined || takes.includes(mediaType)) return undefined;
  return current === 'docker' ? 'oci' : 'docker';
}
