/**
 * Layers of a docker archive, presented as what they really are: plain tars by their diff ID, gzip data as gzip layers. (The
 * peers call everything gzip.) What has another compression is handed out plain, since Docker's format has no name for it.
 */
import { Readable } from 'node:stream';
import type { TarFile } from '../../archive/tar-file.ts';
import { decompress } from '../../compression/decompress.ts';
import { detectCompression, magicBytes } from '../../compression/detect.ts';
import { cancelledBy, IntegrityError } from '../../foundation/errors.ts';
import { countYoungBytes } from '../../foundation/young-garbage.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { createDigester, type Digest } from '../../oci/digest.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { archiveLimits } from '../archive-limits.ts';
import type { ByteRange } from '../transport.ts';
import { malformed } from './contents.ts';

export interface ArchivedLayer {
  readonly descriptor: Descriptor;
  /** Of the plain tar. */
  readonly diffId: Digest;
  open(range?: ByteRange): Readable;
}

/**
 * The layer in the file `name`. Compressed ones are read once for that, and so are those whose diff ID nobody has told.
 * Throws IntegrityError MALFORMED_ARCHIVE where it is not there, DIFF_ID_MISMATCH.
 */
export async function readLayer(
  archive: TarFile,
  name: string,
  diffId: Digest | undefined,
  signal?: AbortSignal,
): Promise<ArchivedLayer> {
  const size = archive.size(name);
  if (size === undefined) throw malformed(archive, `the layer ${name} is not there`);
  const compression = detectCompression(await firstBytes(archive, name));
  if (compression === 'none' && diffId !== undefined) {
    return { ...plain(archive, name, diffId, size), diffId };
  }
  const packed = createDigester();
  const unpacked = createDigester();
  const { unpackedBytes } = archiveLimits();
  let unpackedSize = 0;
  try {
    for await (const chunk of decompress(watched(archive.open(name), (bytes) => packed.update(bytes)))) {
      if (signal?.aborted) throw cancelledBy(signal);
      unpacked.update(chunk);
      countYoungBytes(chunk.byteLength);
      unpackedSize += chunk.byteLength;
      if (unpackedSize > unpackedBytes)
        throw malformed(archive, `the layer ${name} has more than ${unpackedBytes} bytes`);
    }
  } catch (thrown) {
    if (!(thrown instanceof IntegrityError)) throw thrown;
    throw new IntegrityError(`the layer ${name} in ${archive.where} cannot be read: ${thrown.message}`, {
      code: thrown.code,
      cause: thrown,
      hint: 'The archive is damaged; make or fetch it again.',
    });
  }
  const actual = unpacked.digest();
  if (diffId !== undefined && actual !== diffId) {
    throw new IntegrityError(`the layer ${name} in ${archive.where} has the digest ${actual}, not ${diffId}`, {
      code: 'DIFF_ID_MISMATCH',
      hint: 'The archive is damaged; make or fetch it again.',
    });
  }
  if (compression === 'none') return { ...plain(archive, name, actual, size), diffId: actual };
  if (compression === 'gzip') {
    return {
      descriptor: { mediaType: mediaTypes.dockerLayerGzip, digest: packed.digest(), size },
      diffId: actual,
      open: (range) => archive.open(name, range),
    };
  }
  return {
    descriptor: { mediaType: mediaTypes.dockerLayerTar, digest: actual, size: unpackedSize },
    diffId: actual,
    open: (range) => Readable.from(part(decompress(archive.open(name)), range), { objectMode: false }),
  };
}

function plain(archive: TarFile, name: string, digest: Digest, size: number): Omit<ArchivedLayer, 'diffId'> {
  return {
    descriptor: { mediaType: mediaTypes.dockerLayerTar, digest, size },
    open: (range) => archive.open(name, range),
  };
}

async function firstBytes(archive: TarFile, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive.open(name, { start: 0, end: magicBytes - 1 })) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

async function* watched(stream: Readable, watch: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    const bytes = chunk as Uint8Array;
    watch(bytes);
    yield bytes;
  }
}

/** Bytes `start` to `end` of a stream, both inclusive. */
async function* part(
  chunks: AsyncIterable<Uint8Array>,
  { start, end = Number.POSITIVE_INFINITY }: ByteRange = { start: 0 },
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const chunk of chunks) {
    const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at));
    at += chunk.byteLength;
    if (wanted.byteLength > 0) yield wanted;
    if (at > end) return;
  }
}
