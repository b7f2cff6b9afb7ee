/**
 * Who works in a layout. Every writer leaves a file there while it looks for blobs and puts them; whoever collects garbage
 * waits for nobody but refuses while there is one. Both change hands under one lock, so that a writer either keeps garbage from
 * being collected or finds it gone.
 */
import { lstat, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../foundation/errors.ts';
import { writeError } from '../../foundation/file-errors.ts';
import { withFileLock } from '../../foundation/file-lock.ts';
import type { Session } from '../../foundation/session.ts';
import { isAbandoned, isTemporary, temporaryName } from '../../foundation/temporary-names.ts';

const useName = '.in-use';
/** Large layouts take their time to be collected. */
const lockTimeoutMs = 2 * 60_000;

/** Runs `work` while nobody else changes index.json, begins to write, or collects garbage. Throws StorageError LOCKED. */
export function withLayoutLock<T>(folder: string, session: Session, work: () => Promise<T>): Promise<T> {
  return withFileLock(join(folder, '.index.json.lock'), { ...session, timeoutMs: lockTimeoutMs }, work);
}

/** One writer's stay in a layout. */
export class LayoutUse {
  readonly #folder: string;
  readonly #session: Session;
  #file: Promise<string | undefined> | undefined;

  constructor(folder: string, session: Session) {
    this.#folder = folder;
    this.#session = session;
  }

  /**
   * Takes effect once. `false` where there is no such folder yet, or (unless it must be written to) where it cannot be written
   * to: a plan only looks. Throws StorageError.
   */
  async begin({ mustWrite = false } = {}): Promise<boolean> {
    const file = this.#file ?? this.#leave(mustWrite);
    this.#file = file;
    if ((await file) !== undefined) return true;
    if (this.#file === file) this.#file = undefined;
    return false;
  }

  async end(): Promise<void> {
    const file = await this.#file?.catch(() => undefined);
    if (file !== undefined) await rm(file, { force: true }).catch(() => {});
  }

  async #leave(mustWrite: boolean): Promise<string | undefined> {
    const file = temporaryName(join(this.#folder, useName), 'tmp');
    try {
      return await withLayoutLock(this.#folder, this.#session, async () => {
        await writeFile(file, '', { flag: 'wx' });
        return file;
      });
    } catch (thrown) {
      const code = systemCode(thrown);
      if (!mustWrite && (code === 'ENOENT' || code === 'EACCES' || code === 'EPERM' || code === 'EROFS')) {
        return undefined;
      }
      throw code === undefined ? thrown : writeError(thrown, `cannot write an image layout to ${this.#folder}`);
    }
  }
}

/** containers/image writes blobs to files of such names first. */
const foreignBlob = /^oci-put-blob/;
/** Milliseconds for which such a file is taken for one that somebody still writes to. */
const foreignMs = 60 * 60_000;

/** The file of somebody who writes to the layout at this moment; `undefined` where nobody does. */
export async function userOf(folder: string): Promise<string | undefined> {
  for (const name of await readdir(folder)) {
    if (isTemporary(name, useName) && !(await isAbandoned(folder, name))) return name;
    if (!foreignBlob.test(name)) continue;
    const found = await lstat(join(folder, name)).catch(() => undefined);
    if (found !== undefined && found.mtimeMs > Date.now() - foreignMs) return name;
  }
  return undefined;
}

const sharedName = '.shared';

/** Notes in a folder of blobs that they are not those of one layout. */
export async function markShared(blobs: string): Promise<void> {
  try {
    await writeFile(join(blobs, sharedName), 'Several layouts may have their blobs here.\n', { flag: 'wx' });
  } catch (thrown) {
    if (systemCode(thrown) !== 'EEXIST') throw writeError(thrown, `cannot write to ${blobs}`);
  }
}

/** Whether the blobs in the folder may be those of several layouts. */
export async function isShared(blobs: string): Promise<boolean> {
  const found = await lstat(blobs).catch(() => undefined);
  if (found === undefined) return false;
  if (!found.isDirectory()) return true;
  const entries = await readdir(blobs, { withFileTypes: true });
  return entries.some((entry) => entry.name === sharedName || entry.isSymbolicLink());
}
