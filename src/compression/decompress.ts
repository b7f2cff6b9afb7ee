/** Layers back to plain bytes, whatever form they come in. */
import { UnsupportedError } from '../foundation/errors.ts';
import { type DetectedCompression, detectCompression, magicBytes } from './detect.ts';
import { gunzip } from './gunzip.ts';
import { unzstd } from './unzstd.ts';

/** The plain bytes of what is compressed in a way that Node.js does not know. */
export type UnpackOther = (compression: 'bzip2' | 'xz', packed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/**
 * The plain bytes of `source`; `found` is told what it is before the first of them. Throws IntegrityError (codes
 * TRUNCATED_GZIP, DAMAGED_GZIP, TRUNCATED_ZSTD, DAMAGED_ZSTD, ZSTD_WINDOW_TOO_LARGE) with the offset in the source, and
 * UnsupportedError UNREADABLE_COMPRESSION for bzip2 and xz, unless `others` can read those. Chunks of `source` must not be
 * changed afterwards.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  found: (compression: DetectedCompression) => void = () => {},
  others: UnpackOther = unreadable,
): AsyncGenerator<Uint8Array> {
  const reader = source[Symbol.asyncIterator]();
  try {
    const start = await firstChunks(reader);
    const compression = detectCompression(
      start.length === 1 && start[0] !== undefined ? start[0] : Buffer.concat(start),
    );
    found(compression);
    const whole = chain(start, reader);
    switch (compression) {
      case 'none':
        yield* whole;
        return;
      case 'gzip':
        yield* gunzip(whole);
        return;
      case 'zstd':
        yield* unzstd(whole);
        return;
      default:
        yield* others(compression, whole);
    }
  } finally {
    await reader.return?.();
  }
}

function unreadable(compression: string): never {
  throw new UnsupportedError(`the layer is compressed with ${compression}, which sheaf does not read`, {
    code: 'UNREADABLE_COMPRESSION',
    hint: 'Build the image again with gzip or zstd layers, or copy it without changing its compression.',
  });
}

/** Chunks with as many bytes as it takes to know the compression; fewer only when there are no more. */
async function firstChunks(reader: AsyncIterator<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for (let size = 0; size < magicBytes; ) {
    const next = await reader.next();
    if (next.done === true) break;
    chunks.push(next.value);
    size += next.value.byteLength;
  }
  return chunks;
}

async function* chain(start: readonly Uint8Array[], reader: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* start;
  for (let next = await reader.next(); next.done !== true; next = await reader.next()) yield next.value;
}
