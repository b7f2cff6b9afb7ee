/** The few file operations that a registry folder is made of; each leaves either the old state or the new one. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../../foundation/errors.ts';
import { syncFolder } from '../../foundation/sync-folder.ts';

/** Runs `work`, which may fail because something is not there; undefined then. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw thrown;
  }
}

/** The size in bytes of the file `path`; undefined when there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return (await ifThere(stat(path)))?.size;
}

export async function exists(path: string): Promise<boolean> {
  return (await ifThere(stat(path))) !== undefined;
}

export function readText(path: string): Promise<string | undefined> {
  return ifThere(readFile(path, 'utf8'));
}

/** Names in the folder `path`; none when it is not there. */
export async function namesIn(path: string): Promise<string[]> {
  return (await ifThere(readdir(path))) ?? [];
}

/** False when it was not there. */
export async function removeFile(path: string): Promise<boolean> {
  return (await ifThere(rm(path).then(() => true))) ?? false;
}

/** Makes an empty file, whose name is all that it says. */
export async function touch(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await (await open(path, 'a')).close();
}

/** Moves `from` to `to`, and takes the place of what may be there; its content is on the disk before, its name afterwards. */
export async function publish(from: string, to: string): Promise<void> {
  await withFile(from, 'r+', (file) => file.sync());
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
  await syncFolder(dirname(to));
}

/** Writes `path` as a whole; `scratch` is a folder of the same file system. */
export async function writeWhole(path: string, bytes: Uint8Array | string, scratch: string): Promise<void> {
  const temporary = join(scratch, randomUUID());
  try {
    await withFile(temporary, 'wx', (file) => file.writeFile(bytes));
    await publish(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
}

export async function withFile<T>(path: string, flags: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

/** Writes all of `bytes` at `position`. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}
