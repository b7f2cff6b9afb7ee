/** What putting images on a list would change: edits, locations and content. Shared by `create` and `add`. Only reads. */

import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { EntryChanges, IndexEdit } from '../oci/edits.ts';
import type { ImageIndex, IndexEntry } from '../oci/image-index.ts';
import { isAttestation } from '../oci/matcher.ts';
import { formatPlatform, platformKey } from '../oci/platform.ts';
import type { ImageLocation } from '../transports/transport.ts';
import type { Env } from './environment.ts';
import { type ReadImage, readImage, type Taking } from './read-image.ts';

export interface AddPlan {
  readonly edits: readonly IndexEdit[];
  /** The entries that come onto the list, in order. */
  readonly added: readonly IndexEntry[];
  readonly locations: ReadonlyMap<Digest, readonly string[]>;
  readonly content: ReadonlyArray<{ readonly digest: Digest; readonly bytes: Uint8Array }>;
  /** Blobs of the local store that belong to the instances and are there already. */
  readonly kept: readonly Digest[];
  /** Names that people may use for an instance later: those of artifact files. */
  readonly files: ReadonlyMap<Digest, readonly string[]>;
  /** The bytes of the one index that was taken whole. */
  readonly base?: RawManifest;
}

/**
 * Reads all `images` side by side. `changes` go to the first entry of each image, as the peers do it (a warning says so
 * where there are more).
 */
export async function planAdd(
  env: Env,
  images: readonly ImageLocation[],
  taking: Taking,
  changes: EntryChanges = {},
): Promise<AddPlan> {
  const read = await Promise.all(images.map((image) => readImage(env, image, taking)));
  const edits: IndexEdit[] = [];
  const locations = new Map<Digest, readonly string[]>();
  for (const [at, image] of read.entries()) {
    for (const [digest, places] of image.locations)
      locations.set(digest, [...(locations.get(digest) ?? []), ...places]);
    edits.push(...editsFor(image, changes));
    warnOfFirstOnly(env, images[at], image, changes);
  }
  const [only] = read;
  return {
    edits,
    added: read.flatMap((image) => image.entries),
    locations,
    content: read.flatMap((image) => image.content),
    kept: [],
    files: new Map(),
    ...(read.length === 1 && only?.base !== undefined ? { base: only.base } : {}),
  };
}

function editsFor(image: ReadImage, changes: EntryChanges): IndexEdit[] {
  const seen = new Set<Digest>();
  const adds = image.entries.map((entry): IndexEdit => {
    // one digest may stand for several platforms of the same index: only the first takes the place of older entries
    const keepOthers = seen.has(entry.digest);
    seen.add(entry.digest);
    return { op: 'add', entry, keepOthers };
  });
  const [first] = image.entries;
  if (first === undefined || Object.keys(changes).length === 0) return adds;
  return [...adds, { op: 'annotate-entry', digest: first.digest, set: changes }];
}

function warnOfFirstOnly(env: Env, location: ImageLocation | undefined, image: ReadImage, changes: EntryChanges): void {
  const [first] = image.entries;
  if (first === undefined || image.entries.length < 2 || Object.keys(changes).length === 0) return;
  env.session.emit({
    type: 'warning',
    code: 'FIRST_INSTANCE_ONLY',
    message: `${location?.format()} gave ${image.entries.length} instances; annotations and platform fields were set on the first one only (${first.digest}). Use \`sheaf manifest annotate\` for the others.`,
  });
}

/** Warns of platforms that more than one instance claims: whoever pulls gets the first. */
export function warnOfDuplicates(env: Env, index: ImageIndex, added: readonly IndexEntry[]): void {
  const claims = new Map<string, IndexEntry[]>();
  for (const entry of index.manifests) {
    if (entry.platform === undefined || isAttestation(entry) || entry.artifactType !== undefined) continue;
    const key = `${platformKey(entry.platform)} ${entry.annotations?.['io.github.containers.compression.zstd'] ?? ''}`;
    claims.set(key, [...(claims.get(key) ?? []), entry]);
  }
  const fresh = new Set(added.map((entry) => entry.digest));
  for (const entries of claims.values()) {
    const [first] = entries;
    if (first?.platform === undefined || entries.length < 2 || !entries.some((entry) => fresh.has(entry.digest)))
      continue;
    env.session.emit({
      type: 'warning',
      code: 'DUPLICATE_PLATFORM',
      message: `${entries.length} instances claim the platform ${formatPlatform(first.platform)}: ${entries.map((entry) => entry.digest).join(', ')}. Whoever pulls gets the first; take the others off with \`sheaf manifest remove\`.`,
    });
  }
}
