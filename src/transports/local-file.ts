/** Files that a transport reads: absence is an answer, sizes are checked before anything is read. */
import { once } from 'node:events';
import { close, createReadStream, open, read, type WriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { IntegrityError, systemCode } from '../foundation/errors.ts';
import { readError } from '../foundation/file-errors.ts';
import { withOpenFile } from '../foundation/open-files.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import type { ByteRange } from './transport.ts';

/** Bytes; `undefined` where there is no such file. Throws StorageError. */
export async function sizeOfFile(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (thrown) {
    if (isAbsence(thrown)) return undefined;
    throw readError(thrown, path);
  }
}

/** The whole file; `undefined` where there is none. Throws IntegrityError FILE_TOO_LARGE, StorageError. */
export async function readSmallFile(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const size = await sizeOfFile(path);
  if (size === undefined) return undefined;
  if (size > maxBytes) {
    throw new IntegrityError(`${path} has ${size} bytes, more than the ${maxBytes} allowed`, {
      code: 'FILE_TOO_LARGE',
    });
  }
  try {
    return await withOpenFile(() => readFile(path));
  } catch (thrown) {
    if (isAbsence(thrown)) return undefined;
    throw readError(thrown, path);
  }
}

/**
 * A stream of the file, or of a part. With `size`, the bytes that it has, small files come in one piece. Fails with StorageError:
 * to whoever writes what comes out, the error of a file would be one of its own.
 */
export function openFile(path: string, range?: ByteRange, size?: number): Readable {
  const end = range?.end ?? (size === undefined ? undefined : size - 1);
  return createReadStream(path, {
    highWaterMark: size !== undefined && size > 0 && size <= onePiece ? size : 1 << 18,
    ...(range === undefined ? {} : { start: range.start }),
    fs: tellingErrors(path),
    // where the end is known it is not looked for
    ...(end === undefined || end < 0 ? {} : { end }),
  });
}

/** How a stream opens and reads `path`. */
function tellingErrors(path: string) {
  const told = (error: Error | null): Error | null => error && readError(error, path);
  return {
    open(name: string, flags: string, mode: number, done: (error: Error | null, file: number) => void): void {
      open(name, flags, mode, (error, file) => done(told(error), file));
    },
    read(
      file: number,
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      done: (error: Error | null, count: number, buffer: Buffer) => void,
    ): void {
      read(file, buffer, offset, length, position, (error, count) => done(told(error), count, buffer));
    },
    close,
  };
}

/**
 * Waits for a file that something failed for: it may be about to be opened still, and would be made after it was removed.
 * Throws nothing.
 */
export async function givenUp(file: WriteStream | undefined): Promise<void> {
  if (file === undefined || file.closed) return;
  file.destroy();
  await once(file, 'close').catch(() => {});
}

/** Files up to this size are read in one piece. */
const onePiece = 4 << 20;

/** The chunks of a stream, with their memory given back as they pass: to be used where whole layers go through. */
export async function* passing(stream: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    const bytes = chunk as Uint8Array;
    countYoungBytes(bytes.byteLength);
    yield bytes;
  }
}

function isAbsence(thrown: unknown): boolean {
  const code = systemCode(thrown);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
