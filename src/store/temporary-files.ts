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

export interface TemporaryFile {
  /** In the folder {@link temporaryFolder}. */
  readonly name: string;
  /** Bytes that were written so far. */
  readonly size: number;
  /** Whether its process has ended. */
  readonly abandoned: boolean;
}

export function temporaryFolder(dir: string): string {
  return join(dir, 'tmp');
}

/** A new name in the folder, used by nobody. */
export function temporaryName(dir: string): string {
  const { host, process } = currentOwner();
  count += 1;
  return join(temporaryFolder(dir), `${host}-${process}-${Date.now().toString(36)}-${count}`);
}

/** What is there now, in the order of the names. Throws what the file system throws. */
export function temporaryFiles(dir: string): TemporaryFile[] {
  const folder = temporaryFolder(dir);
  return namesIn(folder)
    .sort()
    .flatMap((name) => {
      const found = statSync(join(folder, name), { throwIfNoEntry: false });
      if (found?.isFile() !== true) return [];
      return [{ name, size: found.size, abandoned: isAbandoned(name, found.mtimeMs) }];
    });
}

/** Removes what processes that have ended left behind, and tells what that was. Throws what the file system throws. */
export function removeAbandonedFiles(dir: string): TemporaryFile[] {
  const removed = temporaryFiles(dir).filter(({ abandoned }) => abandoned);
  for (const { name } of removed) rmSync(join(temporaryFolder(dir), name), { force: true });
  return removed;
}

function isAbandoned(name: string, writtenAt: number): boolean {
  const [, host, process] = /^([0-9a-f]{8})-([0-9]+)-/.exec(name) ?? [];
  if (host !== undefined && hasEnded({ host, process: Number(process) })) return true;
  return writtenAt < Date.now() - abandonedMs;
}

/** None where there is no such folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}
