import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChunkEnd, ChunkFinder, holeBytes } from '../../src/compression/chunk-finder.ts';
import { fuzzSeed, piecesOf, randomFrom, sampleBytes } from './support.ts';

/** The rule written down straight: holes first, then the rolling sum over what they leave, holes included. */
function slowEnds(bytes: Uint8Array): ChunkEnd[] {
  const ends: ChunkEnd[] = [];
  const window: number[] = new Array<number>(64).fill(0);
  let sum = 64 * 31;
  let sumOfSums = 64 * 63 * 31;
  const splits = (byte: number): boolean => {
    const drop = window.shift() ?? 0;
    window.push(byte);
    sum += byte - drop;
    sumOfSums += sum - 64 * (drop + 31);
    return (sumOfSums & 0xffff) === 0xffff;
  };
  for (let at = 0; at < bytes.byteLength; ) {
    let zeros = 0;
    while (bytes[at + zeros] === 0) zeros += 1;
    if (zeros >= holeBytes) {
      ends.push({ at, hole: false }, { at: at + zeros, hole: true });
      for (let count = 0; count < zeros; count += 1) splits(0);
      at += zeros;
      continue;
    }
    for (const byte of bytes.subarray(at, at + Math.max(zeros, 1))) {
      at += 1;
      if (splits(byte)) ends.push({ at, hole: false });
    }
  }
  return ends;
}

/** Without chunks that have nothing in them. */
function chunks(ends: readonly ChunkEnd[], size: number): string[] {
  const found: string[] = [];
  let start = 0;
  for (const { at, hole } of [...ends, { at: size, hole: false }]) {
    if (at > start) found.push(`${start}-${at}${hole ? ' hole' : ''}`);
    start = Math.max(start, at);
  }
  return found;
}

function fastEnds(bytes: Uint8Array, next: () => number): ChunkEnd[] {
  const finder = new ChunkFinder();
  const ends: ChunkEnd[] = [];
  for (const piece of piecesOf(bytes, next)) ends.push(...finder.push(piece));
  return [...ends, ...finder.end()];
}

test('a file of random bytes has chunks of 64 KiB or so', () => {
  const random = randomFrom(7);
  const bytes = Buffer.from(Uint32Array.from({ length: 1 << 20 }, () => random() * 2 ** 32).buffer);
  const ends = fastEnds(bytes, () => 65_536);
  assert.ok(ends.length > 40 && ends.length < 90, `${ends.length} chunks of 4 MiB`);
});

test('the same content makes the same chunks behind another beginning', () => {
  const content = sampleBytes(1 << 20, 3);
  const before = sampleBytes(12_345, 4);
  const plain = fastEnds(content, () => 65_536).map((end) => end.at);
  const moved = new Set(
    fastEnds(Buffer.concat([before, content]), () => 65_536).map((end) => end.at - before.byteLength),
  );
  const shared = plain.filter((at) => moved.has(at));
  assert.ok(shared.length >= plain.length - 2, `${shared.length} of ${plain.length} ends`);
});

test('runs of 1024 zeros and more are holes, shorter ones are not', () => {
  const text = Buffer.from('x'.repeat(100));
  const file = (zeros: number): Buffer => Buffer.concat([text, Buffer.alloc(zeros), text]);
  const holes = (bytes: Buffer): string[] =>
    chunks(
      fastEnds(bytes, () => 1000),
      bytes.byteLength,
    );
  assert.deepEqual(holes(file(1023)), ['0-1223']);
  assert.deepEqual(holes(file(1024)), ['0-100', '100-1124 hole', '1124-1224']);
  assert.deepEqual(holes(Buffer.alloc(5000)), ['0-5000 hole']);
  assert.deepEqual(holes(Buffer.alloc(500)), ['0-500']);
  assert.deepEqual(holes(Buffer.concat([text, Buffer.alloc(2000)])), ['0-100', '100-2100 hole']);
});

test('random files are cut by the rule, whatever the pieces', (t) => {
  const seed = fuzzSeed();
  t.diagnostic(`SHEAF_SEED=${seed}`);
  const random = randomFrom(seed);
  for (let round = 0; round < 30; round += 1) {
    const bytes = sampleBytes(Math.floor(random() * 300_000), Math.floor(random() * 2 ** 31));
    for (let hole = 0; hole < 4; hole += 1) {
      const at = Math.floor(random() * bytes.byteLength);
      bytes.subarray(at, at + Math.floor(random() * 3000)).fill(0);
    }
    const expected = chunks(slowEnds(bytes), bytes.byteLength);
    assert.deepEqual(
      chunks(
        fastEnds(bytes, () => 1 + random() * 5000),
        bytes.byteLength,
      ),
      expected,
      `round ${round}`,
    );
  }
});
