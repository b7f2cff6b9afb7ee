/** Bytes to compress, and ways to hand them out. */
import { Readable } from 'node:stream';
import { createBudget, type Turn } from '../../src/compression/budget.ts';

/** Random numbers from 0 to below 1 that are the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a fuzz test: printed by it, and set by SHEAF_SEED to run it again. */
export function fuzzSeed(): number {
  return Number(process.env['SHEAF_SEED'] ?? Date.now() % 2 ** 31);
}

/** Text-like bytes with runs, repetitions near and far, and parts that cannot be compressed. */
export function sampleBytes(size: number, seed = 1): Buffer {
  const random = randomFrom(seed);
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, 1 + Math.floor(random() * 4096));
    const kind = random();
    if (kind < 0.2) for (let index = 0; index < length; index += 1) bytes[at + index] = random() * 256;
    else if (kind < 0.5 && at > 0) bytes.copy(bytes, at, Math.floor(random() * at), at + length);
    else if (kind < 0.6) bytes.fill(Math.floor(random() * 3), at, at + length);
    else for (let index = 0; index < length; index += 1) bytes[at + index] = 97 + Math.floor(random() * random() * 26);
    at += length;
  }
  return bytes;
}

/** `bytes` in pieces of the sizes that `next` gives. */
export function* piecesOf(bytes: Uint8Array, next: () => number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; ) {
    const size = Math.max(1, Math.floor(next()));
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

export async function* inPieces(bytes: Uint8Array, next: () => number = () => 65_536): AsyncGenerator<Uint8Array> {
  yield* piecesOf(bytes, next);
}

export function readableOf(bytes: Uint8Array, next: () => number = () => 65_536): Readable {
  return Readable.from(piecesOf(bytes, next), { objectMode: false });
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A turn of a budget of its own; `compressors` says how many of a kind that needs 11 MiB each fit. */
export async function turnWith(compressors = 2): Promise<Turn> {
  const budget = createBudget({ memory: compressors * (11 << 20), blocks: compressors * 80 });
  return budget.enter(11 << 20);
}
