/**
 * Compresses a stream in segments side by side, each by a compressor of its own, and gives the results in order. Segments
 * are cut by size alone, so that the result does not depend on how many there are at once.
 */
import { blocksOf, type FilledBlock } from './blocks.ts';
import type { Turn } from './budget.ts';
import { createChannel } from './channel.ts';
import { Places } from './places.ts';

/** What makes one segment. */
export interface Segment {
  /** Takes a block, and releases it in the end, whatever happens. */
  write(block: FilledBlock): void;
  /** No more blocks are to come; `last` says that no more segments are, either. */
  finish(last: boolean): void;
  /** Throws when the segment is closed before its end. */
  result(): AsyncIterable<Uint8Array>;
  /** After the whole result, or in place of it. */
  close(): void;
}

export interface SegmentPlan {
  /** Blocks in a segment. */
  readonly blocks: number;
  /** Memory of the compressor of a segment; that of the first one belongs to the turn already. */
  readonly bytes: number;
  open(): Segment;
}

export async function* inSegments(
  plain: AsyncIterable<Uint8Array>,
  turn: Turn,
  plan: SegmentPlan,
): AsyncGenerator<Uint8Array> {
  const segments = createChannel<Segment>();
  const places = new Places(turn, plan.bytes);
  /** Segments that are being made, each with the call that gives its place back. */
  const open = new Map<Segment, () => void>();
  const close = (segment: Segment): void => {
    segment.close();
    open.get(segment)?.();
    open.delete(segment);
  };

  const feed = async (): Promise<void> => {
    let segment: Segment | undefined;
    let blocks = 0;
    for await (const block of blocksOf(plain, turn)) {
      if (segment === undefined) {
        const giveBack = await places.take();
        if (giveBack === undefined) return block.release();
        segment = plan.open();
        open.set(segment, giveBack);
        segments.push(segment);
        blocks = 0;
      } else if (places.stopped) return block.release();
      segment.write(block);
      blocks += 1;
      if (block.last || blocks === plan.blocks) {
        segment.finish(block.last);
        segment = undefined;
      }
    }
  };

  let failure: { error: unknown } | undefined;
  const feeding = feed().then(
    () => segments.close(),
    (error: unknown) => {
      failure = { error };
      // a segment that gets no more blocks has no end for its reader to wait for
      for (const segment of open.keys()) close(segment);
      segments.fail(error);
    },
  );
  try {
    for await (const segment of segments) {
      yield* segment.result();
      close(segment);
    }
  } catch (error) {
    throw failure === undefined ? error : failure.error;
  } finally {
    places.stop();
    for (const segment of open.keys()) close(segment);
    await feeding;
  }
}
