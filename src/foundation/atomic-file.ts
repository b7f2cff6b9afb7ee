/** Files that are whole or not there: written beside their place, made durable, moved. */
import { access, constants, link, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError, systemCode, UsageError } from './errors.ts';
import { writeError } from './file-errors.ts';
import { temporaryName } from './temporary-names.ts';
import { type WriteTarget, writeTarget } from './write-target.ts';

/**
 * A file that a person named: what is open already (`/dev/stdout`) or no regular file (a pipe) is written to directly, a symbolic
 * link stays one, and anything else is written as {@link writeAtomically} does. Throws StorageError.
 */
export async function writeNamedFile(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const target = await writeTarget(path);
    if (target.kind === 'stream') return await writeFile(target.path, bytes, { flag: 'a' });
    await writeAtomically(target.path, bytes);
  } catch (thrown) {
    throw thrown instanceof StorageError ? thrown : writeError(thrown, `cannot write ${path}`);
  }
}

/**
 * Writes a new file beside `path`, makes it durable and moves it over `path`, a symbolic link too; folders are made as needed.
 * What is no regular file (`/dev/null`, a pipe) is written to directly. Throws StorageError.
 */
export async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  if ((await kindOf(path)) === 'stream') return writeFile(path, bytes);
  try {
    await mkdir(dirname(path), { recursive: true });
    await putWhole(path, bytes);
  } catch (thrown) {
    throw writeError(thrown, `cannot write ${path}`);
  }
}

export interface PutWholeOptions {
  /** Permissions, of which the umask takes its share; default 0o644. */
  readonly mode?: number;
  /** Puts the file in its place; default `rename`. */
  readonly place?: (from: string, to: string) => Promise<void>;
}

/** Writes a new file beside `path`, makes it durable and puts it there. Throws what the file system throws, and leaves nothing. */
export async function putWhole(
  path: string,
  bytes: Uint8Array,
  { mode = 0o644, place = rename }: PutWholeOptions = {},
): Promise<void> {
  const temporary = temporaryName(path, 'tmp');
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(temporary, path);
  } catch (thrown) {
    // what could not be made cannot be removed either; the first error is the one to tell
    await rm(temporary, { force: true }).catch(() => {});
    throw thrown;
  }
}

/** Moves a file to where nothing may be. Throws EEXIST where something is, and what else the file system throws. */
export async function moveToAbsent(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (thrown) {
    if (systemCode(thrown) === 'EEXIST') throw thrown;
    // some file systems know no second names
    return rename(from, to);
  }
  await rm(from);
}

/**
 * Says early that {@link writeNamedFile} will find a folder at `path`, a file above it, or a folder that nobody, or not this user,
 * may write to. Throws StorageError, UsageError.
 */
export async function expectFilePath(path: string): Promise<void> {
  if (path === '') throw new UsageError('the name of a file is empty', { code: 'EMPTY_PATH', hint: 'Name a file.' });
  const cannot = `cannot write ${path}`;
  const refuse = (code: string, why: string): Error => writeError(Object.assign(new Error(why), { code }), cannot);
  const target = await targetOf(path);
  if (target?.kind === 'stream') return;
  if (target?.kind === 'folder') throw refuse('EISDIR', 'it is a folder');
  for (let above = dirname(target?.path ?? path); ; above = dirname(above)) {
    const kind = await kindOf(above);
    if (kind === 'file' || kind === 'stream') throw refuse('ENOTDIR', `${above} is a file`);
    if (kind === 'folder') {
      return await access(above, constants.W_OK).catch((thrown: unknown) => {
        throw writeError(thrown, cannot);
      });
    }
    if (above === dirname(above)) return;
  }
}

/**
 * Says early that nothing can be put into `folder`, or that it cannot be made. `cannot`: "cannot write /a/b". Throws StorageError.
 */
export async function expectFolder(folder: string, cannot: string): Promise<void> {
  for (let above = folder; ; above = dirname(above)) {
    try {
      // with the slash a file in the place of the folder is none
      return await access(`${above}/`, constants.W_OK | constants.X_OK);
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT' || above === dirname(above)) throw writeError(thrown, cannot);
    }
  }
}

async function kindOf(path: string): Promise<WriteTarget['kind'] | undefined> {
  return (await targetOf(path))?.kind;
}

/** `undefined` where that cannot be seen: whoever writes there meets the reason. */
const targetOf = (path: string): Promise<WriteTarget | undefined> => writeTarget(path).catch(() => undefined);
