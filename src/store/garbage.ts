/**
 * Removes content that nothing holds, by looking at every file: also what a power cut or another program left behind.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../foundation/errors.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import type { StoreDatabase } from './database.ts';
import type { Leases } from './leases.ts';
import { toStorageError } from './storage-errors.ts';
import { removeAbandonedFiles } from './temporary-files.ts';

export interface GarbageReport {
  /** Blobs that were removed, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
  /** Half-written files of ended processes that were removed. */
  readonly temporaryFiles: number;
}

/** Files looked at in one transaction: others get their turn in between. */
const batchSize = 256;

interface Candidate {
  readonly digest: Digest;
  readonly size: number;
}

/** Blobs written less than `olderThanMs` milliseconds ago stay. Throws StorageError. */
export async function collectGarbage(
  database: StoreDatabase,
  leases: Leases,
  options: { readonly olderThanMs: number; readonly now: number },
): Promise<GarbageReport> {
  try {
    leases.collect();
    const temporaryFiles = removeAbandonedFiles(database.dir);
    const candidates = await oldBlobs(join(database.dir, 'blobs'), options.now - options.olderThanMs);
    let blobs = 0;
    let bytes = 0;
    for (let at = 0; at < candidates.length; at += batchSize) {
      database.transaction((tables) => {
        for (const { digest, size } of candidates.slice(at, at + batchSize)) {
          if (!leases.removeUnheld(tables, digest)) continue;
          blobs += 1;
          bytes += size;
        }
      });
    }
    return { blobs, bytes, temporaryFiles };
  } catch (thrown) {
    throw toStorageError(thrown, database.dir);
  }
}

async function oldBlobs(folder: string, before: number): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const algorithm of ['sha256', 'sha512']) {
    for (const hex of await namesIn(join(folder, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (!isDigest(digest)) continue;
      const file = await stat(join(folder, algorithm, hex)).catch(() => undefined);
      if (file !== undefined && file.mtimeMs <= before) found.push({ digest, size: file.size });
    }
  }
  return found;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}
