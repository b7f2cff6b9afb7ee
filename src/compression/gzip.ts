/**
 * gzip on several threads, as one member that every reader takes.
 *
 * Segments of a fixed size are deflated side by side, each primed with the 32 KiB before it and ended on a byte boundary, so
 * that their concatenation is one deflate stream. The result depends on the bytes and the level alone (and on the version
 * of zlib): not on how the bytes came, nor on the number of threads.
 *
 * Source: RFC 1951; RFC 1952 section 2.3.
 */
import { constants, crc32, createDeflateRaw, type ZlibOptions } from 'node:zlib';
import type { Turn } from './budget.ts';
import { CodecLane } from './codec-lane.ts';
import { inSegments } from './segments.ts';

/** Memory of a compressor, with the blocks and results that wait before and behind it. */
export const gzipJobBytes = 8 << 20;

/** Blocks in a segment: 2 MiB. */
const segmentBlocks = 4;
const windowBytes = 32 << 10;
/** Results that a compressor may be ahead of the reader. */
const resultBytes = 1 << 20;
/** No name, no time; the system is "unknown", or else files from different machines would differ. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

/** The gzip member that holds `plain`. `level` is 1 to 9. */
export async function* gzip(plain: AsyncIterable<Uint8Array>, level: number, turn: Turn): AsyncGenerator<Uint8Array> {
  let crc = 0;
  let size = 0;
  /** What stands before the next segment. */
  let before: Buffer | undefined;

  yield header;
  yield* inSegments(plain, turn, {
    blocks: segmentBlocks,
    bytes: gzipJobBytes,
    open() {
      const lane = deflater(level, before);
      return {
        write(block) {
          crc = crc32(block.bytes, crc);
          size += block.bytes.byteLength;
          before = Buffer.from(block.bytes.subarray(-windowBytes));
          lane.write(block);
        },
        finish: (last) => lane.flush(last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH),
        result: () => lane.result(),
        close: () => lane.destroy(),
      };
    },
  });
  const trailer = Buffer.allocUnsafe(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield trailer;
}

function deflater(level: number, before: Buffer | undefined): CodecLane {
  const options: ZlibOptions & { readableHighWaterMark: number } = {
    level,
    // faster for it, and 0.1 % larger
    memLevel: 9,
    // V8 keeps this buffer of every compressor there was until its next full collection
    chunkSize: 32 << 10,
    readableHighWaterMark: resultBytes,
    ...(before === undefined ? {} : { dictionary: before }),
  };
  return new CodecLane(createDeflateRaw(options));
}
