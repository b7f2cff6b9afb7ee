/**
 * gzip as skopeo, podman and buildah write it when nobody asks for a level: byte by byte what `pgzip` makes for
 * containers/image, so that layers made from the same bytes have the same digest whoever compresses them.
 *
 * Segments of 1 MiB are deflated side by side, each primed with the last 16 KiB of the one before and ended on a byte
 * boundary; an empty block ends the stream. A last segment may be empty. What is inside them is said in
 * `deflate/segment.ts`.
 *
 * Source: RFC 1951; RFC 1952 section 2.3.
 */
import { crc32 } from 'node:zlib';
import { blockBytes, type Turn } from './budget.ts';
import { primerBytes, segmentBytes } from './deflate/segment.ts';
import { PeerGzipLane } from './peer-gzip-lane.ts';
import { inSegments } from './segments.ts';

/** Memory of a job: of a thread, a segment and the blocks before it. */
export const peerGzipJobBytes = 16 << 20;
/** Memory of each segment more that is compressed, or waits for the thread or the reader. */
const segmentJobBytes = 4 << 20;

/** No name, the system is "unknown"; the time is the one that Go has when none is set, cut to 32 bits. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0x00, 0x09, 0x6e, 0x88, 0, 0xff);
/** An empty stored block, which is what an empty segment is. */
const emptySegment = Uint8Array.of(0, 0, 0, 0xff, 0xff);
/** An empty block with the fixed codes, the last one. */
const endOfStream = Uint8Array.of(3, 0);
const kind = 'peer gzip';

/** The gzip member that holds `plain`. */
export async function* peerGzip(plain: AsyncIterable<Uint8Array>, turn: Turn): AsyncGenerator<Uint8Array> {
  let crc = 0;
  let size = 0;
  let primer: Uint8Array = new Uint8Array();

  yield header;
  yield* inSegments(plain, turn, {
    blocks: segmentBytes / blockBytes,
    bytes: segmentJobBytes,
    open() {
      const reused = turn.reuse(kind);
      const lane = reused instanceof PeerGzipLane ? reused : new PeerGzipLane();
      lane.begin(primer);
      let complete = false;
      return {
        write(block) {
          crc = crc32(block.bytes, crc);
          size += block.bytes.byteLength;
          primer = Buffer.from(block.bytes.subarray(-primerBytes));
          lane.write(block.bytes);
          block.release();
        },
        // one that is alone is done before a thread is ready for it
        finish: (last) => lane.finish(last && size <= segmentBytes),
        async *result() {
          yield* lane.result();
          complete = true;
        },
        close: () => (complete ? turn.putBy(kind, lane) : lane.destroy()),
      };
    },
  });
  if (size > 0 && size % segmentBytes === 0) yield emptySegment;
  yield endOfStream;
  const trailer = Buffer.allocUnsafe(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield trailer;
}
