/**
 * Files in `tmp/`: blobs on their way in. Their names tell whose they are, so that those of killed processes can be
 * removed.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../foundation/errors.ts';
import { currentOwner, hasEnded } from '../foundation/owner.ts';

/**
 * Milliseconds since the last write after which a file is given up although nobody can tell whether its process
 * lives.
 */
const abandonedMs = 24 * 60 * 60 * 1000;

let count = 0;

export function temporaryFolder(dir: string): string {
  return join(dir, 'tmp');
}

/** A new name in the folder, used by nobody. */
export function temporaryName(dir: string): string {
  const { host, process } = currentOwner();
  count += 1;
  return join(temporaryFolder(dir), `${host}-${process}-${Date.now().toString(36)}-${count}`);
}

/** Removes what processes that have ended left behind, and returns how many files that were. */
export function removeAbandonedFiles(dir: string): number {
  const folder = temporaryFolder(dir);
  let removed = 0;
  for (const name of namesIn(folder)) {
    if (!isAbandoned(join(folder, name), name)) continue;
    rmSync(join(folder, name), { force: true });
    removed += 1;
  }
  return removed;
}

function isAbandoned(path: string, name: string): boolean {
  const [, host, process] = /^([0-9a-f]{8})-([0-9]+)-/.exec(name) ?? [];
  if (host !== undefined && hasEnded({ host, process: Number(process) })) return true;
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.mtimeMs < Date.now() - abandonedMs;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}
