/**
 * Removes from a layout what its index.json does not lead to. Nobody else may write to the layout meanwhile: who does is told
 * by the files that writers leave (`layout-use.ts`).
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expectFolder } from '../../foundation/atomic-file.ts';
import { ConflictError, NotFoundError, SheafError, systemCode } from '../../foundation/errors.ts';
import { writeError } from '../../foundation/file-errors.ts';
import { type Session, throwIfCancelled } from '../../foundation/session.ts';
import { removeAbandoned } from '../../foundation/temporary-names.ts';
import { algorithmOf, type Digest, encodedOf, isDigest } from '../../oci/digest.ts';
import type { ImageIndex, IndexEntry } from '../../oci/image-index.ts';
import { blobsName, indexName, readLayoutIndex, writeLayoutIndex } from './layout.ts';
import { containerdNameAnnotation, nameOf } from './layout-entries.ts';
import { folderFiles } from './layout-files.ts';
import { isShared, userOf, withLayoutLock } from './layout-use.ts';
import { reachable } from './reachable.ts';

export interface PruneRequest {
  /** Absolute: the folder of the layout. */
  readonly folder: string;
  /** Also take entries without a name out of index.json, unless another entry leads to them. */
  readonly unnamed: boolean;
  /** Blobs that were written less than this many milliseconds ago stay. */
  readonly youngerThanMs: number;
  readonly dryRun: boolean;
}

export interface PrunedLayout {
  /** Entries that are no more in index.json. */
  readonly entries: readonly IndexEntry[];
  /** Blobs that are no more there, with their bytes, in the order of their digests. */
  readonly blobs: ReadonlyArray<{ readonly digest: Digest; readonly size: number }>;
}

/**
 * With `dryRun` only tells what would go.
 *
 * @throws NotFoundError LAYOUT_NOT_FOUND; ConflictError LAYOUT_IN_USE, SHARED_BLOBS, NOTHING_NAMED; IntegrityError where a
 * manifest that is needed cannot be read, and then nothing is removed; StorageError; CancelledError
 */
export async function pruneLayout(session: Session, request: PruneRequest): Promise<PrunedLayout> {
  const { folder, dryRun } = request;
  if ((await stat(join(folder, indexName)).catch(() => undefined)) === undefined) {
    throw new NotFoundError(`${folder} is not an OCI image layout: there is no ${indexName} in it`, {
      code: 'LAYOUT_NOT_FOUND',
      hint: 'Check the path; a layout has oci-layout, index.json and blobs in it.',
    });
  }
  try {
    await expectFolder(folder, `cannot clean up ${folder}`);
    return await (dryRun ? prune(session, request) : withLayoutLock(folder, session, () => prune(session, request)));
  } catch (thrown) {
    throw thrown instanceof SheafError ? thrown : writeError(thrown, `cannot clean up ${folder}`);
  }
}

async function prune(
  session: Session,
  { folder, unnamed, youngerThanMs, dryRun }: PruneRequest,
): Promise<PrunedLayout> {
  const blobs = join(folder, blobsName);
  await refuseShared(folder, blobs);
  const user = await userOf(folder);
  if (user !== undefined) {
    throw new ConflictError(`another program writes to ${folder} now: ${user} is its file`, {
      code: 'LAYOUT_IN_USE',
      hint: 'Run it again when the other program has ended.',
    });
  }
  if (!dryRun) await removeAbandoned(folder);
  const files = folderFiles(folder);
  const index = await readLayoutIndex(files);
  if (index === undefined) {
    throw new NotFoundError(`${folder} is not an OCI image layout: there is no oci-layout file in it`, {
      code: 'LAYOUT_NOT_FOUND',
      hint: 'Check the path; a layout has oci-layout, index.json and blobs in it.',
    });
  }
  const present = await digestsIn(blobs);
  const kept = unnamed ? namedOnly(index, folder) : index.manifests;
  const needed = await reachable(files, kept, present);
  // referrers and the like have no names, but speak of what has one
  const manifests = index.manifests.filter((entry) => kept.includes(entry) || needed.has(entry.digest));
  const stay = manifests.length === kept.length ? needed : await reachable(files, manifests, present);
  const newest = Date.now() - youngerThanMs;
  const gone: Array<{ digest: Digest; size: number }> = [];
  for (const digest of present) {
    if (stay.has(digest)) continue;
    const { size, mtimeMs } = await stat(pathOf(blobs, digest));
    if (youngerThanMs === 0 || mtimeMs < newest) gone.push({ digest, size });
  }
  throwIfCancelled(session);
  for (const place of new Set(gone.map(({ digest }) => dirname(pathOf(blobs, digest))))) {
    await expectFolder(place, `cannot clean up ${folder}`);
  }
  if (!dryRun) {
    // index.json first: what it names is there at any moment
    if (manifests.length < index.manifests.length) await writeLayoutIndex(folder, blobs, { ...index, manifests });
    for (const { digest } of gone) {
      throwIfCancelled(session);
      await rm(pathOf(blobs, digest), { force: true });
    }
  }
  return { entries: index.manifests.filter((entry) => !manifests.includes(entry)), blobs: gone };
}

/** What this layout does not need another one may. */
async function refuseShared(folder: string, blobs: string): Promise<void> {
  if (!(await isShared(blobs))) return;
  throw new ConflictError(`the blobs of ${folder} may be those of other layouts, too: ${blobs} is a shared folder`, {
    code: 'SHARED_BLOBS',
    hint: 'Nothing is removed from such folders; copy what you need to a new layout, and remove the old ones.',
  });
}

function namedOnly({ manifests }: ImageIndex, folder: string): readonly IndexEntry[] {
  const named = manifests.filter(
    (entry) => nameOf(entry) !== undefined || entry.annotations?.[containerdNameAnnotation] !== undefined,
  );
  if (named.length > 0 || manifests.length === 0) return named;
  throw new ConflictError(`no image in ${folder} has a name, so all of them would go`, {
    code: 'NOTHING_NAMED',
    hint: 'Leave --unnamed away, or remove the folder.',
  });
}

/** Blobs that are there, by their names: nothing else in the folder is looked at. */
async function digestsIn(blobs: string): Promise<Digest[]> {
  const found: Digest[] = [];
  for (const algorithm of await namesIn(blobs)) {
    for (const name of await namesIn(join(blobs, algorithm))) {
      const digest = `${algorithm}:${name}`;
      if (isDigest(digest)) found.push(digest);
    }
  }
  return found.sort();
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT' || systemCode(thrown) === 'ENOTDIR') return [];
    throw thrown;
  }
}

function pathOf(blobs: string, digest: Digest): string {
  return join(blobs, algorithmOf(digest), encodedOf(digest));
}
