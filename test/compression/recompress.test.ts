import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { type Budget, createBudget } from '../../src/compression/budget.ts';
import { type CompressionFormat, compressionFormats } from '../../src/compression/compression.ts';
import { decompress } from '../../src/compression/decompress.ts';
import { type RecompressOptions, type RecompressResult, recompress } from '../../src/compression/recompress.ts';
import { CancelledError, IntegrityError, UsageError } from '../../src/foundation/errors.ts';
import { handOver } from '../../src/foundation/own-bytes.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { collect, fuzzSeed, inPieces, piecesOf, randomFrom, readableOf, sampleBytes } from './support.ts';
import { tarOf } from './tars.ts';

const empty = Buffer.alloc(0);
const tiny = Buffer.from('x');
const tar = tarOf([
  { name: 'etc/' },
  { name: 'etc/hosts', data: Buffer.from('127.0.0.1 localhost\n') },
  { name: 'usr/lib/large', data: sampleBytes(1_500_000) },
  { name: 'usr/lib/empty', data: empty },
]);

const tarOfNothing = tarOf([]);

const sources: Readonly<Record<'none' | 'gzip' | 'zstd', (bytes: Buffer) => Buffer>> = {
  none: (bytes) => bytes,
  gzip: (bytes) => gzipSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
};

async function through(
  source: Readable | (() => Promise<Readable>),
  options: RecompressOptions,
): Promise<{ bytes: Buffer; result: RecompressResult }> {
  const { stream, done } = await recompress(source, options);
  const bytes = await collect(stream);
  return { bytes, result: await done };
}

function plainOf(bytes: Buffer): Promise<Buffer> {
  return collect(decompress(inPieces(bytes)));
}

/** Fails unless everything that was lent by `budget` is back: a job as large as all of it can only be let in beside one. */
async function assertGivenBack(budget: Budget, memory: number): Promise<void> {
  const small = await budget.enter(1);
  let entered = false;
  const whole = budget.enter(memory - 1).then((turn) => {
    entered = true;
    return turn;
  });
  await tick();
  assert.ok(entered, 'memory is missing from the budget');
  (await whole).leave();
  small.leave();
}

const memory = 32 << 20;

describe('every form to every form', () => {
  for (const from of ['none', 'gzip', 'zstd'] as const) {
    for (const format of compressionFormats) {
      test(`${from} to ${format}`, async () => {
        const budget = createBudget({ memory });
        for (const [what, plain] of Object.entries({ empty, tiny, tar, tarOfNothing })) {
          const source = sources[from](plain);
          const { bytes, result } = await through(readableOf(source), { format, budget });
          assert.ok((await plainOf(bytes)).equals(plain), what);
          assert.equal(result.from, from);
          assert.equal(result.diffId, digestOf(plain));
          assert.equal(result.plainSize, plain.byteLength);
          assert.equal(result.digest, digestOf(bytes));
          assert.equal(result.size, bytes.byteLength);
          const chunked = format === 'zstd:chunked' && what.startsWith('tar');
          assert.equal(result.format, format === 'zstd:chunked' && !chunked ? 'zstd' : format);
          assert.equal(result.notChunked === undefined, format !== 'zstd:chunked' || chunked);
          assert.equal(Object.keys(result.annotations).length, chunked ? 3 : 0);
          if (format === 'gzip') assert.ok(gunzipSync(bytes).equals(plain), 'node reads it whole');
          if (format === 'zstd') assert.ok(zstdDecompressSync(bytes).equals(plain), 'node reads it whole');
        }
        await assertGivenBack(budget, memory);
      });
    }
  }

  test('many MiB, over many blocks and frames', { timeout: 60_000 }, async () => {
    const unit = sampleBytes(1 << 20, 7);
    const copies = 33;
    const plain = Buffer.concat(
      Array.from({ length: copies }, (_, index) => Buffer.concat([unit, Buffer.from([index])])),
    );
    for (const format of ['gzip', 'zstd'] as const) {
      const { bytes, result } = await through(readableOf(plain), { format, level: 1 });
      assert.equal(result.diffId, digestOf(plain));
      assert.ok((await plainOf(bytes)).equals(plain), format);
    }
  });
});

describe('levels', () => {
  for (const [format, levels] of [
    ['gzip', [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['zstd', [1, 3, 9, 13, 22]],
    ['zstd:chunked', [1, 9, 22]],
  ] as const) {
    test(`${format} has them, and the highest gives less than the lowest`, { timeout: 60_000 }, async () => {
      const sizes: number[] = [];
      for (const level of levels) {
        const { bytes, result } = await through(readableOf(tar), { format, level });
        assert.ok((await plainOf(bytes)).equals(tar), `level ${level}`);
        sizes.push(result.size);
      }
      assert.ok((sizes.at(-1) ?? 0) < (sizes[0] ?? 0), String(sizes));
    });
  }

  test('one that there is not is refused before anything is opened', async () => {
    const source = async (): Promise<Readable> => assert.fail('opened');
    await assert.rejects(recompress(source, { format: 'gzip', level: 10 }), UsageError);
    const stream = readableOf(tar);
    await assert.rejects(recompress(stream, { format: 'zstd', level: 0 }), UsageError);
    assert.ok(stream.destroyed, 'a stream that was handed over is closed');
  });
});

describe('the same layer always becomes the same bytes', () => {
  test('however it is cut, however many compressors there are, whatever runs beside it', {
    timeout: 60_000,
  }, async (t) => {
    const seed = fuzzSeed();
    t.diagnostic(`SHEAF_SEED=${seed}`);
    const random = randomFrom(seed);
    const plain = tarOf([
      { name: 'one', data: sampleBytes(5_000_000, 3) },
      { name: 'two', data: Buffer.alloc(600_000) },
      { name: 'three', data: sampleBytes(700_001, 4) },
    ]);
    for (const format of ['gzip', 'zstd', 'zstd:chunked'] as const) {
      const level = format === 'gzip' ? 4 : 3;
      const expected = await through(Readable.from([plain]), { format, level });
      for (const [name, budget, step] of [
        ['one compressor', createBudget({ memory: 1, blocks: 1 }), () => 65_536],
        ['many', createBudget({ memory: 1 << 30, blocks: 200 }), () => 1_000_000],
        ['pieces of any size', createBudget(), () => 1 + random() ** 4 * 900_000],
      ] as const) {
        const { bytes } = await through(readableOf(plain, step), { format, level, budget });
        assert.ok(bytes.equals(expected.bytes), `${format}, ${name}`);
      }
      const budget = createBudget();
      const together = [1, 2, 3, 4].map(() =>
        through(
          readableOf(plain, () => 10_000 + random() * 200_000),
          { format, level, budget },
        ),
      );
      for (const { result } of await Promise.all(together)) assert.equal(result.digest, expected.result.digest, format);
    }
  });

  test('compressors that are used again leave nothing behind', async () => {
    const budget = createBudget();
    const hold = await budget.enter(1);
    for (const format of ['zstd', 'zstd:chunked'] as const) {
      const first = await through(readableOf(tar), { format, level: 3, budget });
      for (let size = 1; size < 40; size += 1) {
        await through(readableOf(tarOf([{ name: `n${size}`, data: sampleBytes(size * 331, size) }])), {
          format,
          level: 3,
          budget,
        });
      }
      const again = await through(readableOf(tar), { format, level: 3, budget });
      assert.equal(again.result.digest, first.result.digest);
    }
    hold.leave();
  });
});

test('a digest of the plain bytes that is known is taken as it is', async () => {
  const known = digestOf(Buffer.from('proved before'));
  const { result } = await through(readableOf(tar), { format: 'gzip', diffId: known });
  assert.equal(result.diffId, known);
});

test('the source is opened when it is its turn, and not before', async () => {
  const budget = createBudget({ memory: 1 });
  const first = await recompress(readableOf(tar), { format: 'gzip', budget });
  let opened = false;
  const second = recompress(
    async () => {
      opened = true;
      return readableOf(tar);
    },
    { format: 'zstd', budget },
  );
  await tick();
  assert.equal(opened, false);
  await collect(first.stream);
  await first.done;
  const { stream, done } = await second;
  assert.equal(opened, true);
  await collect(stream);
  assert.equal((await done).diffId, digestOf(tar));
});

describe('memory', () => {
  for (const from of ['none', 'gzip', 'zstd'] as const) {
    test(`of a source in the form ${from} is given back as it is used up`, async () => {
      const chunks = [...piecesOf(sources[from](tar), () => 200_000)].map((piece) => {
        const chunk = Buffer.allocUnsafeSlow(piece.byteLength);
        chunk.set(piece);
        return handOver(chunk);
      });
      const { bytes } = await through(Readable.from(chunks, { objectMode: false }), { format: 'gzip' });
      assert.ok((await plainOf(bytes)).equals(tar));
      const kept = chunks.filter((chunk) => chunk.buffer.byteLength > Buffer.poolSize);
      assert.equal(kept.length, 0, `of ${chunks.length} chunks`);
    });
  }
});

describe('what goes wrong', () => {
  const forms = ['none', 'gzip', 'zstd', 'zstd:chunked'] as const satisfies readonly CompressionFormat[];

  test('a source that cannot be opened gives its turn back', async () => {
    const budget = createBudget({ memory });
    const broken = new Error('no route');
    for (const format of forms) {
      await assert.rejects(
        recompress(() => Promise.reject(broken), { format, budget }),
        (error) => error === broken,
      );
    }
    await assertGivenBack(budget, memory);
  });

  test('a source that fails is the error, with its side, at the stream and at the end', async () => {
    const budget = createBudget({ memory });
    for (const format of forms) {
      for (const from of ['none', 'gzip', 'zstd'] as const) {
        for (const after of [0, 3, 200_000]) {
          const broken = new IntegrityError('the digest is wrong', { code: 'WRONG_DIGEST', hint: 'Fetch it again.' });
          const bytes = sources[from](tar).subarray(0, after);
          const source = Readable.from(
            (async function* () {
              yield* inPieces(bytes);
              throw broken;
            })(),
            { objectMode: false },
          );
          const { stream, done } = await recompress(source, { format, budget });
          await assert.rejects(collect(stream), (error) => error === broken, `${from} to ${format}`);
          await assert.rejects(done, (error) => error === broken);
          assert.equal(broken.side, 'source');
          assert.ok(source.destroyed);
        }
      }
    }
    await assertGivenBack(budget, memory);
  });

  test('a source that fails while nobody reads does not end the process', async () => {
    const source = new Readable({ read() {} });
    const { stream, done } = await recompress(source, { format: 'gzip' });
    const failed = new Promise((resolve) => stream.once('error', resolve));
    source.destroy(new Error('gone'));
    assert.match(String(await failed), /gone/);
    await assert.rejects(done, /gone/);
  });

  test('a source that is closed before its end is an error, not a shorter layer', async () => {
    for (const format of forms) {
      const source = new Readable({ read() {} });
      source.push(tar.subarray(0, 300_000));
      const { stream, done } = await recompress(source, { format });
      setImmediate(() => source.destroy());
      await assert.rejects(collect(stream));
      await assert.rejects(done);
    }
  });

  test('damaged compressed data is a fault of the source', async () => {
    const budget = createBudget({ memory });
    for (const from of ['gzip', 'zstd'] as const) {
      const whole = sources[from](tar);
      for (const format of forms) {
        const { stream, done } = await recompress(readableOf(whole.subarray(0, whole.byteLength - 5)), {
          format,
          budget,
        });
        await assert.rejects(collect(stream), (error) => error instanceof IntegrityError && error.side === 'source');
        await assert.rejects(done, IntegrityError);
      }
    }
    await assertGivenBack(budget, memory);
  });

  test('a job that is cancelled while it waits opens nothing', async () => {
    const budget = createBudget({ memory: 1 });
    const holder = await budget.enter(1);
    const stop = new AbortController();
    const source = readableOf(tar);
    const waiting = recompress(source, { format: 'gzip', budget, signal: stop.signal });
    stop.abort();
    await assert.rejects(waiting, CancelledError);
    assert.ok(source.destroyed);
    holder.leave();
    await assertGivenBack(budget, 1);
  });

  test('cancelled or destroyed at any moment, everything is given back', { timeout: 60_000 }, async (t) => {
    const seed = fuzzSeed();
    t.diagnostic(`SHEAF_SEED=${seed}`);
    const random = randomFrom(seed);
    const plain = tarOf([{ name: 'file', data: sampleBytes(2_000_000, 9) }]);
    const inputs = [plain, gzipSync(plain, { level: 1 }), zstdCompressSync(plain)];
    const budget = createBudget({ memory, blocks: 12 });
    for (let round = 0; round < 60; round += 1) {
      const format = forms[round % forms.length] ?? 'none';
      const source = readableOf(inputs[round % inputs.length] ?? plain, () => 1 + random() * 200_000);
      const stop = new AbortController();
      const { stream, done } = await recompress(source, { format, budget, signal: stop.signal });
      stream.on('error', () => {});
      const kind = Math.floor(random() * 4);
      let left = Math.floor(random() * 1_200_000);
      const closed = new Promise<void>((resolve) => stream.once('close', resolve));
      const end = (): void => {
        if (kind === 0) stop.abort();
        else if (kind === 1) stream.destroy();
        else if (kind === 2) stream.destroy(new Error('the other side is gone'));
        else source.destroy(new Error('the source is gone'));
      };
      if (left < 100_000) end();
      else {
        stream.on('data', (bytes: Buffer) => {
          left -= bytes.byteLength;
          if (left <= 0) end();
        });
      }
      await closed;
      await done.then(
        (result) => assert.equal(result.diffId, digestOf(plain)),
        (error: unknown) => assert.ok(error instanceof Error),
      );
      assert.ok(source.destroyed, `round ${round}`);
    }
    await assertGivenBack(budget, memory);
  });

  test('an end of the stream that nobody waited for still gives everything back', async () => {
    const budget = createBudget({ memory });
    const { stream } = await recompress(readableOf(tar), { format: 'gzip', budget });
    const closed = new Promise<void>((resolve) => stream.once('close', resolve));
    for await (const bytes of stream) {
      assert.ok(bytes);
      break;
    }
    await closed;
    await assertGivenBack(budget, memory);
  });
});

test('60 jobs at once come to their end, and so does one beside readers that are stuck', {
  timeout: 60_000,
}, async () => {
  const budget = createBudget();
  const plain = tarOf([{ name: 'file', data: sampleBytes(900_000, 11) }]);
  const formats = ['gzip', 'zstd', 'zstd:chunked', 'none'] as const;
  const jobs = Array.from({ length: 60 }, (_, index) =>
    through(
      readableOf(index % 3 === 0 ? gzipSync(plain, { level: 1 }) : plain, () => 5000 + index * 1000),
      { format: formats[index % formats.length] ?? 'none', budget },
    ),
  );
  const digests = new Map<string, Set<string>>();
  for (const { result } of await Promise.all(jobs)) {
    assert.equal(result.diffId, digestOf(plain));
    digests.set(result.format, (digests.get(result.format) ?? new Set()).add(result.digest ?? ''));
  }
  for (const [format, found] of digests) assert.equal(found.size, 1, format);

  // one that nobody reads may hold its turn, but not the blocks of the others
  const idle = await recompress(readableOf(tar), { format: 'gzip', budget });
  const busy = await through(readableOf(plain), { format: 'gzip', budget });
  assert.equal(busy.result.diffId, digestOf(plain));
  assert.equal((await collect(idle.stream)).byteLength > 0, true);
});
