/**
 * Where an archive is written to. A file appears whole or not at all: it grows beside its place, under another name, and is
 * moved in the end. Standard output and pipes get the bytes as they come.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { storageError } from '../foundation/atomic-file.ts';
import { ConflictError, SheafError, systemCode, UnsupportedError } from '../foundation/errors.ts';
import { standardStream } from './place.ts';
import type { TransportEnv } from './transport.ts';

/** Takes one archive; a second one takes the place of the first, where that is possible. */
export interface ArchiveOutput {
  /** The file, for messages. */
  readonly where: string;
  /** A folder on the same disk for what is gathered before the archive can be written; made by who needs it. */
  readonly workFolder: string;
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
    if (systemCode(thrown) !== 'ENOENT') throw storageError(thrown, `cannot write ${path}`);
  }
  return special ? streamOutput(path, () => createWriteStream(path)) : fileOutput(path);
}

/** Something that takes an archive once, as it comes. */
export function streamOutput(where: string, openStream: () => Writable): ArchiveOutput {
  return {
    where,
    workFolder: join(tmpdir(), `sheaf-archive-${randomUUID()}.tmp`),
    rewritable: false,
    async write(write) {
      try {
        await write(openStream());
      } catch (thrown) {
        throw thrown instanceof SheafError ? thrown : storageError(thrown, `cannot write to ${where}`);
      }
    },
  };
}

function fileOutput(path: string): ArchiveOutput {
  const aside = `${path}.${randomUUID()}`;
  return {
    where: path,
    workFolder: `${aside}.tmp`,
    rewritable: true,
    async write(write) {
      const temporary = `${aside}.part`;
      try {
        await mkdir(dirname(path), { recursive: true });
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
        throw thrown instanceof SheafError ? thrown : storageError(thrown, `cannot write ${path}`);
      }
    },
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
