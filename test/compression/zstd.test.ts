import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { zstd } from '../../src/compression/zstd.ts';
import { type FramePart, ZstdFrameWalker } from '../../src/compression/zstd-frames.ts';
import { IntegrityError } from '../../src/foundation/errors.ts';
import { collect, inPieces, piecesOf, sampleBytes, turnWith } from './support.ts';

const frameBytes = 32 << 20;
const shortFrameBytes = 4 << 20;

async function zstdOf(plain: AsyncIterable<Uint8Array>, level = 1, compressors = 2): Promise<Buffer> {
  const turn = await turnWith(compressors);
  const bytes = await collect(zstd(plain, level, turn));
  turn.leave();
  return bytes;
}

/** The frames of `bytes`, put in by pieces of `size`; whether each is empty, and its bytes. */
function framesOf(
  bytes: Uint8Array,
  size = bytes.byteLength,
): Array<{ bytes: Buffer; empty: boolean; offset: number }> {
  const walker = new ZstdFrameWalker();
  const frames: Array<{ bytes: Buffer; empty: boolean; offset: number }> = [];
  let parts: FramePart[] = [];
  for (const piece of piecesOf(bytes, () => size)) {
    for (const part of walker.push(piece)) {
      parts.push(part);
      if (!part.endsFrame) continue;
      const offset = parts[0]?.offset ?? -1;
      frames.push({ bytes: Buffer.concat(parts.map((each) => each.bytes)), empty: part.emptyFrame, offset });
      parts = [];
    }
  }
  walker.end();
  assert.deepEqual(parts, []);
  return frames;
}

function skippable(size: number): Buffer {
  const frame = Buffer.alloc(8 + size, 0x28);
  frame.writeUInt32LE(0x184d2a57, 0);
  frame.writeUInt32LE(size, 4);
  return frame;
}

test('frames of 4 MiB and of 32 MiB, each with a checksum, none of them empty', { timeout: 30_000 }, async () => {
  const unit = sampleBytes(1 << 20, 3);
  for (const [level, size, count] of [
    [1, 0, 1],
    [1, 1, 1],
    [4, shortFrameBytes, 1],
    [4, shortFrameBytes + 1, 2],
    [5, 0, 1],
    [5, frameBytes, 1],
    [5, frameBytes + 1, 2],
  ] as const) {
    const plain = Buffer.alloc(size, unit);
    const bytes = await zstdOf(inPieces(plain), level);
    const frames = framesOf(bytes);
    assert.equal(frames.length, count, `${size} bytes at level ${level}`);
    assert.ok(zstdDecompressSync(bytes).equals(plain));
    for (const frame of frames) {
      assert.equal(frame.empty, size === 0);
      assert.notEqual((frame.bytes[4] ?? 0) & 0x04, 0, 'checksum flag');
    }
  }
});

test('a frame is the same whatever the compressor has made before', { timeout: 60_000 }, async () => {
  const data = sampleBytes(4 << 20, 17);
  const sizes = [1, 700, 65_536, 131_071, 131_072, 131_073, 140_000, 262_144, 600_001, 1 << 20, (4 << 20) - 1, 4 << 20];
  const turn = await turnWith(1);
  const first = new Map<number, Buffer>();
  for (let round = 0; round < 3; round += 1) {
    for (const size of round === 1 ? sizes.toReversed() : sizes) {
      const made = await collect(zstd(inPieces(data.subarray(0, size)), 3, turn));
      const before = first.get(size) ?? (await zstdOf(inPieces(data.subarray(0, size)), 3));
      assert.ok(made.equals(before), `${size} bytes, round ${round}`);
      first.set(size, before);
    }
  }
  turn.leave();
});

test('no level asks readers for a window of more than 8 MiB', { timeout: 30_000 }, async () => {
  for (const level of [1, 3, 12, 13, 19, 22]) {
    const [frame] = framesOf(await zstdOf(inPieces(sampleBytes(100_000)), level));
    const header = frame?.bytes ?? Buffer.alloc(0);
    const single = ((header[4] ?? 0) & 0x20) !== 0;
    const log = 10 + ((header[5] ?? 0) >> 3);
    assert.ok(single || log <= 23, `level ${level}: 2^${log}`);
  }
});

test('zstd itself takes it', { skip: spawnSync('zstd', ['--version']).error !== undefined && 'no zstd' }, async () => {
  for (const plain of [Buffer.alloc(0), sampleBytes(1), sampleBytes(3_000_000), Buffer.alloc(frameBytes + 5, 'ab')]) {
    const input = await zstdOf(inPieces(plain));
    const tested = spawnSync('zstd', ['-t', '-q'], { input });
    assert.equal(tested.status, 0, String(tested.stderr));
    const { stdout } = spawnSync('zstd', ['-dcq'], { input, maxBuffer: 1 << 28 });
    assert.ok(stdout.equals(plain));
  }
});

test('frames are found however the data comes, skippable ones are left out', () => {
  const params = { [constants.ZSTD_c_checksumFlag]: 1 };
  const one = zstdCompressSync(sampleBytes(3000), { params });
  const two = zstdCompressSync(Buffer.alloc(0));
  const three = zstdCompressSync(Buffer.alloc(700_000));
  const data = Buffer.concat([skippable(3), one, two, skippable(0), skippable(900), three, skippable(1)]);
  for (const size of [1, 2, 3, 5, 7, 1000, data.byteLength]) {
    const frames = framesOf(data, size);
    assert.equal(frames.length, 3, `pieces of ${size}`);
    assert.ok(frames[0]?.bytes.equals(one));
    assert.ok(frames[1]?.bytes.equals(two));
    assert.ok(frames[2]?.bytes.equals(three));
    assert.deepEqual(
      frames.map((frame) => [frame.empty, frame.offset]),
      [
        [false, 11],
        [true, 11 + one.byteLength],
        [false, data.byteLength - 9 - three.byteLength],
      ],
    );
  }
});

test('an end in the middle of a frame is told', () => {
  const frame = zstdCompressSync(sampleBytes(300));
  for (let size = 1; size < frame.byteLength; size += 1) {
    assert.throws(() => framesOf(frame.subarray(0, size)), IntegrityError, `${size}`);
  }
});
