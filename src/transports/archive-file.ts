/**
 * A tar archive to read from, wherever its bytes come from. A plain file is read in place; a compressed one, a pipe and
 * standard input are first brought to a temporary file, since what is wanted of them is not known in advance.
 */
import { createReadStream, type WriteStream } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TarFile } from '../archive/tar-file.ts';
import { blockSize, isZeroBlock, parseHeaderBlock } from '../archive/tar-header.ts';
import { decompress } from '../compression/decompress.ts';
import { type DetectedCompression, detectCompression, magicBytes } from '../compression/detect.ts';
import {
  cancelledBy,
  IntegrityError,
  NotFoundError,
  SheafError,
  systemCode,
  UnsupportedError,
} from '../foundation/errors.ts';
import { readError } from '../foundation/file-errors.ts';
import { removeAbandoned, temporaryName } from '../foundation/temporary-names.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import { type ArchiveLimits, archiveLimits } from './archive-limits.ts';
import { temporaryArchive, temporaryError } from './archive-output.ts';
import { givenUp, openFile } from './local-file.ts';
import { standardStream } from './place.ts';
import type { ImageLocation, ImageSource, TransportEnv } from './transport.ts';
import { unpackedBy } from './unpack-program.ts';

/**
 * Opens the archive `path` (`-` is standard input). Throws NotFoundError ARCHIVE_NOT_FOUND, UnsupportedError
 * UNREADABLE_COMPRESSION, and what {@link TarFile.open} and {@link spoolArchive} throw.
 */
export async function openArchive(path: string, env: TransportEnv): Promise<TarFile> {
  if (path === standardStream) {
    if (env.standardInput === undefined) throw new UnsupportedError('there is no standard input to read from here');
    return spoolArchive(env.standardInput(), 'the archive on standard input', env);
  }
  try {
    const found = await stat(path);
    if (found.isDirectory()) {
      throw new NotFoundError(`${path} is a folder, not an archive`, {
        code: 'ARCHIVE_NOT_FOUND',
        hint: 'Images in folders are named oci:FOLDER or dir:FOLDER.',
      });
    }
    if (!found.isFile()) return await spoolArchive(createReadStream(path, { highWaterMark: 1 << 20 }), path, env);
    if ((await compressionOf(path)) === 'none') return await TarFile.open(path, { limits: archiveLimits() });
    return await spoolArchive(openFile(path, undefined, found.size), path, env);
  } catch (thrown) {
    if (thrown instanceof SheafError) throw thrown;
    if (systemCode(thrown) === 'ENOENT' || systemCode(thrown) === 'ENOTDIR') {
      throw new NotFoundError(`there is no archive ${path}`, { code: 'ARCHIVE_NOT_FOUND', hint: 'Check the path.' });
    }
    throw readError(thrown, path);
  }
}

/**
 * Brings a stream (plain, or compressed with gzip, zstd, bzip2 or xz) to a temporary file, which goes when the archive is closed. `where` is what messages
 * call it. Throws IntegrityError and UnsupportedError for what is no readable archive, StorageError.
 */
export async function spoolArchive(
  stream: Readable,
  where: string,
  env: TransportEnv,
  limits: ArchiveLimits = archiveLimits(),
): Promise<TarFile> {
  const path = temporaryName(join(tmpdir(), temporaryArchive), 'tar');
  const remove = (): Promise<void> => rm(path, { force: true });
  let compression: DetectedCompression = 'none';
  const found = (detected: DetectedCompression): void => {
    compression = detected;
  };
  const plain = tarAlone(decompress(stream, found, unpackedBy));
  let file: WriteStream | undefined;
  try {
    await removeAbandoned(tmpdir(), temporaryArchive);
    file = (await openTemporary(path, where)).createWriteStream();
    await pipeline(limited(plain, limits.unpackedBytes, where), file, { signal: env.session.signal });
    return await TarFile.open(path, { where, limits, afterwards: remove });
  } catch (thrown) {
    const unread = thrown === stream.errored;
    stream.destroy();
    await givenUp(file);
    // what went wrong first is what is told
    await remove().catch(() => {});
    if (env.session.signal.aborted) throw cancelledBy(env.session.signal);
    throw unread && !(thrown instanceof SheafError) ? readError(thrown, where) : explained(thrown, where, compression);
  }
}

/** Throws StorageError, which says that it is not the archive that is wrong. */
async function openTemporary(path: string, where: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (thrown) {
    throw temporaryError(thrown, `cannot bring ${where} to`);
  }
}

/**
 * `source`, of the archive `path`, with its place for lists: what came through a pipe does not come again, whatever the name of
 * the pipe (`/dev/stdin`, `/dev/fd/63`).
 */
export async function onceOnly(source: ImageSource, location: ImageLocation, path: string): Promise<ImageSource> {
  if (path === standardStream) return source;
  const comesAgain = !/^\/(?:dev|proc)\//.test(path) && (await stat(path)).isFile();
  if (comesAgain) return source;
  return {
    getManifest: (instance) => source.getManifest(instance),
    openBlob: (blob, range) => source.openBlob(blob, range),
    origins: () => [{ ...location, pinned: () => undefined }],
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

/** What a file is compressed with, by its first bytes. */
async function compressionOf(path: string): Promise<DetectedCompression> {
  const file = await open(path, 'r');
  try {
    const start = new Uint8Array(magicBytes);
    const { bytesRead } = await file.read(start, 0, magicBytes, 0);
    return detectCompression(start.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/**
 * Looks at the first header as it comes, so that what is no archive is refused before it fills the disk. What begins with the end
 * of an archive is read no further. Throws IntegrityError UNREADABLE_TAR.
 */
async function* tarAlone(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start: Uint8Array | undefined = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.byteLength < blockSize) continue;
    const block = start.subarray(0, blockSize);
    if (isZeroBlock(block)) {
      yield block;
      return;
    }
    parseHeaderBlock(block, 0);
    yield start;
    start = undefined;
  }
  if (start !== undefined && start.byteLength > 0) yield start;
}

async function* limited(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
  where: string,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    countYoungBytes(chunk.byteLength);
    if (size > maxBytes) {
      throw new IntegrityError(`${where} unpacks to more than the ${maxBytes} bytes allowed`, {
        code: 'TAR_TOO_LARGE',
        hint: 'If you trust it, raise the limit with SHEAF_ARCHIVE_SIZE.',
      });
    }
    yield chunk;
  }
}

/** What went wrong, in words for archives: the parts below speak of layers. */
function explained(thrown: unknown, where: string, compression: DetectedCompression): Error {
  if (thrown instanceof UnsupportedError && thrown.code === 'UNREADABLE_COMPRESSION') {
    return new UnsupportedError(`${where} is compressed with ${compression}: ${thrown.message}`, {
      code: 'UNREADABLE_COMPRESSION',
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    });
  }
  if (thrown instanceof IntegrityError && !thrown.message.startsWith(where)) {
    return new IntegrityError(`${where} cannot be used: ${thrown.message}`, {
      code: thrown.code,
      cause: thrown,
      hint: 'The archive is damaged; make or fetch it again.',
    });
  }
  return thrown instanceof SheafError ? thrown : temporaryError(thrown, `cannot bring ${where} to`);
}
