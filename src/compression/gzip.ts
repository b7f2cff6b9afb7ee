/**
 * gzip on several threads, as one member that every reader takes.
 *
 * Pieces of a fixed size are deflated side by side, each primed with the 32 KiB before it and ended on a byte boundary, so
 * that their concatenation is one deflate stream. The result depends on the bytes and the level alone (and on the version
 * of zlib): not on how the bytes came, nor on the number of threads.
 *
 * Source: RFC 1951; RFC 1952 section 2.3.
 */
import { constants, crc32, createDeflateRaw, type ZlibOptions } from 'node:zlib';
import type { Turn } from './budget.ts';
import { inOneGo, inPieces, roomFor } from './pieces.ts';

const windowBytes = 32 << 10;
const pieceBytes = 2 << 20;
/** No name, no time; the system is "unknown", or else files from different machines would differ. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

/** The gzip member that holds `plain`. `level` is 1 to 9. */
export async function* gzip(plain: AsyncIterable<Uint8Array>, level: number, turn: Turn): AsyncGenerator<Uint8Array> {
  let crc = 0;
  let size = 0;
  /** What stands before the next piece. */
  let before: Buffer | undefined;

  yield header;
  yield* inPieces(plain, turn, pieceBytes, ({ bytes, last }) => {
    const options: ZlibOptions = {
      level,
      chunkSize: roomFor(bytes.byteLength),
      // faster for it, and 0.1 % larger
      memLevel: 9,
      finishFlush: last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
      ...(before === undefined ? {} : { dictionary: before }),
    };
    crc = crc32(bytes, crc);
    size += bytes.byteLength;
    before = Buffer.from(bytes.subarray(-windowBytes));
    return inOneGo(createDeflateRaw(options), bytes);
  });
  const trailer = Buffer.allocUnsafe(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield trailer;
}
