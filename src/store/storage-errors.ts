/** Turns what the file system and SQLite throw into StorageErrors that say what happened and what to do. */
import { asError, SheafError, StorageError, systemCode } from '../foundation/errors.ts';
import { isRefusedFolder } from '../foundation/file-errors.ts';

interface Reason {
  readonly code: string;
  readonly text: string;
  readonly hint: string;
}

const full: Reason = {
  code: 'STORE_FULL',
  text: 'there is no space left on the device',
  hint: 'Free some space there, or set SHEAF_HOME to a folder on a larger disk; nothing was lost.',
};
const readOnly: Reason = {
  code: 'STORE_READ_ONLY',
  text: 'there is no permission to use it, or it is on a read-only disk',
  hint: 'Give yourself read and write permission on that folder, or set SHEAF_HOME to another one.',
};
const corrupt: Reason = {
  code: 'STORE_CORRUPT',
  text: 'the database sheaf.db is damaged or is not a database',
  hint: 'Restore sheaf.db from a backup, or move the folder away to begin with an empty store.',
};
const busy: Reason = {
  code: 'STORE_BUSY',
  text: 'another process has held its lock for too long',
  hint: 'Wait for the other sheaf process to end, or stop it, and run the command again.',
};
const noFolder: Reason = {
  code: 'STORE_NOT_A_DIRECTORY',
  text: 'a part of that path is a file, not a folder',
  hint: 'Set SHEAF_HOME to a folder.',
};
const tooManyFiles: Reason = {
  code: 'STORE_TOO_MANY_FILES',
  text: 'too many files are open',
  hint: 'Raise the limit (`ulimit -n`) or lower --parallel.',
};

const systemReasons: Readonly<Record<string, Reason>> = {
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: full,
  EROFS: readOnly,
  EACCES: readOnly,
  EPERM: readOnly,
  ENOTDIR: noFolder,
  EEXIST: noFolder,
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
};

/** By primary result code: https://sqlite.org/rescode.html */
const sqliteReasons: Readonly<Record<number, Reason>> = {
  5: busy,
  6: busy,
  8: readOnly,
  11: corrupt,
  13: full,
  14: readOnly,
  23: readOnly,
  26: corrupt,
};

/** The primary result code of an error of `node:sqlite`, if it is one. */
export function sqliteCode(thrown: unknown): number | undefined {
  if (systemCode(thrown) !== 'ERR_SQLITE_ERROR') return undefined;
  const { errcode } = thrown as { errcode?: unknown };
  if (typeof errcode !== 'number') return undefined;
  return errcode === ioErrShmSize ? SQLITE_FULL : errcode & 0xff;
}

/** There is no room for the file that the users of a database share, which SQLite calls an I/O error. */
const ioErrShmSize = 4874;

export const SQLITE_BUSY = 5;
export const SQLITE_FULL = 13;
export const SQLITE_CANTOPEN = 14;

/**
 * `thrown`, or the StorageError that stands for it if it came from the file system or the database. `dir` is the
 * folder of the store.
 */
export function toStorageError(thrown: unknown, dir: string): unknown {
  if (thrown instanceof SheafError) return thrown;
  const result = sqliteCode(thrown);
  const code = systemCode(thrown);
  const isSystem = thrown instanceof Error && 'syscall' in thrown && code !== undefined;
  if (result === undefined && !isSystem) return thrown;
  const reason = result === undefined ? systemReason(thrown, code) : sqliteReasons[result];
  const text = reason?.text ?? asError(thrown).message;
  return new StorageError(`the local store in ${dir} failed: ${text}`, {
    code: reason?.code ?? 'STORE_FAILED',
    hint:
      reason?.hint ??
      'Check the disk (it may be full) and the permissions of that folder, or set SHEAF_HOME to another one.',
    cause: thrown,
  });
}

function systemReason(thrown: unknown, code: string | undefined): Reason | undefined {
  return isRefusedFolder(thrown) ? readOnly : systemReasons[code ?? ''];
}
