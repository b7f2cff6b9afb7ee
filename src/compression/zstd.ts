/**
 * zstd as frames in a row that are made side by side; every reader takes them one after the other.
 *
 * The result depends on the bytes and the level alone (and on the version of libzstd): not on how the bytes came, nor on the
 * number of threads.
 *
 * Source: RFC 8878 section 3.1.
 */
import { constants, createZstdCompress, type ZstdOptions } from 'node:zlib';
import { blockBytes, type Turn } from './budget.ts';
import { CodecLane } from './codec-lane.ts';
import { inSegments, type Segment } from './segments.ts';
import { WholeFrame } from './whole-frame.ts';
import { ZstdFrameWalker } from './zstd-frames.ts';

/**
 * Up to this level a frame is short and given to zstd whole: it is read where it stands and its tables stay in the cache of the
 * processor, which takes half the time for 2 % of size. The others look back far, since a frame knows nothing of those before it.
 */
const fastest = 4;
/** Blocks in a frame: 1 MiB of the fast levels, 32 MiB of the others. */
const shortBlocks = (1 << 20) / blockBytes;
const longBlocks = (32 << 20) / blockBytes;
/** The long ones look back as far as readers must be able to at least, 8 MiB (RFC 8878 section 3.1.1.1.2). */
const longWindowLog = 23;
/** Results that a compressor may be ahead of the reader. */
const resultBytes = 1 << 20;

/** Memory of one compressor. A job has one; it may get more. */
export function zstdJobBytes(level: number): number {
  const mebibytes = level <= fastest ? 12 : level <= 8 ? 16 : level <= 10 ? 28 : level <= 12 ? 52 : 64;
  return mebibytes << 20;
}

/** The frames that hold `plain`. `level` is 1 to 22. */
export function zstd(plain: AsyncIterable<Uint8Array>, level: number, turn: Turn): AsyncGenerator<Uint8Array> {
  const short = level <= fastest;
  return inSegments(plain, turn, {
    blocks: short ? shortBlocks : longBlocks,
    bytes: zstdJobBytes(level),
    open: () => (short ? shortFrame(level, turn) : longFrame(level, turn)),
  });
}

function shortFrame(level: number, turn: Turn): Segment {
  const kind = 'zstd whole';
  const reused = turn.reuse(kind);
  const frame = reused instanceof WholeFrame ? reused : new WholeFrame(shortBlocks * blockBytes);
  let complete = false;
  return {
    write: (block) => frame.write(block),
    finish: () => frame.finish(level),
    async *result() {
      yield* frame.result();
      complete = true;
    },
    // a thread may still read one that is not complete
    close: () => (complete ? turn.putBy(kind, frame) : frame.destroy()),
  };
}

function longFrame(level: number, turn: Turn): Segment {
  const kind = `zstd ${level}`;
  // what a compressor has seen before makes no difference to a new frame
  const reused = turn.reuse(kind);
  const lane = reused instanceof CodecLane ? reused : new CodecLane(createZstdCompress(compressorOptions(level)));
  let complete = false;
  return {
    write: (block) => lane.write(block),
    finish: () => lane.flush(constants.ZSTD_e_end),
    async *result() {
      yield* firstFrame(lane.result());
      complete = true;
    },
    close: () => (complete ? turn.putBy(kind, lane) : lane.destroy()),
  };
}

/**
 * Where a frame exactly fills the buffer for its end, Node asks for one end too many and gets an empty frame with it; whether
 * it does depends on what the compressor made before.
 */
async function* firstFrame(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const walker = new ZstdFrameWalker();
  let ended = false;
  for await (const piece of pieces) {
    for (const part of walker.push(piece)) {
      if (!ended) yield part.bytes;
      ended ||= part.endsFrame;
    }
  }
}

function compressorOptions(level: number): ZstdOptions {
  const options: ZstdOptions & { readableHighWaterMark: number } = {
    chunkSize: 128 << 10,
    readableHighWaterMark: resultBytes,
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: longWindowLog,
      [constants.ZSTD_c_checksumFlag]: 1,
      // the highest levels would take 64 MiB each for these two
      ...(level > 12 ? { [constants.ZSTD_c_chainLog]: 23, [constants.ZSTD_c_hashLog]: 22 } : {}),
    },
  };
  return options;
}
