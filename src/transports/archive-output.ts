/**
 * Where an archive is written to. A file appears whole or not at all: it grows beside its place, under another name, and is
 * moved in the end. Standard output and pipes get the bytes as they come.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { ConflictError, SheafError, systemCode, UnsupportedError } from '../foundation/errors.ts';
import { writeError } from '../foundation/file-errors.ts';
import { removeAbandoned, temporaryName } from '../foundation/temporary-names.ts';
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
  /** Whether the archive can be written more than once. */
  readonly rewritable: boolean;
  /** Runs `write` with a stream that it ends. What it throws leaves everything as it was, as far as that is possible. */
  write(write: (output: Writable) => Promise<void>): Promise<void>;
}

/** `path`: a file, a pipe, or `-` for standard output. Throws ConflictError for a folder, StorageError. */
export async function archiveOutput(path: string, env: TransportEnv): Promise<ArchiveOutput> {
  if (path === standardStream) {
    const { standardOutput } = env;
    if (standardOutput === undefined) throw new UnsupportedError('there is no standard output to write to here');
    return streamOutput('standard output', () => unended(standardOutput()));
  }
  let special = false;
  try {
    const found = await stat(path);
    if (found.isDirectory()) {
      throw new ConflictError(`${path} is a folder, and an archive is a file`, {
        code: 'NOT_A_FILE',
        side: 'destination',
        hint: 'Name a file in it.',
      });
    }
    special = !found.isFile();
  } catch (thrown) {
    if (thrown instanceof SheafError) throw thrown;
    if (systemCode(thrown) !== 'ENOENT') throw writeError(thrown, `cannot write ${path}`);
  }
  return special ? streamOutput(path, () => createWriteStream(path)) : fileOutput(path);
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
export function temporaryWorkFolder(): Pick<ArchiveOutput, 'makeWorkFolder' | 'workFolder'> {
  return workFolder(join(tmpdir(), temporaryArchive));
}

/** How names of archives begin that are here for a while only. */
export const temporaryArchive = 'sheaf-archive';

function workFolder(path: string): Pick<ArchiveOutput, 'makeWorkFolder' | 'workFolder'> {
  const folder = temporaryName(path, 'tmp');
  let made: Promise<void> | undefined;
  const make = async (): Promise<void> => {
    await removeAbandoned(dirname(path), basename(path));
    try {
      await mkdir(folder, { recursive: true });
    } catch (thrown) {
      throw writeError(thrown, `cannot write ${path}`);
    }
  };
  return {
    workFolder: folder,
    makeWorkFolder() {
      made ??= make();
      return made;
    },
  };
}

function fileOutput(path: string): ArchiveOutput {
  const temporary = temporaryName(path, 'part');
  return {
    where: path,
    ...workFolder(path),
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
        await rename(temporary, path);
      } catch (thrown) {
        await rm(temporary, { force: true }).catch(() => {});
        throw thrown instanceof SheafError ? thrown : writeError(thrown, `cannot write ${path}`);
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
