/**
 * Compresses a stream in pieces of one size, each in one go on the thread pool, several side by side, and gives the results
 * in order. A compressor that sees its whole input at once works on it where it is: no window of its own to fill and to
 * turn around, and no way back to the main thread for every bit of output.
 *
 * Pieces are cut by size alone, so that the result depends neither on how the stream came nor on how many there are at once.
 */
import type { Duplex } from 'node:stream';
import { freeBuffer, giveBack, handOver, handOverLast } from '../foundation/own-bytes.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import type { Reusable, Turn } from './budget.ts';
import { createChannel } from './channel.ts';
import { Places } from './places.ts';

/** Memory for a piece of up to 4 MiB, its compressor, its result, and what waits before it and behind it. */
export const pieceJobBytes = 12 << 20;

export interface Piece {
  readonly bytes: Buffer;
  /** No other one follows. */
  readonly last: boolean;
}

/** Compresses one piece; begins with it at once, in the order of the pieces. */
export type CompressPiece = (piece: Piece) => Promise<readonly Uint8Array[]>;

/** At least one piece, which is empty where `plain` is, all but the last of `pieceBytes`. Chunks of `plain` are given back. */
export async function* inPieces(
  plain: AsyncIterable<Uint8Array>,
  turn: Turn,
  pieceBytes: number,
  compress: CompressPiece,
): AsyncGenerator<Uint8Array> {
  const results = createChannel<{ made: Promise<readonly Uint8Array[]> }>();
  const places = new Places(turn, pieceJobBytes);
  /** Calls that give the place of a piece back, first piece first. */
  const taken: Array<() => void> = [];
  const pending = new Set<Promise<unknown>>();
  const bufferKind = `piece of ${pieceBytes}`;

  const submit = (buffer: PieceBuffer, last: boolean): void => {
    const result = compress({ bytes: buffer.bytes.subarray(0, buffer.filled), last });
    const settled = result.then(
      () => turn.putBy(bufferKind, buffer),
      () => {},
    );
    pending.add(settled);
    void settled.finally(() => pending.delete(settled));
    results.push({ made: result });
  };
  const feed = async (): Promise<void> => {
    let buffer: PieceBuffer | undefined;
    for await (const chunk of plain) {
      for (let at = 0; at < chunk.byteLength; ) {
        // a full one waits for what follows: it may be the last
        if (buffer?.filled === pieceBytes) {
          submit(buffer, false);
          buffer = undefined;
        }
        buffer ??= await nextBuffer();
        if (buffer === undefined) return;
        at += buffer.fill(chunk, at);
      }
      giveBack(chunk);
    }
    buffer ??= await nextBuffer();
    if (buffer !== undefined) submit(buffer, true);
  };
  const nextBuffer = async (): Promise<PieceBuffer | undefined> => {
    const leave = await places.take();
    if (leave === undefined) return undefined;
    taken.push(leave);
    const reused = turn.reuse(bufferKind);
    const buffer = reused instanceof PieceBuffer ? reused : new PieceBuffer(pieceBytes);
    buffer.filled = 0;
    return buffer;
  };

  const feeding = feed().then(
    () => results.close(),
    (error: unknown) => results.fail(error),
  );
  try {
    for await (const { made } of results) {
      yield* await made;
      taken.shift()?.();
    }
  } finally {
    places.stop();
    await feeding;
    // threads may still read what is about to be given to others
    await Promise.all(pending);
    for (const leave of taken) leave();
  }
}

/** Memory of a piece, for one after the other. */
class PieceBuffer implements Reusable {
  readonly bytes: Buffer;
  filled = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** Takes what there is room for of `chunk` from `at` on; gives how many bytes. */
  fill(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + this.bytes.byteLength - this.filled);
    this.bytes.set(part, this.filled);
    this.filled += part.byteLength;
    return part.byteLength;
  }

  destroy(): void {
    freeBuffer(this.bytes);
  }
}

/** All that `compressor`, which is new and is used up by this, makes of `bytes`. */
export function inOneGo(compressor: Duplex, bytes: Buffer): Promise<[Buffer]> {
  return new Promise((resolve, reject) => {
    const made: Uint8Array[] = [];
    compressor
      .on('data', (chunk: Uint8Array) => made.push(chunk))
      .once('error', reject)
      .once('end', () => resolve([inOneBuffer(made.map(handOverLast))]))
      .end(bytes);
  });
}

/** `parts` in a buffer of their size; they are given back. */
export function inOneBuffer(parts: readonly Uint8Array[]): Buffer {
  const joined = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.byteLength, 0));
  countYoungBytes(joined.byteLength);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.byteLength;
  }
  parts.forEach(giveBack);
  return handOver(joined);
}

/**
 * Room for what `bytes` bytes become in one go: most results have room in 1 MiB; a larger one comes in several buffers. Each
 * thread would keep as much memory for itself as twice the largest buffer that was ever freed.
 */
export function roomFor(bytes: number): number {
  return Math.min(bytes + smallestResult, 1 << 20);
}

/** What even nothing becomes, and more: Node.js demands some room. */
const smallestResult = 1024;
