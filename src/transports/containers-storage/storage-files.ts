/** Files of a storage, which belong to somebody else: to root, or to the IDs that a user has in a namespace. */
import { readFile, stat } from 'node:fs/promises';
import { asError, IntegrityError, SheafError, StorageError, systemCode } from '../../foundation/errors.ts';

/** The whole file; `undefined` where there is none. Throws IntegrityError FILE_TOO_LARGE, StorageError STORAGE_UNREADABLE. */
export async function readStorageFile(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      throw new IntegrityError(`${path} has ${size} bytes, more than the ${maxBytes} allowed`, {
        code: 'FILE_TOO_LARGE',
      });
    }
    return await readFile(path);
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(thrown, path);
  }
}

/** Whether there is such a file or folder. Throws StorageError STORAGE_UNREADABLE where that cannot be seen. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw unreadable(thrown, path);
  }
}

/** What a file of a storage could not be read for. */
export function unreadable(thrown: unknown, path: string): Error {
  if (thrown instanceof SheafError) return thrown;
  const forbidden = ['EACCES', 'EPERM'].includes(systemCode(thrown) ?? '');
  return new StorageError(`cannot read ${path} of the local storage: ${asError(thrown).message}`, {
    code: 'STORAGE_UNREADABLE',
    cause: thrown,
    hint: forbidden
      ? 'Its files belong to other IDs: run sheaf as root, or in `podman unshare` for a storage of your own.'
      : 'Let `podman system check` look at the storage.',
  });
}
