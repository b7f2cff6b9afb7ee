/**
 * zstd as frames in a row that are made side by side; every reader takes them one after the other.
 *
 * The fast levels look back 4 MiB, and their frames are as long: each is made in one go, in a fifth less time than long frames
 * take. The others look back further, in long frames, because a frame knows nothing of those before it. The result depends on
 * the bytes and the level alone (and on the version of libzstd): not on how the bytes came, nor on the number of threads.
 *
 * Source: RFC 8878 section 3.1.
 */
import { constants, createZstdCompress, type ZstdOptions } from 'node:zlib';
import { handOverInTurn } from '../foundation/own-bytes.ts';
import { blockBytes, type Turn } from './budget.ts';
import { CodecLane } from './codec-lane.ts';
import { inOneBuffer, inOneGo, inPieces, pieceJobBytes, roomFor } from './pieces.ts';
import { inSegments } from './segments.ts';
import { ZstdFrameWalker } from './zstd-frames.ts';

/** The last level that looks back no further than a piece is long. */
const lastFastLevel = 4;
/** Blocks in a long frame: 32 MiB. */
const frameBlocks = (32 << 20) / blockBytes;
/** Bytes of a short frame. */
const pieceBytes = 4 << 20;
/** Results that a compressor may be ahead of the reader. */
const resultBytes = 1 << 20;
/** Of which results come out piece by piece. */
const smallResultBytes = 128 << 10;

/** Memory of one compressor. A job has one; it may get more. */
export function zstdJobBytes(level: number): number {
  if (level <= lastFastLevel) return pieceJobBytes;
  const mebibytes = level <= 8 ? 16 : level <= 10 ? 28 : level <= 12 ? 52 : 64;
  return mebibytes << 20;
}

/** The frames that hold `plain`. `level` is 1 to 22. */
export function zstd(plain: AsyncIterable<Uint8Array>, level: number, turn: Turn): AsyncGenerator<Uint8Array> {
  return level <= lastFastLevel ? shortFrames(plain, level, turn) : longFrames(plain, level, turn);
}

function shortFrames(plain: AsyncIterable<Uint8Array>, level: number, turn: Turn): AsyncGenerator<Uint8Array> {
  const kind = `zstd frames in one go ${level}`;
  return inPieces(plain, turn, pieceBytes, async ({ bytes }) => {
    // zstd goes another way, to other bytes, where all that may come out has room in the buffer as it is at that moment
    if (bytes.byteLength <= smallResultBytes) {
      const alone: ZstdOptions = { params: params(level), chunkSize: roomFor(bytes.byteLength) };
      return inOneGo(createZstdCompress(alone), bytes);
    }
    // what a compressor has seen before makes no difference to a new frame
    const reused = turn.reuse(kind);
    const lane = reused instanceof CodecLane ? reused : new CodecLane(createZstdCompress(frameOptions(level)));
    try {
      const frame: Uint8Array[] = [];
      for await (const piece of firstFrame(lane.whole(bytes))) frame.push(handOverInTurn(piece));
      turn.putBy(kind, lane);
      return [inOneBuffer(frame)];
    } catch (error) {
      lane.destroy();
      throw error;
    }
  });
}

function longFrames(plain: AsyncIterable<Uint8Array>, level: number, turn: Turn): AsyncGenerator<Uint8Array> {
  const kind = `zstd ${level}`;
  return inSegments(plain, turn, {
    blocks: frameBlocks,
    bytes: zstdJobBytes(level),
    open() {
      // what a compressor has seen before makes no difference to a new frame
      const reused = turn.reuse(kind);
      const lane =
        reused instanceof CodecLane ? reused : new CodecLane(createZstdCompress(streamOptions(level, resultBytes)));
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
    },
  });
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

/** Each write becomes a frame. */
function frameOptions(level: number): ZstdOptions {
  return { ...streamOptions(level, 2 * pieceBytes), flush: constants.ZSTD_e_end };
}

function streamOptions(level: number, readableHighWaterMark: number): ZstdOptions {
  const options: ZstdOptions & { readableHighWaterMark: number } = {
    chunkSize: smallResultBytes,
    readableHighWaterMark,
    params: params(level),
  };
  return options;
}

function params(level: number): Record<number, number> {
  return {
    [constants.ZSTD_c_checksumFlag]: 1,
    ...(level <= lastFastLevel ? fastParams(level) : thoroughParams(level)),
  };
}

/**
 * A table that a processor has near is worth more than what the levels of zstd itself do with a small window: level 3 is zstd's
 * level 2 with a table of 512 KiB, which takes a quarter less time than zstd's level 3 with 2 MiB. Layers are up to 8 %
 * smaller where files are alike, 2 % larger where they are not, and 5 % where they are small and all text. Level 4 is zstd's level 3.
 */
function fastParams(level: number): Record<number, number> {
  return {
    [constants.ZSTD_c_compressionLevel]: level < 3 ? level : level - 1,
    [constants.ZSTD_c_windowLog]: 22,
    ...(level === 3 ? { [constants.ZSTD_c_hashLog]: 17 } : {}),
  };
}

/** With the window that readers must be able to hold at least, 8 MiB (RFC 8878 section 3.1.1.1.2). */
function thoroughParams(level: number): Record<number, number> {
  return {
    [constants.ZSTD_c_compressionLevel]: level,
    [constants.ZSTD_c_windowLog]: 23,
    // the highest levels would take 64 MiB each for these two
    ...(level > 12 ? { [constants.ZSTD_c_chainLog]: 23, [constants.ZSTD_c_hashLog]: 22 } : {}),
  };
}
