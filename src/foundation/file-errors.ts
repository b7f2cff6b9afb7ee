/** What the file system threw, as the errors to show: each says what to do about it, where that is known. */
import { asError, type CancelledError, cancelledBy, StorageError, systemCode } from './errors.ts';

const hintsOfBoth: Readonly<Record<string, string>> = {
  ENOTDIR: 'Part of the path is a file, or a link that leads nowhere, and not a folder.',
  EISDIR: 'Name a file, not a folder.',
  ELOOP: 'The path goes through symbolic links in a circle.',
  ENAMETOOLONG: 'Choose a shorter path.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n).',
};

const hintsOfReading: Readonly<Record<string, string>> = {
  ...hintsOfBoth,
  EFBIG: 'No file of this kind is that large: name another one.',
  EACCES: 'You may not read it: change its permissions, or run this as somebody who may.',
  EPERM: 'You may not read it: change its permissions, or run this as somebody who may.',
};

const hintsOfWriting: Readonly<Record<string, string>> = {
  ...hintsOfBoth,
  ENOSPC: 'The disk is full: make room and run it again.',
  EDQUOT: 'Your share of the disk is full: make room and run it again.',
  EACCES: 'You may not write there: choose another folder or change its permissions.',
  EPERM: 'You may not write there: choose another folder or change its permissions.',
  EFBIG:
    'No file may be that large there (ulimit -f, or the kind of file system): choose another folder or raise the limit.',
  EROFS: 'The disk is read-only: choose another folder.',
};

/** `what`: "the policy /etc/a.json", or the path alone. */
export function readError(thrown: unknown, what: string, code?: string): StorageError | CancelledError {
  return fileError(thrown, `cannot read ${what}`, hintsOfReading, code);
}

/** `cannot`: "cannot write /a/b", "cannot clean up /a". */
export function writeError(thrown: unknown, cannot: string): StorageError | CancelledError {
  return fileError(thrown, cannot, hintsOfWriting, undefined);
}

/** Whether `thrown` says that a disk is full, or somebody's share of it. */
export function isNoRoom(thrown: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(systemCode(thrown) ?? '');
}

/** Whether `thrown` is what Node.js's recursive mkdir says of a read-only disk: that something is not there. */
export function isRefusedFolder(thrown: unknown): boolean {
  return (
    thrown instanceof Error && 'syscall' in thrown && thrown.syscall === 'mkdir' && systemCode(thrown) === 'ENOENT'
  );
}

function fileError(
  thrown: unknown,
  cannot: string,
  hints: Readonly<Record<string, string>>,
  code: string | undefined,
): StorageError | CancelledError {
  const error = asError(thrown);
  // a stream that a signal has ended: nothing is wrong with the disk
  if (error.name === 'AbortError') return cancelledBy({ reason: error.cause });
  const isMkdir = isRefusedFolder(thrown);
  const hint = isMkdir
    ? 'The disk is read-only, or a link on the way leads nowhere: choose another folder.'
    : hints[systemCode(thrown) ?? ''];
  return new StorageError(`${cannot}: ${isMkdir ? 'the folder cannot be made' : error.message}`, {
    cause: thrown,
    ...(code !== undefined && { code }),
    ...(hint !== undefined && { hint }),
  });
}
