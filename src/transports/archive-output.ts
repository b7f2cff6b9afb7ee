/**
 * Where an archive is written to. A file appears whole or not at all: it grows beside its place, under another name, and is
 * moved in the end. Standard output and pipes get the bytes as they come.
 */
import { createWriteStream } from 'node:fs';
import { access, constants, mkdir, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { expectFolder, moveToAbsent } from '../foundation/atomic-file.ts';
import {
  asError,
  ConflictError,
  SheafError,
  StorageError,
  systemCode,
  UnsupportedError,
} from '../foundation/errors.ts';
import { writeError } from '../foundation/file-errors.ts';
import { syncFolder } from '../foundation/sync-folder.ts';
import { removeAbandoned, temporaryName } from '../foundation/temporary-names.ts';
import { type WriteTarget, writeTarget } from '../foundation/write-target.ts';
import { standardStream } from './place.ts';
import type { TransportEnv } from './transport.ts';

/** Takes one archive; a second one takes the place of the first, where that is possible. */
export interface ArchiveOutput {
  /** The file, for messages. */
  readonly where: string;
  /** A folder on the same disk for what is gathered before the archive can be written. */
  readonly workFolder: string;
  /** Makes that folder, and clears away what runs that were killed have left in such ones. Throws StorageError. */
  makeWorkFolder(): Promise<void>;
  /** Throws what {@link makeWorkFolder} would throw, as far as that can be told without making it. */
  expectWritable(): Promise<void>;
  /** Where it was made, with all that is in it. */
  removeWorkFolder(): Promise<void>;
  /** Whether the archive can be written more than once. */
  readonly rewritable: boolean;
  /** Runs `write` with a stream that it ends. What it throws leaves everything as it was, as far as that is possible. */
  write(write: (output: Writable) => Promise<void>): Promise<void>;
}

type WorkFolder = Pick<ArchiveOutput, 'makeWorkFolder' | 'expectWritable' | 'removeWorkFolder' | 'workFolder'>;

export interface ArchiveOutputOptions {
  /** What to throw where a file has come to be at the path while the archive was made; without it the archive takes its place. */
  readonly occupied?: () => ConflictError;
}

/** `path`: a file, a pipe, or `-` for standard output. Throws ConflictError for a folder, StorageError. */
export async function archiveOutput(
  path: string,
  env: TransportEnv,
  { occupied }: ArchiveOutputOptions = {},
): Promise<ArchiveOutput> {
  if (path === standardStream) {
    const { standardOutput } = env;
    if (standardOutput === undefined) throw new UnsupportedError('there is no standard output to write to here');
    return streamOutput('standard output', () => unended(standardOutput()));
  }
  let target: WriteTarget;
  try {
    target = await writeTarget(path);
    if (target.kind === 'folder') {
      throw new ConflictError(`${path} is a folder, and an archive is a file`, {
        code: 'NOT_A_FILE',
        side: 'destination',
        hint: 'Name a file in it.',
      });
    }
  } catch (thrown) {
    throw thrown instanceof SheafError ? thrown : writeError(thrown, `cannot write ${path}`);
  }
  if (target.kind === 'stream') return streamOutput(path, () => createWriteStream(target.path, { flags: 'a' }));
  return fileOutput(target.path, path, target.kind === 'absent' ? occupied : undefined);
}

/** Something that takes an archive once, as it comes. */
export function streamOutput(where: string, openStream: () => Writable): ArchiveOutput {
  return {
    where,
    ...temporaryWorkFolder(),
    rewritable: false,
    async write(write) {
      try {
        await write(openStream());
      } catch (thrown) {
        throw thrown instanceof SheafError ? thrown : writeError(thrown, `cannot write to ${where}`);
      }
    },
  };
}

/** For archives that do not stay on this disk. */
export function temporaryWorkFolder(): WorkFolder {
  const inTemporary = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (thrown) {
      throw temporaryError(thrown, 'cannot gather the archive in');
    }
  };
  return {
    // not the temporary folder itself: one that is not there is a mistake in TMPDIR
    ...workFolder(join(tmpdir(), temporaryArchive), (folder) => inTemporary(mkdir(folder))),
    expectWritable: () => inTemporary(access(tmpdir(), constants.W_OK | constants.X_OK)),
  };
}

/** `cannot`: "cannot bring a.tar to". */
export function temporaryError(thrown: unknown, cannot: string): StorageError {
  return new StorageError(`${cannot} the temporary folder ${tmpdir()}: ${asError(thrown).message}`, {
    cause: thrown,
    hint: 'Set TMPDIR to a folder that exists, that you may write to, and that has room for the archive unpacked.',
  });
}

/** How names of archives begin that are here for a while only. */
export const temporaryArchive = 'sheaf-archive';

/** `path`: of the archive, beside which the folder is. */
function besideArchive(path: string): WorkFolder {
  const cannot = `cannot write ${path}`;
  const make = async (folder: string): Promise<void> => {
    try {
      await mkdir(folder, { recursive: true });
    } catch (thrown) {
      throw writeError(thrown, cannot);
    }
  };
  return { ...workFolder(path, make), expectWritable: () => expectFolder(dirname(path), cannot) };
}

function workFolder(path: string, makeFolder: (folder: string) => Promise<void>): Omit<WorkFolder, 'expectWritable'> {
  const folder = temporaryName(path, 'tmp');
  let made: Promise<void> | undefined;
  const make = async (): Promise<void> => {
    await removeAbandoned(dirname(path), basename(path));
    await makeFolder(folder);
  };
  return {
    workFolder: folder,
    makeWorkFolder() {
      made ??= make();
      return made;
    },
    removeWorkFolder: async () =>
      made?.then(
        () => rm(folder, { recursive: true, force: true }),
        () => {},
      ),
  };
}

/** `named`: the path as it was given, for messages. */
function fileOutput(path: string, named: string, occupied: (() => ConflictError) | undefined): ArchiveOutput {
  const temporary = temporaryName(path, 'part');
  let isOurs = false;
  const place = async (): Promise<void> => {
    if (occupied === undefined || isOurs) return rename(temporary, path);
    try {
      await moveToAbsent(temporary, path);
    } catch (thrown) {
      throw systemCode(thrown) === 'EEXIST' ? occupied() : thrown;
    }
    isOurs = true;
  };
  return {
    where: named,
    ...besideArchive(path),
    rewritable: true,
    async write(write) {
      try {
        await mkdir(dirname(path), { recursive: true });
        await removeAbandoned(dirname(path), basename(path));
        await write(createWriteStream(temporary, { flags: 'w', mode: 0o644, highWaterMark: 1 << 20 }));
        const file = await open(temporary, 'r+');
        try {
          await file.sync();
        } finally {
          await file.close();
        }
        await place();
        await syncFolder(dirname(path));
      } catch (thrown) {
        await rm(temporary, { force: true }).catch(() => {});
        throw thrown instanceof SheafError ? thrown : writeError(thrown, `cannot write ${named}`);
      }
    },
  };
}

/** `work`, never twice at a time: calls that come while it runs share the next run, which begins after them. */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  return () => {
    waiting ??= running
      .catch(() => {})
      .then(() => {
        running = waiting ?? running;
        waiting = undefined;
        return work();
      });
    return waiting;
  };
}

/** Passes everything on, but leaves `output` open: standard output belongs to the whole program. */
function unended(output: Writable): Writable {
  return new Writable({
    highWaterMark: 1 << 20,
    write(chunk, _encoding, done) {
      output.write(chunk, done);
    },
  });
}
