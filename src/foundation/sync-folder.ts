/** Names in folders, made to outlast a power cut: a file that is synced is on the disk, the name that it was moved to is not. */
import { open } from 'node:fs/promises';
import { systemCode } from './errors.ts';

/** What a disk that fails says; anything else, that there is no such folder or that it cannot be synced here. */
const failures: ReadonlySet<string | undefined> = new Set(['EIO', 'ENOSPC', 'EDQUOT']);

/** As far as the system can do it: Windows opens no folders, not every file system syncs them. Throws what a failing disk does. */
export async function syncFolder(path: string): Promise<void> {
  try {
    await using handle = await open(path, 'r');
    await handle.sync();
  } catch (thrown) {
    if (failures.has(systemCode(thrown))) throw thrown;
  }
}
