/**
 * zstd data to plain bytes: any number of frames, skippable ones among them.
 *
 * Source: RFC 8878.
 */
import { createZstdDecompress, type ZstdOptions } from 'node:zlib';
import { giveBack } from '../foundation/own-bytes.ts';
import { codecError, decode, decodedAhead, decodedPiece } from './codec-feed.ts';
import { damaged, ZstdFrameWalker } from './zstd-frames.ts';

const emptyFrame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0);

/**
 * Chunks of `compressed` are given back. Throws IntegrityError TRUNCATED_ZSTD, DAMAGED_ZSTD or ZSTD_WINDOW_TOO_LARGE with the
 * offset in `compressed`.
 */
export async function* unzstd(compressed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const options: ZstdOptions & { readableHighWaterMark: number } = {
    chunkSize: decodedPiece,
    readableHighWaterMark: decodedAhead,
  };
  const walker = new ZstdFrameWalker();
  let offset = 0;
  let written = false;

  yield* decode(
    createZstdDecompress(options),
    async ({ write }) => {
      for await (const chunk of compressed) {
        // a decoder forgets what follows the end of a frame in the same write
        for (const part of walker.push(chunk)) {
          offset = part.offset;
          written = true;
          if (!(await write(part.bytes))) return;
        }
        giveBack(chunk);
      }
      walker.end();
      // a decoder that got nothing takes that for a fault
      if (!written) await write(emptyFrame);
    },
    (error) => {
      const known = codecError(error);
      return known === undefined ? error : damaged(offset, known.message, error);
    },
  );
}
