/** One server process a folder: a file says which process has it. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { StorageError, systemCode } from '../../foundation/errors.ts';
import { currentOwner, formatOwner, hasEnded, type Owner, parseOwner } from '../../foundation/owner.ts';

/** Folders that this very process has; its number alone does not tell, as it may have been another process' before. */
const held = new Set<string>();

/** Throws StorageError FOLDER_IN_USE. Returns what gives the folder back. */
export async function claimFolder(file: string): Promise<() => Promise<void>> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await writeFile(file, formatOwner(), { flag: 'wx' });
      held.add(file);
      return async () => {
        if (held.delete(file)) await rm(file, { force: true });
      };
    } catch (thrown) {
      if (systemCode(thrown) !== 'EEXIST') throw thrown;
    }
    const owner = parseOwner(await readFile(file, 'utf8').catch(() => ''));
    if (attempt > 2 || isInUse(file, owner)) {
      throw new StorageError(`another registry, process ${owner?.process ?? 'unknown'}, serves the folder of ${file}`, {
        code: 'FOLDER_IN_USE',
        hint: 'Stop that one first; if it is none, remove the file.',
      });
    }
    await rm(file, { force: true });
  }
}

function isInUse(file: string, owner: Owner | undefined): boolean {
  if (held.has(file)) return true;
  const { host, process } = currentOwner();
  return owner !== undefined && owner.host === host && owner.process !== process && !hasEnded(owner);
}
