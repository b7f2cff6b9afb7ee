import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { decompress } from '../../src/compression/decompress.ts';
import { IntegrityError, UnsupportedError } from '../../src/foundation/errors.ts';
import { collect, fuzzSeed, inPieces, randomFrom, sampleBytes } from './support.ts';

const plain = sampleBytes(300_000);
const second = Buffer.from('and another one');

function skippable(size: number, magic = 0x50): Buffer {
  const frame = Buffer.alloc(8 + size, 0x28);
  frame.writeUInt32LE(0x184d2a00 + magic, 0);
  frame.writeUInt32LE(size, 4);
  return frame;
}

/** Whole, in two halves, and byte by byte where it is short. */
async function everyWay(bytes: Buffer): Promise<Buffer[]> {
  const half = Math.ceil(bytes.byteLength / 2);
  const sizes = [bytes.byteLength, half, 1000, ...(bytes.byteLength < 5000 ? [1] : [])];
  return Promise.all(sizes.map((size) => collect(decompress(inPieces(bytes, () => size)))));
}

async function failure(bytes: Buffer, size = 1 << 20): Promise<Error> {
  const error: unknown = await collect(decompress(inPieces(bytes, () => size))).then(
    () => new assert.AssertionError({ message: `no error for ${bytes.byteLength} bytes` }),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Error);
  return error;
}

async function rejectsWith(bytes: Buffer, code: string, message: RegExp, size?: number): Promise<void> {
  const error = await failure(bytes, size);
  assert.ok(error instanceof IntegrityError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
}

test('gzip, zstd and plain bytes become plain bytes, and it is told what they were', async () => {
  for (const [compression, bytes] of [
    ['gzip', gzipSync(plain)],
    ['zstd', zstdCompressSync(plain)],
    ['none', plain],
    ['none', Buffer.alloc(0)],
    ['none', Buffer.from([0x1f])],
  ] as const) {
    let found: string | undefined;
    const result = await collect(
      decompress(
        inPieces(bytes, () => 997),
        (what) => (found = what),
      ),
    );
    assert.equal(found, compression);
    assert.ok(result.equals(compression === 'none' ? bytes : plain));
  }
});

test('gzip members in a row are one stream', async () => {
  for (const members of [
    [gzipSync(plain), gzipSync(second)],
    [gzipSync(''), gzipSync(second), gzipSync('')],
    [gzipSync(second, { level: 0 }), gzipSync(plain, { level: 9 })],
  ]) {
    const expected = (await Promise.all(members.map((member) => collect(decompress(inPieces(member)))))).map(String);
    for (const result of await everyWay(Buffer.concat(members))) assert.equal(String(result), expected.join(''));
  }
});

test('an empty stream of each kind is empty', async () => {
  for (const bytes of [gzipSync(''), zstdCompressSync(''), skippable(10)]) {
    for (const result of await everyWay(bytes)) assert.equal(result.byteLength, 0);
  }
});

test('zero bytes after gzip data are padding, anything else is damage', async () => {
  const member = gzipSync(second);
  for (const result of await everyWay(Buffer.concat([member, Buffer.alloc(600)]))) assert.ok(result.equals(second));
  const size = member.byteLength;
  for (const pieces of [1, size, size + 5, 1 << 20]) {
    await rejectsWith(
      Buffer.concat([member, Buffer.alloc(100), Buffer.from('x')]),
      'DAMAGED_GZIP',
      new RegExp(`damaged at byte ${size + 100}: something follows the end`),
      pieces,
    );
  }
  const garbage = Buffer.concat([member, Buffer.from('garbage')]);
  await rejectsWith(garbage, 'DAMAGED_GZIP', new RegExp(`near byte ${size + 1}: incorrect header check`), 1);
  await rejectsWith(garbage, 'DAMAGED_GZIP', new RegExp(`near byte ${size}: incorrect header check`), size);
});

test('gzip data that was cut off anywhere fails with the place', async () => {
  const bytes = Buffer.concat([gzipSync(second), gzipSync('third')]);
  const whole = gzipSync(second).byteLength;
  for (let size = 3; size < bytes.byteLength; size += 1) {
    if (size === whole) continue;
    for (const pieces of [1, 1 << 20]) {
      await rejectsWith(
        bytes.subarray(0, size),
        'TRUNCATED_GZIP',
        new RegExp(`ends at byte ${size}, in the middle`),
        pieces,
      );
    }
  }
});

test('gzip data with a wrong checksum or length fails', async () => {
  for (const [from, message] of [
    [8, /incorrect data check/],
    [4, /incorrect length check/],
  ] as const) {
    const bytes = gzipSync(plain);
    bytes.writeUInt8((bytes.readUInt8(bytes.byteLength - from) ^ 1) & 0xff, bytes.byteLength - from);
    await rejectsWith(bytes, 'DAMAGED_GZIP', message);
  }
});

test('zstd frames in a row are one stream, and skippable frames are nothing', async () => {
  const frames = [zstdCompressSync(plain), zstdCompressSync(second), zstdCompressSync('')];
  const checked = zstdCompressSync(second, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  const [first, other, empty] = frames as [Buffer, Buffer, Buffer];
  for (const [bytes, expected] of [
    [Buffer.concat(frames), Buffer.concat([plain, second])],
    [
      Buffer.concat([skippable(5), first, skippable(0, 0x5f), skippable(70_000), checked, skippable(3)]),
      Buffer.concat([plain, second]),
    ],
    [Buffer.concat([empty, skippable(1), empty, other]), second],
    [Buffer.concat([skippable(4), checked, skippable(4), checked]), Buffer.concat([second, second])],
  ] as const) {
    for (const result of await everyWay(bytes)) assert.ok(result.equals(expected));
  }
});

test('zstd data that was cut off anywhere fails with the place and the frame', async () => {
  const frame = zstdCompressSync(second, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  const bytes = Buffer.concat([skippable(9), frame, frame]);
  const ends = [17, 17 + frame.byteLength];
  for (let size = 4; size < bytes.byteLength; size += 1) {
    if (ends.includes(size)) continue;
    const begin = Math.max(0, ...ends.filter((end) => end < size));
    const place = new RegExp(`ends at byte ${size}, in the middle of the frame that begins at byte ${begin}$`);
    for (const pieces of [1, 1 << 20]) await rejectsWith(bytes.subarray(0, size), 'TRUNCATED_ZSTD', place, pieces);
  }
});

test('what is no zstd frame fails with the place', async () => {
  const frame = zstdCompressSync(second);
  const after = (rest: readonly number[]): Buffer => Buffer.concat([frame, Buffer.from(rest)]);
  const size = frame.byteLength;
  for (const pieces of [1, size, 1 << 20]) {
    await rejectsWith(after([1, 2, 3, 4]), 'DAMAGED_ZSTD', new RegExp(`at byte ${size}: no frame begins here`), pieces);
    await rejectsWith(after([0, 0, 0, 0]), 'DAMAGED_ZSTD', new RegExp(`at byte ${size}: no frame begins here`), pieces);
    // a reserved bit in the frame header; a reserved type of block
    const reserved = [0x28, 0xb5, 0x2f, 0xfd, 0x28, 0x01];
    await rejectsWith(after(reserved), 'DAMAGED_ZSTD', new RegExp(`at byte ${size + 4}: `), pieces);
    const badBlock = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x01, 0x07, 0x00, 0x00];
    await rejectsWith(after(badBlock), 'DAMAGED_ZSTD', new RegExp(`at byte ${size + 6}: `), pieces);
  }
});

test('a wrong checksum of a zstd frame is damage', async () => {
  const bytes = zstdCompressSync(plain, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  bytes.writeUInt8(bytes.readUInt8(bytes.byteLength - 1) ^ 1, bytes.byteLength - 1);
  await rejectsWith(bytes, 'DAMAGED_ZSTD', /damaged at byte \d+: /);
});

test('a zstd frame may not ask for any amount of memory', async () => {
  const single = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 1, 0, 0, 0x08, 0, 0, 0, 0, 1, 0, 0]);
  const windowed = (descriptor: number): Buffer => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, descriptor, 1, 0, 0]);
  const before = zstdCompressSync(second);
  for (const pieces of [1, 1 << 20]) {
    const size = before.byteLength;
    for (const frame of [single, windowed((17 << 3) | 1), windowed(0xff)]) {
      const message = new RegExp(`frame at byte ${size} wants a window of \\d+ bytes, more than the 134217728 allowed`);
      await rejectsWith(Buffer.concat([before, frame]), 'ZSTD_WINDOW_TOO_LARGE', message, pieces);
    }
    const allowed = await collect(decompress(inPieces(windowed(17 << 3), () => pieces)));
    assert.equal(allowed.byteLength, 0);
  }
});

test('bzip2 and xz are named', async () => {
  for (const [name, start] of [
    ['bzip2', 'BZh91AY&SY'],
    ['xz', '\xfd7zXZ\x00\x00'],
  ] as const) {
    const error = await failure(Buffer.from(start, 'latin1'));
    assert.ok(error instanceof UnsupportedError);
    assert.equal(error.code, 'UNREADABLE_COMPRESSION');
    assert.match(error.message, new RegExp(`compressed with ${name}`));
  }
});

test('an error of the source is the error', async () => {
  const broken = new Error('the cable was cut');
  for (const bytes of [gzipSync(plain), zstdCompressSync(plain), plain]) {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 1000);
      throw broken;
    }
    await assert.rejects(collect(decompress(source())), (error) => error === broken);
  }
});

test('a reader that stops closes the source', async () => {
  for (const bytes of [gzipSync(plain), zstdCompressSync(plain), plain]) {
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield* inPieces(bytes, () => 100);
      } finally {
        closed = true;
      }
    }
    for await (const chunk of decompress(source())) {
      assert.ok(chunk.byteLength > 0);
      break;
    }
    assert.ok(closed);
  }
});

test('damaged data never hangs, never crashes and is never taken for whole', async (t) => {
  const seed = fuzzSeed();
  t.diagnostic(`SHEAF_SEED=${seed}`);
  const random = randomFrom(seed);
  const small = sampleBytes(20_000, 5);
  const params = { [constants.ZSTD_c_checksumFlag]: 1 };
  const wholes = [
    Buffer.concat([gzipSync(small), gzipSync(second)]),
    Buffer.concat([skippable(20), zstdCompressSync(small, { params }), zstdCompressSync(second, { params })]),
  ];
  for (let round = 0; round < 300; round += 1) {
    const whole = wholes[round % 2] ?? Buffer.alloc(0);
    const bytes = Buffer.from(whole.subarray(0, random() < 0.3 ? Math.floor(random() * whole.byteLength) : undefined));
    for (let change = 0; change < Math.floor(random() * 3); change += 1) {
      if (bytes.byteLength > 0) bytes[Math.floor(random() * bytes.byteLength)] = random() * 256;
    }
    const result: unknown = await collect(decompress(inPieces(bytes, () => 1 + random() * 4000))).catch(
      (error: unknown) => error,
    );
    if (result instanceof IntegrityError || result instanceof UnsupportedError) continue;
    assert.ok(Buffer.isBuffer(result), `round ${round}: ${String(result)}`);
    // what comes out without an error is the content, or the bytes themselves where the magic number is gone, or what
    // stands before the cut where that is the end of a member
    const expected = Buffer.concat([small, second]);
    const right =
      result.equals(expected) || result.equals(bytes) || result.equals(small) || isHeaderOnly(whole, bytes, result);
    assert.ok(right, `round ${round}: ${bytes.byteLength} damaged bytes gave ${result.byteLength}`);
  }
});

/** Changes that the format allows: the fields of gzip that are no data, the content of a skippable frame, a member made padding. */
function isHeaderOnly(whole: Buffer, bytes: Buffer, result: Buffer): boolean {
  const skipped = detectSkipped(bytes);
  return result.byteLength === 0 ? bytes.byteLength <= 28 || skipped : whole.byteLength === bytes.byteLength && skipped;
}

/** A skippable frame whose length was changed may hide what follows it. */
function detectSkipped(bytes: Buffer): boolean {
  return bytes.byteLength >= 8 && bytes.subarray(1, 4).equals(Buffer.from([0x2a, 0x4d, 0x18]));
}
