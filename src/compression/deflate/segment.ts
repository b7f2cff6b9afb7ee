/**
 * Deflates one segment of a stream, primed with what stands before it and ended on a byte boundary.
 *
 * It agrees byte by byte with the default level of the compressor in skopeo, podman and buildah (which they say is level 5 or
 * -1 of their library), so that layers made from the same bytes have the same digest. RFC 1951.
 */
import { BlockWriter } from './block-writer.ts';
import { Matcher } from './matcher.ts';
import { blockBytes, Sequences } from './sequences.ts';

/** Bytes of the segment before that matches can reach. */
export const primerBytes = 16 << 10;
/** Bytes of every segment but the last one. */
export const segmentBytes = 1 << 20;

/** Blocks up to that are stored, and further up to the other have no matches, where the segment ends with them. */
const tinyBlock = 32;
const smallBlock = 127;

/** Bytes that a deflated segment may have: blocks that would grow are stored. */
const resultBytes = segmentBytes + (64 << 10);

/** The memory of a {@link SegmentDeflater} that others use too; two threads may share it. */
export interface SegmentMemory {
  /** Where the primer and the segment behind it are to be put. */
  readonly input: Uint8Array;
  /** Where the deflated segment is found. */
  readonly result: Uint8Array;
}

export function segmentMemory(): SegmentMemory {
  return {
    input: new Uint8Array(new SharedArrayBuffer(primerBytes + segmentBytes)),
    result: new Uint8Array(new SharedArrayBuffer(resultBytes)),
  };
}

export class SegmentDeflater {
  readonly #matcher = new Matcher();
  readonly #found = new Sequences();
  readonly #writer = new BlockWriter();

  /**
   * Deflates the bytes of the input from `primer`, before which it is primed, to `end`, as blocks of which none is the last.
   * How many bytes the result has.
   */
  deflate({ input, result }: SegmentMemory, primer: number, end: number): number {
    const matcher = this.#matcher;
    const found = this.#found;
    const writer = this.#writer;
    matcher.begin(input);
    writer.begin(result);
    if (primer > 0) {
      found.clear();
      matcher.scan(0, primer, found);
    }
    for (let start = primer; start < end; start += blockBytes) {
      const stop = Math.min(end, start + blockBytes);
      const block = input.subarray(start, stop);
      const isLast = stop === end;
      if (block.byteLength <= smallBlock) {
        if (block.byteLength <= tinyBlock) writer.stored(block);
        else writer.literals(block, true);
        break;
      }
      found.clear();
      matcher.scan(start, stop, found);
      // only matches that save a sixteenth are worth their codes
      if (found.count === 0) writer.stored(block);
      else if (found.symbols > block.byteLength - (block.byteLength >> 4)) writer.literals(block, isLast);
      else writer.compressed(block, found, isLast);
    }
    writer.flush();
    return writer.length;
  }
}
