import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { MadeLayers } from '../../src/copy/made-layers.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { Store } from '../../src/store/store.ts';
import { testStore } from '../store/fixtures.ts';

const limits = { largest: 1000, all: 1500 };

async function made(t: TestContext): Promise<{ layers: MadeLayers; store: Store }> {
  const store = await testStore(t);
  const lease = store.openLease();
  return { store, layers: new MadeLayers(store.content, () => lease, limits) };
}

const streamOf = (bytes: Buffer): Readable =>
  Readable.from([bytes.subarray(0, 300), bytes.subarray(300)].filter((part) => part.byteLength > 0));

describe('layers that were made', () => {
  for (const [what, size, onDisk] of [
    ['an empty one', 0, false],
    ['a small one', 1000, false],
    ['a larger one', 1001, true],
  ] as const) {
    it(`${what} ${onDisk ? 'goes to the store' : 'stays in memory'}, whole`, async (t) => {
      const { layers, store } = await made(t);
      const bytes = Buffer.alloc(size, 'layer');
      const digest = digestOf(bytes);
      assert.deepEqual(await layers.keep(streamOf(bytes), { again: true }), { digest, size });
      assert.equal(existsSync(store.content.path(digest)), onDisk);
      for (const offset of [0, 1, 299, 300, 301, 999].filter((at) => at <= size)) {
        assert.deepEqual(await buffer(await layers.open(digest, offset)), bytes.subarray(offset), `from ${offset}`);
      }
    });
  }

  it('those beyond the limit of all go to the store, until others are sent', async (t) => {
    const { layers, store } = await made(t);
    const keep = async (text: string): Promise<boolean> => {
      const { digest } = await layers.keep(streamOf(Buffer.alloc(800, text)), { again: true });
      return existsSync(store.content.path(digest));
    };
    assert.equal(await keep('one'), false);
    assert.equal(await keep('two'), true);
    layers.drop(digestOf(Buffer.alloc(800, 'one')));
    assert.equal(await keep('three'), false);
    // the same once more takes no more room
    assert.equal(await keep('three'), true);
    layers.drop(digestOf(Buffer.alloc(800, 'three')));
    assert.equal(await keep('four'), false);
  });

  it('go to the store for the next run where it would make the same', async (t) => {
    const { layers, store } = await made(t);
    const [again, never] = [Buffer.from('again'), Buffer.from('never')];
    await layers.keep(streamOf(again), { again: true });
    await layers.keep(streamOf(never), { again: false });
    await layers.save();
    assert.equal(await store.content.has(digestOf(again)), true);
    assert.equal(await store.content.has(digestOf(never)), false);
  });

  it('one whose stream fails leaves nothing behind', async (t) => {
    const { layers } = await made(t);
    for (const size of [500, 1200]) {
      const broken = Readable.from(
        (function* () {
          yield Buffer.alloc(size);
          throw new Error('cut');
        })(),
      );
      await assert.rejects(layers.keep(broken, { again: true }), { message: 'cut' });
      assert.ok(broken.destroyed);
    }
    // all the room is there
    assert.equal((await layers.keep(streamOf(Buffer.alloc(1000)), { again: true })).size, 1000);
    await assert.rejects(layers.open(digestOf(Buffer.alloc(500)), 0), { code: 'BLOB_NOT_FOUND' });
  });
});
