/** Numbered files `signature-1`, `signature-2`, ...: the form of a lookaside in a folder and of signatures in `dir:` images. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expectFolder } from '../../foundation/atomic-file.ts';
import { IntegrityError, systemCode } from '../../foundation/errors.ts';
import { readError, writeError } from '../../foundation/file-errors.ts';
import type { TakeMemory } from '../signature-memory.ts';
import { maxSignatureBytes, maxSignatures } from '../signature-store.ts';

/** Path of the signature with the number `n`, from 1. */
export type Numbered = (n: number) => string;

/** All until the first that is missing. Throws StorageError, IntegrityError (too many, too large). */
export async function readNumbered(path: Numbered, take: TakeMemory): Promise<Uint8Array[]> {
  const blobs: Uint8Array[] = [];
  for (let n = 1; ; n += 1) {
    const blob = await readSmall(path(n));
    if (blob === undefined) return blobs;
    if (n > maxSignatures) throw tooMany(dirname(path(n)));
    // none of them is large
    await take(blob.byteLength);
    blobs.push(blob);
  }
}

/** Writes `blobs` after those that are there; never over one, not even one that somebody else writes at the same time. */
export async function appendNumbered(path: Numbered, blobs: readonly Uint8Array[]): Promise<void> {
  let n = 1;
  for (const blob of blobs) {
    for (; !(await createFile(path(n), blob)); n += 1) if (n >= maxSignatures) throw tooMany(dirname(path(n)));
  }
}

/** Throws StorageError where {@link appendNumbered} would for want of a folder that may be written to. */
export async function expectNumbered(path: Numbered): Promise<void> {
  const first = path(1);
  await expectFolder(dirname(first), `cannot write ${first}`);
}

async function readSmall(path: string): Promise<Uint8Array | undefined> {
  try {
    // a pipe would be waited for, for ever
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) {
        throw new IntegrityError(`the signature ${path} is no plain file`, {
          code: 'SIGNATURE_NOT_A_FILE',
          hint: 'Remove it; signatures are files called signature-1, signature-2 and so on.',
        });
      }
      if (found.size > maxSignatureBytes) {
        throw new IntegrityError(`the signature ${path} is larger than 4 MiB`, { code: 'SIGNATURE_TOO_LARGE' });
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(thrown) ?? '')) return undefined;
    if (thrown instanceof IntegrityError) throw thrown;
    throw readError(thrown, path);
  }
}

/** Whole or not at all; false where there is one of that name. */
async function createFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, bytes, { flag: 'wx', mode: 0o644 });
    try {
      await link(temporary, path);
      return true;
    } catch (thrown) {
      if (systemCode(thrown) === 'EEXIST') return false;
      // some file systems know no second names
      if ((await readSmall(path)) !== undefined) return false;
      await rename(temporary, path);
      return true;
    }
  } catch (thrown) {
    throw writeError(thrown, `cannot write ${path}`);
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

export function tooMany(where: string): IntegrityError {
  return new IntegrityError(`there are more than ${maxSignatures} signatures at ${where}`, {
    code: 'TOO_MANY_SIGNATURES',
    hint: 'Nobody signs one image that often, and no tool reads more; remove those that are not needed.',
  });
}
