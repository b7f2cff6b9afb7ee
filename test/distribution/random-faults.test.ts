/** Pushes and pulls through a registry that fails at random: they end right, or with one clear error. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SheafError } from '../../src/foundation/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import * as faults from '../support/fault-kinds.ts';
import type { Fault } from '../support/faults.ts';
import { withRegistry } from '../support/registry.ts';
import { blobOf, bytesOf, indexBytes, readAll, testPool } from './pool.ts';

const KiB = 1024;

/** Mulberry32: numbers from 0 to 1 that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const seed = Number(process.env['SHEAF_TEST_SEED'] ?? 20_261_121);
const runs = Number(process.env['SHEAF_TEST_RUNS'] ?? 40);

test(`${runs} runs from the seed ${seed}`, async (t) => {
  let failed = 0;
  for (let run = 0; run < runs; run += 1) {
    const random = randomFrom(seed + run);
    const below = (limit: number): number => Math.floor(random() * limit);
    const registry = await withRegistry(t);
    const bytes = bytesOf(below(600 * KiB));
    const kinds: Array<() => Fault> = [
      () => faults.cutBeforeHeaders(),
      () => faults.cutAfterDone(),
      () => faults.cutRequestBodyAfter(below(bytes.byteLength)),
      () => faults.cutResponseBodyAfter(below(bytes.byteLength)),
      () => faults.serverError([500, 502, 503, 504][below(4)]),
      () => faults.tooManyRequests(below(2) === 0 ? undefined : below(5)),
      () => faults.htmlAnswer(502),
      () => faults.noRanges(),
      () => faults.wrongRange(['0-0', '0-999999999', 'x'][below(3)] ?? ''),
      () => faults.answer(404),
      () => faults.noChunks(),
    ];
    for (let count = below(8); count > 0; count -= 1) {
      const fault = kinds[below(kinds.length)];
      if (fault !== undefined) registry.faults.on({ nth: 1 + below(12), path: /\/(?:blobs|manifests)\// }, fault());
    }
    const uploads = { wholeBytes: 200 * KiB, resumableBytes: 10 * KiB, pieceBytes: 100 * KiB };
    const { pool } = testPool(t, { uploads });
    const repository = pool.client(registry.host).repository('a', 'push');
    const manifest = { bytes: indexBytes(), mediaType: 'application/vnd.oci.image.index.v1+json' };
    try {
      await repository.uploadBlob(blobOf(bytes, 10 * KiB));
      await repository.putManifest('v1', { ...manifest, digest: digestOf(manifest.bytes) });
      const { body } = await repository.openBlob(digestOf(bytes));
      assert.ok((await readAll(body)).equals(bytes), `run ${run}: other bytes`);
      assert.equal((await repository.getManifest('v1')).digest, digestOf(manifest.bytes));
    } catch (thrown) {
      assert.ok(thrown instanceof SheafError, `run ${run}: ${String(thrown)}`);
      assert.ok(thrown.hint, `run ${run}: ${thrown.message} has no hint`);
      failed += 1;
    }
    // whatever has happened, once it is quiet the same run ends right
    registry.faults.reset();
    const after = testPool(t, { uploads }).pool.client(registry.host).repository('a', 'push');
    await after.uploadBlob(blobOf(bytes));
    const { body } = await after.openBlob(digestOf(bytes));
    assert.ok((await readAll(body)).equals(bytes), `run ${run}: other bytes in the end`);
  }
  assert.ok(failed < runs / 2, `${failed} of ${runs} runs failed: the faults are meant to be survived`);
});
