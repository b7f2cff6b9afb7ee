/**
 * gzip data to plain bytes.
 *
 * Source: RFC 1952; members in a row are one stream (section 2.2), zero bytes after the last one are padding, as in GNU gzip.
 */
import { createGunzip, type ZlibOptions } from 'node:zlib';
import { IntegrityError } from '../foundation/errors.ts';
import { giveBack } from '../foundation/own-bytes.ts';
import { codecError, decode, decodedAhead, decodedPiece } from './codec-feed.ts';

/**
 * Chunks of `compressed` are given back. Throws IntegrityError TRUNCATED_GZIP or DAMAGED_GZIP with the offset in
 * `compressed`.
 */
export async function* gunzip(compressed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const options: ZlibOptions & { readableHighWaterMark: number } = {
    chunkSize: decodedPiece,
    readableHighWaterMark: decodedAhead,
  };
  const decoder = createGunzip(options);
  let offset = 0;

  const explain = (error: unknown): unknown => {
    const known = codecError(error);
    if (known === undefined) return error;
    if (known.code === 'Z_BUF_ERROR') {
      return new IntegrityError(`the gzip data ends at byte ${offset}, in the middle of a member`, {
        code: 'TRUNCATED_GZIP',
        hint: 'The layer was cut off when it was written or copied; fetch it again.',
        cause: error,
      });
    }
    // zlib does not tell the byte, only what it had taken before
    return damaged(`near byte ${decoder.bytesWritten}: ${known.message}`, error);
  };

  yield* decode(
    decoder,
    async ({ write }) => {
      let over = false;
      for await (const chunk of compressed) {
        const start = offset;
        offset += chunk.byteLength;
        if (!over) {
          if (!(await write(chunk))) return;
          over = decoder.bytesWritten < offset;
        }
        if (over) expectPadding(chunk.subarray(Math.max(0, decoder.bytesWritten - start)), offset);
        giveBack(chunk);
      }
    },
    explain,
  );
}

/** `rest` ends at `end`. */
function expectPadding(rest: Uint8Array, end: number): void {
  const at = rest.findIndex((byte) => byte !== 0);
  if (at >= 0) throw damaged(`at byte ${end - rest.byteLength + at}: something follows the end`);
}

function damaged(where: string, cause?: unknown): IntegrityError {
  return new IntegrityError(`the gzip data is damaged ${where}`, {
    code: 'DAMAGED_GZIP',
    hint: 'Fetch the layer again, or from another place.',
    ...(cause === undefined ? {} : { cause }),
  });
}
