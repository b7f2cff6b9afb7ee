import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { constants, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import { gzip } from '../../src/compression/gzip.ts';
import { collect, inPieces, sampleBytes, turnWith } from './support.ts';

const large = sampleBytes(5_000_001, 21);
const segment = 2 << 20;

async function gzipped(plain: Buffer, level = 4, compressors = 3): Promise<Buffer> {
  const turn = await turnWith(compressors);
  const bytes = await collect(
    gzip(
      inPieces(plain, () => 100_003),
      level,
      turn,
    ),
  );
  turn.leave();
  return bytes;
}

test('it is one member, however many segments it is made of', async () => {
  for (const size of [0, 1, segment - 1, segment, segment + 1, 2 * segment, large.byteLength]) {
    const plain = large.subarray(0, size);
    const bytes = await gzipped(plain);
    const { buffer, engine } = gunzipSync(bytes, { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    assert.ok(buffer.equals(plain));
    assert.equal(engine.bytesWritten, bytes.byteLength);
    // a raw inflater knows no members: it stops where the one deflate stream ends
    const raw = inflateRawSync(bytes.subarray(10), { info: true, finishFlush: constants.Z_FINISH }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    assert.ok(raw.buffer.equals(plain), `${size}`);
    assert.equal(raw.engine.bytesWritten, bytes.byteLength - 10 - 8, 'checksum and length alone follow');
    assert.equal(bytes.readUInt32LE(bytes.byteLength - 4), size);
  }
});

test('the header names no time and no system', async () => {
  const bytes = await gzipped(large.subarray(0, 10));
  assert.equal(bytes.subarray(0, 10).toString('hex'), '1f8b08000000000000ff');
});

test('segments are primed with what stands before them: one stream would not be smaller', async () => {
  const unit = sampleBytes(20_000, 5);
  const plain = Buffer.concat(Array.from({ length: 250 }, () => unit));
  const bytes = await gzipped(plain, 6);
  // of each of the three segments, nothing would be known without the bytes before it
  assert.ok(bytes.byteLength < gzipSync(plain, { level: 6 }).byteLength + 1000, `${bytes.byteLength}`);
});

test('gzip itself takes it', { skip: spawnSync('gzip', ['--version']).error !== undefined && 'no gzip' }, async () => {
  for (const plain of [Buffer.alloc(0), large.subarray(0, segment), large]) {
    const input = await gzipped(plain);
    const tested = spawnSync('gzip', ['-t'], { input });
    assert.equal(tested.status, 0, String(tested.stderr));
    const { stdout } = spawnSync('gzip', ['-dc'], { input, maxBuffer: 1 << 28 });
    assert.ok(stdout.equals(plain));
  }
});
