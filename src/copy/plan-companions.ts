/**
 * What stands beside the manifests of a copy and speaks of them by their digests: signatures, attestations, bills of
 * materials. It goes along with those that keep their digests; what a changed digest leaves behind is named. Only reads.
 */
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isIndexType, isManifestType, mediaTypes } from '../oci/media-types.ts';
import type { Companion } from '../transports/transport.ts';
import type { CopyRequest } from './copy-request.ts';
import { isDraft } from './draft.ts';
import type { createManifestPlanner } from './plan-manifests.ts';
import { flatten, type PlannedManifest, type PlanRemarks } from './planned-manifest.ts';

export interface PlannedCompanion {
  readonly planned: PlannedManifest;
  /** The tag that it gets at the destination, where it has one. */
  readonly tag?: string;
}

/** Referrers of referrers (the signature of an attestation) this deep. */
const maxDepth = 4;

/** `manifests`: those of the copy, the root last. Throws what the two sides throw. */
export async function planCompanions(
  request: CopyRequest,
  planner: ReturnType<typeof createManifestPlanner>,
  manifests: readonly PlannedManifest[],
  { notes }: PlanRemarks,
): Promise<PlannedCompanion[]> {
  const { source, destination } = request;
  const root = manifests.at(-1);
  const inList = new Set<Digest>(manifests.map(({ from }) => from));
  const planned = new Map<Digest, Promise<PlannedManifest>>();
  const done = new Set<string>();
  const found: PlannedCompanion[] = [];

  const takes = (mediaType: string): boolean =>
    (isManifestType(mediaType) || isIndexType(mediaType)) &&
    (destination.traits.manifestTypes?.includes(mediaType) ?? true);

  const take = async ({ descriptor, tag }: Companion, of: string, depth: number): Promise<void> => {
    const { digest } = descriptor;
    const known = planned.get(digest);
    if (inList.has(digest) || done.has(`${tag} ${digest}`) || (known !== undefined && tag === undefined)) return;
    done.add(`${tag} ${digest}`);
    const label = `${nameOf(descriptor, tag)} of ${of}`;
    if (destination.traits.keepsCompanions !== true || !takes(descriptor.mediaType)) {
      notes.push(`${label}: the destination cannot keep it, so it stays behind`);
      return;
    }
    if (tag !== undefined && !(await isFree(tag, digest, label))) return;
    // several tags may name one manifest
    const planning = planned.get(digest) ?? planOne(descriptor, label);
    planned.set(digest, planning);
    const manifest = await planning;
    // it is to be there before the list has its name, and the list before it
    if (flatten([manifest]).some(({ id }) => id === root?.id)) {
      notes.push(`${label}: it names what it speaks for, so it stays behind`);
      return;
    }
    found.push(tag === undefined ? { planned: manifest } : { planned: manifest, tag });
    if (known === undefined) await takeAll(digest, label, depth + 1);
  };

  const planOne = async ({ digest, mediaType }: Descriptor, label: string): Promise<PlannedManifest> =>
    planner.planAsIs({ ...(await source.getManifest(digest)), mediaType }, label);

  /** What stands under a tag at the destination is somebody's, and nothing else names it. */
  const isFree = async (tag: string, digest: Digest, label: string): Promise<boolean> => {
    if (destination.tag === undefined) {
      notes.push(`${label}: the destination has no tags, so it stays behind`);
      return false;
    }
    const there = await destination.currentRoot(tag);
    if (there !== undefined && there !== digest) {
      notes.push(`${label}: the destination has another ${tag}, which is left alone`);
    }
    return there === undefined;
  };

  const takeAll = async (digest: Digest, of: string, depth: number): Promise<void> => {
    if (depth >= maxDepth) return;
    for (const companion of await source.companions(digest)) await take(companion, of, depth);
  };

  await Promise.all(
    manifests.map(async ({ from, document, label }) => {
      if (!isDraft(document) && document.digest === from) return takeAll(from, label, 0);
      const left = await source.companions(from);
      if (left.length === 0) return;
      const names = left.map(({ descriptor, tag }) => nameOf(descriptor, tag)).join(', ');
      notes.push(`${label}: its digest changes, so what speaks of ${from} stays behind: ${names}`);
    }),
  );
  return found;
}

function nameOf({ digest, artifactType, mediaType }: Descriptor, tag: string | undefined): string {
  if (tag !== undefined) return tag;
  const type = artifactType ?? (mediaType === mediaTypes.ociManifest ? undefined : mediaType);
  return type === undefined ? `referrer ${digest}` : `${type} ${digest}`;
}
