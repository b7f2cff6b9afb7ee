/** A block of a zstd:chunked layer: frames and the entries that end among them. */
import { constants, createZstdCompress, type ZstdOptions } from 'node:zlib';
import { BugError } from '../foundation/errors.ts';
import type { Block, Turn } from './budget.ts';
import type { ContentChunk, ContentEntry } from './chunked-toc.ts';
import { CodecLane } from './codec-lane.ts';
import { ZstdFrameWalker } from './zstd-frames.ts';

/** What stands where, in order: a frame up to `end` in the block, perhaps with a chunk of a file in it; or the end of an entry. */
export type Mark = { readonly end: number; readonly chunk?: ContentChunk } | { readonly entry: ContentEntry };

export interface CompressedBatch {
  readonly pieces: readonly Uint8Array[];
  /** Of each frame. */
  readonly sizes: readonly number[];
}

/** Memory of the compressor of a batch, with the batch. */
export const batchBytes = 8 << 20;

export class Batch {
  readonly marks: Mark[] = [];
  readonly #block: Block;
  /** Bytes in the block. */
  size = 0;
  /** Where the frame begins that is not complete. */
  frameStart = 0;

  constructor(block: Block) {
    this.#block = block;
  }

  get room(): number {
    return this.#block.bytes.byteLength - this.size;
  }

  append(bytes: Uint8Array): void {
    this.#block.bytes.set(bytes, this.size);
    this.size += bytes.byteLength;
  }

  /** The bytes of the frame that is not complete, up to `end`. */
  open(end: number): Buffer {
    return this.#block.bytes.subarray(this.frameStart, end);
  }

  endFrame(end: number, chunk?: ContentChunk): void {
    if (end === this.frameStart) return;
    this.marks.push(chunk === undefined ? { end } : { end, chunk });
    this.frameStart = end;
  }

  /** Leaves the bytes of the frame that is not complete to the next batch. */
  dropOpen(): void {
    this.size = this.frameStart;
  }

  /** The frames. The block is released in any case. */
  async compress(level: number, turn: Turn): Promise<CompressedBatch> {
    const ends = this.marks.flatMap((mark) => ('end' in mark ? [mark.end] : []));
    if (ends.length === 0) {
      this.abandon();
      return { pieces: [], sizes: [] };
    }
    const kind = `zstd frames ${level}`;
    const reused = turn.reuse(kind);
    const lane = reused instanceof CodecLane ? reused : new CodecLane(createZstdCompress(compressorOptions(level)));
    try {
      let start = 0;
      for (const [index, end] of ends.entries()) {
        const release = index === ends.length - 1 ? this.#block.release : () => {};
        lane.write({ bytes: this.#block.bytes.subarray(start, end), last: false, release });
        start = end;
      }
      const compressed = await framesOf(lane, ends.length);
      turn.putBy(kind, lane);
      return compressed;
    } catch (error) {
      lane.destroy();
      throw error;
    }
  }

  abandon(): void {
    this.#block.release();
  }
}

function compressorOptions(level: number): ZstdOptions {
  return {
    chunkSize: 128 << 10,
    // every write becomes a frame of its own
    flush: constants.ZSTD_e_end,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  };
}

/** The next `count` frames; empty ones are of Node's making (see `zstd.ts`) and may come before, between and after them. */
async function framesOf(lane: CodecLane, count: number): Promise<CompressedBatch> {
  const walker = new ZstdFrameWalker();
  const pieces: Uint8Array[] = [];
  const sizes: number[] = [];
  let frame: Uint8Array[] = [];
  for await (const piece of lane.result()) {
    for (const part of walker.push(piece)) {
      frame.push(part.bytes);
      if (!part.endsFrame) continue;
      if (!part.emptyFrame) {
        pieces.push(...frame);
        sizes.push(frame.reduce((size, bytes) => size + bytes.byteLength, 0));
      }
      frame = [];
    }
    if (sizes.length === count) return { pieces, sizes };
  }
  throw new BugError(`${sizes.length} of ${count} frames were made`);
}
