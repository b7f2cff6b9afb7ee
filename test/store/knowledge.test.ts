import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { keepMs } from '../../src/store/knowledge.ts';
import { Store } from '../../src/store/store.ts';
import { testFolder } from '../support/folders.ts';

const digest = (text: string) => digestOf(Buffer.from(text));
const layer = digest('a layer');
const result = { digest: digest('made'), size: 4, format: 'zstd', annotations: { a: 'b' }, plainSize: 10 };
const upload = { registry: 'r.example', repository: 'a/b', digest: layer };

describe('the knowledge of the store', () => {
  it('gives back what was remembered, also to the next process, and nothing else', async (t) => {
    const folder = join(await testFolder(t), 'store');
    {
      using store = Store.open(folder);
      const { knowledge } = store;
      assert.equal(knowledge.recompression(layer, 'zstd/3'), undefined);
      knowledge.rememberRecompression(layer, 'zstd/3', result);
      knowledge.rememberConversion(layer, 'all', { digest: result.digest, mediaType: 'x/y' });
      knowledge.rememberBlobs('r.example', 'a/b', [layer]);
      knowledge.rememberUpload(upload, 'https://r.example/session');
      assert.equal(knowledge.hasWritten('r.example', 'a/b'), false);
      knowledge.rememberWriting('r.example', 'a/b');
    }
    using store = Store.open(folder);
    const { knowledge } = store;
    assert.deepEqual(knowledge.recompression(layer, 'zstd/3'), result);
    assert.equal(knowledge.recompression(layer, 'zstd/4'), undefined);
    assert.equal(knowledge.recompression(result.digest, 'zstd/3'), undefined);
    assert.deepEqual(knowledge.conversion(layer, 'all'), { digest: result.digest, mediaType: 'x/y' });
    assert.deepEqual(knowledge.repositoriesOf('r.example', layer), ['a/b']);
    assert.deepEqual(knowledge.repositoriesOf('other.example', layer), []);
    knowledge.forgetBlob('r.example', 'a/b', layer);
    assert.deepEqual(knowledge.repositoriesOf('r.example', layer), []);
    assert.equal(knowledge.hasWritten('r.example', 'a/b'), true);
    assert.equal(knowledge.hasWritten('r.example', 'a'), false);
    assert.equal(knowledge.upload(upload), 'https://r.example/session');
    assert.equal(knowledge.upload({ ...upload, repository: 'a/c' }), undefined);
    knowledge.forgetUpload(upload);
    assert.equal(knowledge.upload(upload), undefined);
  });

  it('tells the latest repositories first, and a few of them', async (t) => {
    let now = 1;
    using store = Store.open(join(await testFolder(t), 'store'), { now: () => now });
    for (const repository of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      now += 1;
      store.knowledge.rememberBlobs('r.example', repository, [layer]);
    }
    assert.deepEqual(store.knowledge.repositoriesOf('r.example', layer), ['g', 'f', 'e', 'd', 'c']);
  });

  it('keeps what was compressed until it is let go or some days have passed', async (t) => {
    let now = 1_000_000;
    using store = Store.open(join(await testFolder(t), 'store'), { now: () => now });
    const blobs = await Promise.all(
      ['one', 'two'].map(async (text) => {
        using lease = store.openLease();
        const stored = await store.content.putBytes(Buffer.from(text), { lease: lease.id });
        store.knowledge.rememberRecompression(digest(text), 'zstd/3', { ...result, ...stored });
        return stored.digest;
      }),
    );
    const there = () => Promise.all(blobs.map((blob) => store.content.has(blob)));
    await store.collectGarbage();
    assert.deepEqual(await there(), [true, true]);
    store.knowledge.letGo(blobs.slice(0, 1));
    await store.collectGarbage();
    assert.deepEqual(await there(), [false, true]);
    now += keepMs + 1;
    await store.collectGarbage();
    assert.deepEqual(await there(), [false, false]);
  });

  it('is silent where there is nothing to write to', () => {
    using store = Store.open('/dev/null/store');
    store.knowledge.rememberUpload(upload, 'x');
    assert.equal(store.knowledge.upload(upload), undefined);
  });
});
