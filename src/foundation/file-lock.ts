/**
 * A lock between processes: a file that exists while somebody works on its neighbour. It holds the process id of its
 * owner, where that counts and since when, so that a lock left behind by a killed process is recognised and taken over.
 */
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { Clock } from './clock.ts';
import { StorageError, systemCode } from './errors.ts';
import { currentOwner, formatOwner, hasEnded, type Owner, parseOwner } from './owner.ts';
import { temporaryName } from './temporary-names.ts';

export interface FileLockOptions {
  clock: Clock;
  signal: AbortSignal;
  /** Milliseconds after which waiting ends in a StorageError. */
  timeoutMs?: number;
}

/** Runs `work` while holding the lock file `path`; throws StorageError LOCKED when it cannot be had in time. */
export async function withFileLock<T>(path: string, options: FileLockOptions, work: () => Promise<T>): Promise<T> {
  const release = await acquire(path, options);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function acquire(path: string, options: FileLockOptions): Promise<() => Promise<void>> {
  const { clock, signal, timeoutMs = 30_000 } = options;
  const own = temporaryName(path, 'tmp');
  const deadline = clock.now() + timeoutMs;
  // written whole first and then linked, so that nobody ever reads a lock without its owner
  await writeFile(own, formatOwner(), { flag: 'wx' });
  try {
    for (let delay = 2; ; delay = Math.min(delay * 2, 50)) {
      try {
        await link(own, path);
        return () => rm(path, { force: true });
      } catch (thrown) {
        if (systemCode(thrown) !== 'EEXIST') throw thrown;
      }
      await removeIfAbandoned(path);
      if (clock.now() > deadline) {
        throw new StorageError(`${path} is held by another process for more than ${timeoutMs / 1000} s`, {
          code: 'LOCKED',
          hint: 'Wait for the other process; if there is none, remove that file.',
        });
      }
      await clock.sleep(delay + Math.random() * delay, signal);
    }
  } finally {
    await rm(own, { force: true });
  }
}

async function removeIfAbandoned(path: string): Promise<void> {
  const text = await textOf(path);
  const owner = parseOwner(text ?? '');
  // one that names nobody has lost its text with the power
  if (text === undefined || (owner && !hasEnded(owner) && !(await isForgotten(path, owner)))) return;
  // move it aside first: only one of several waiters can, and a lock taken meanwhile is told by its owner and put back
  const aside = temporaryName(path, 'tmp');
  try {
    await rename(path, aside);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return;
    throw thrown;
  }
  if ((await textOf(aside)) !== text) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

/** Whether the lock is of another machine, or container, which nobody can ask, and older than any work takes. */
async function isForgotten(path: string, owner: Owner): Promise<boolean> {
  if (owner.host === currentOwner().host) return false;
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.mtimeMs < Date.now() - forgottenMs;
}

const forgottenMs = 60 * 60 * 1000;

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}
