/**
 * Removes what nothing needs, by looking at every file: also what a power cut or another program left behind.
 *
 * It may be stopped at any moment, and other processes may write meanwhile: a file goes only inside a transaction that
 * excludes all writers, in which nothing held it (see leases.ts).
 */
import { statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { cancelledBy, StorageError, UsageError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { type BlobFile, blobFiles } from './blob-files.ts';
import { blobPath, type StoredBlob } from './content-store.ts';
import type { StoreDatabase, Tables } from './database.ts';
import { countForgettable, forgetKnowledge } from './knowledge-rows.ts';
import type { Leases } from './leases.ts';
import { toStorageError } from './storage-errors.ts';
import { removeAbandonedFiles, temporaryFiles } from './temporary-files.ts';

export interface GarbageRequest {
  /** Blobs written less than so many milliseconds ago stay; default 0. */
  readonly olderThanMs?: number;
  /** Also what runs have learned, however new, and the layers that wait for a run that goes on; default false. */
  readonly forget?: boolean;
  /** Only tells what would go; default false. */
  readonly dryRun?: boolean;
  /** Stops it between two removals. */
  readonly signal?: AbortSignal;
}

export interface GarbageReport {
  /** Blobs that are gone, in the order of their digests. */
  readonly blobs: readonly StoredBlob[];
  /** Half-written blobs of ended processes that are gone, by the names of their files. */
  readonly temporaryFiles: ReadonlyArray<{ readonly name: string; readonly size: number }>;
  /** Leases of ended processes that are gone. */
  readonly leases: number;
  /** Things that were learned and are forgotten. */
  readonly knowledge: number;
  /** Bytes of these blobs and files together. */
  readonly bytes: number;
  /** Bytes by which the database has become smaller; `undefined` after a dry run: that cannot be told before. */
  readonly compacted?: number;
}

/** Files looked at in one transaction: others get their turn in between. */
const batchSize = 256;

interface Options extends GarbageRequest {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** Throws UsageError OLDER_THAN; StorageError, also NO_DATABASE; CancelledError. */
export async function collectGarbage(
  database: StoreDatabase,
  leases: Leases,
  options: Options,
): Promise<GarbageReport> {
  const { dir } = database;
  if (!((options.olderThanMs ?? 0) >= 0)) {
    throw new UsageError(`nothing is older than ${options.olderThanMs} milliseconds`, {
      code: 'OLDER_THAN',
      hint: 'Let "olderThanMs" be a number from 0 on, or leave it away.',
    });
  }
  try {
    if (!database.exists()) requireNothing(dir);
    if (options.dryRun === true) return findGarbage(database, leases, options);
    // what needs no room in the database goes first: the disk may be full
    const left = removeAbandonedFiles(dir);
    database.openWhereFull();
    if (!database.exists()) return reportOf([], left, { leases: 0, knowledge: 0 });
    requireSound(database);
    const blobs = await removeUnheld(database, leases, options);
    const { ended, released, knowledge } = endHolders(database, leases, options);
    const report = reportOf([...blobs, ...released], left, { leases: ended, knowledge });
    return { ...report, compacted: database.compact() };
  } catch (thrown) {
    throw toStorageError(thrown, dir);
  }
}

/** What would go now. Files are looked at before rows: a blob that comes in between is held. */
function findGarbage(
  database: StoreDatabase,
  leases: Leases,
  { now, forget = false, ...ages }: Options,
): GarbageReport {
  const { dir } = database;
  const left = temporaryFiles(dir).filter(({ abandoned }) => abandoned);
  const files = blobFiles(dir).filter(isOlder(now, ages));
  database.openWhereFull();
  requireSound(database);
  const found = database.read((tables) => {
    const ended = leases.ended(tables);
    const held = heldNow(tables, forget ? Number.POSITIVE_INFINITY : now, new Set(ended));
    const blobs = files.filter(({ digest }) => !held.has(digest));
    return reportOf(blobs, left, { leases: ended.length, knowledge: countForgettable(tables, now, forget) });
  });
  return found ?? reportOf([], left, { leases: 0, knowledge: 0 });
}

/** The digests that something holds, but for leases that have ended, and layers that were kept until `now`. */
function heldNow(tables: Tables, now: number, ended: ReadonlySet<string>): ReadonlySet<string> {
  const rows = [
    ...tables.all('SELECT digest FROM list_content'),
    ...tables.all('SELECT digest FROM kept_content WHERE until > ?', now),
    ...tables.all('SELECT lease_id, digest FROM lease_content').filter((row) => !ended.has(String(row['lease_id']))),
  ];
  return new Set(rows.map((row) => String(row['digest'])));
}

/** Removes the files that no row speaks of. Writes nothing to the database. */
async function removeUnheld(
  database: StoreDatabase,
  leases: Leases,
  { now, signal, ...ages }: Options,
): Promise<StoredBlob[]> {
  const files = blobFiles(database.dir).filter(isOlder(now, ages));
  const held = database.read((tables) => heldNow(tables, Number.NEGATIVE_INFINITY, new Set())) ?? new Set();
  const candidates = files.filter(({ digest }) => !held.has(digest));
  const removed: StoredBlob[] = [];
  for (let at = 0; at < candidates.length; at += batchSize) {
    if (signal?.aborted === true) throw cancelledBy(signal);
    database.transaction((tables) => {
      for (const file of candidates.slice(at, at + batchSize)) {
        if (leases.removeUnheld(tables, file.digest)) removed.push(file);
      }
    });
    await setImmediate();
  }
  return removed;
}

interface Ended {
  readonly ended: number;
  readonly released: readonly StoredBlob[];
  readonly knowledge: number;
}

/** Removes the rows that hold nothing any more, with the blobs that only they held. */
function endHolders(database: StoreDatabase, leases: Leases, { now, forget = false, ...ages }: Options): Ended {
  const old = isOlder(now, ages);
  return database.transaction((tables) => {
    const ended = leases.ended(tables);
    for (const id of ended) tables.run('DELETE FROM leases WHERE id = ?', id);
    tables.run('DELETE FROM kept_content WHERE until <= ?', forget ? Number.POSITIVE_INFINITY : now);
    const knowledge = forgetKnowledge(tables, now, forget);
    const released: StoredBlob[] = [];
    for (const row of tables.all('SELECT digest FROM loose_content')) {
      const digest = String(row['digest']) as Digest;
      const file = fileOf(database.dir, digest);
      // a young one that nothing holds stays noted, for whoever comes next
      if (file !== undefined && !old(file)) continue;
      if (leases.removeUnheld(tables, digest) && file !== undefined) released.push(file);
      tables.run('DELETE FROM loose_content WHERE digest = ?', digest);
    }
    return { ended: ended.length, released, knowledge };
  });
}

function isOlder(now: number, { olderThanMs = 0 }: GarbageRequest): (file: BlobFile) => boolean {
  return ({ writtenAt }) => olderThanMs === 0 || writtenAt <= now - olderThanMs;
}

function fileOf(dir: string, digest: Digest): BlobFile | undefined {
  const file = statSync(blobPath(dir, digest), { throwIfNoEntry: false });
  return file && { digest, size: file.size, writtenAt: file.mtimeMs };
}

/** Without its database nobody can tell what of a store is needed. */
function requireNothing(dir: string): void {
  const { length } = blobFiles(dir);
  if (length === 0) return;
  throw new StorageError(`the local store in ${dir} has ${length} blobs, but its database sheaf.db is not there`, {
    code: 'NO_DATABASE',
    hint: 'Restore sheaf.db from a backup, or move the folder away to begin with an empty store.',
  });
}

/** What a damaged database does not tell of, a list may need. */
function requireSound(database: StoreDatabase): void {
  const found = database.read((tables) => tables.get('PRAGMA integrity_check(1)')?.['integrity_check']) ?? 'ok';
  if (found === 'ok') return;
  throw new StorageError(
    `nothing is removed from the local store in ${database.dir}: its database is damaged: ${found}`,
    {
      code: 'STORE_CORRUPT',
      hint: 'See `sheaf store verify`.',
    },
  );
}

function reportOf(
  blobs: readonly StoredBlob[],
  left: GarbageReport['temporaryFiles'],
  rows: Pick<GarbageReport, 'leases' | 'knowledge'>,
): GarbageReport {
  return {
    blobs: blobs.map(({ digest, size }) => ({ digest, size })).sort((a, b) => (a.digest < b.digest ? -1 : 1)),
    temporaryFiles: left.map(({ name, size }) => ({ name, size })),
    ...rows,
    bytes: [...blobs, ...left].reduce((sum, { size }) => sum + size, 0),
  };
}
