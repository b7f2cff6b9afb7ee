import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { BugError, ConflictError, IntegrityError, NotFoundError } from '../../src/foundation/errors.ts';
import type { Digest } from '../../src/oci/digest.ts';
import type { Store } from '../../src/store/store.ts';
import { fileMatches, sha256, testStore } from './fixtures.ts';

const absent = sha256('absent');

/** Files of the store that hold or would hold content. */
function filesOf(store: Store): string[] {
  return ['blobs/sha256', 'blobs/sha512', 'tmp'].flatMap((folder) =>
    existsSync(`${store.dir}/${folder}`)
      ? readdirSync(`${store.dir}/${folder}`).map((name) => `${folder}/${name}`)
      : [],
  );
}

const withCode = (code: string) => (thrown: unknown) =>
  thrown instanceof Error && 'code' in thrown && thrown.code === code;

test('bytes are kept under their digest', async (t) => {
  const { content, dir } = await testStore(t);
  const bytes = Buffer.from('some bytes');
  const blob = await content.putBytes(bytes);
  assert.deepEqual(blob, { digest: sha256(bytes), size: bytes.length });
  assert.equal(content.path(blob.digest), `${dir}/blobs/sha256/${blob.digest.slice(7)}`);
  assert.ok(await fileMatches(content.path(blob.digest), blob.digest));
  assert.equal(await content.has(blob.digest), true);
  assert.equal(await content.size(blob.digest), bytes.length);
  assert.deepEqual(Buffer.from(await content.read(blob.digest, bytes.length)), bytes);
  assert.deepEqual(await buffer(await content.open(blob.digest)), bytes);
});

test('sha512 has a folder of its own', async (t) => {
  const { content, dir } = await testStore(t);
  const expected: Digest = `sha512:${createHash('sha512').update('x').digest('hex')}`;
  assert.equal((await content.putBytes(Buffer.from('x'), { algorithm: 'sha512' })).digest, expected);
  assert.equal((await content.putStream(Readable.from([Buffer.from('x')]), { digest: expected })).digest, expected);
  assert.equal(content.path(expected), `${dir}/blobs/sha512/${expected.slice(7)}`);
  assert.ok(await fileMatches(content.path(expected), expected));
});

test('ranges have both ends in them', async (t) => {
  const { content } = await testStore(t);
  const { digest } = await content.putBytes(Buffer.from('0123456789'));
  const read = async (start: number, end?: number): Promise<string> =>
    (await buffer(await content.open(digest, end === undefined ? { start } : { start, end }))).toString();
  assert.equal(await read(0, 0), '0');
  assert.equal(await read(3, 5), '345');
  assert.equal(await read(7), '789');
  assert.equal(await read(8, 100), '89');
});

test('what is not there is not found', async (t) => {
  const { content, dir } = await testStore(t);
  assert.equal(await content.has(absent), false);
  assert.equal(await content.size(absent), undefined);
  const notFound = (thrown: unknown) =>
    thrown instanceof NotFoundError && thrown.code === 'BLOB_NOT_FOUND' && thrown.message.includes(absent);
  await assert.rejects(content.open(absent), notFound);
  await assert.rejects(content.read(absent, 10), notFound);
  assert.equal(existsSync(dir), false);
});

test('a blob above the limit is not read', async (t) => {
  const { content } = await testStore(t);
  const { digest } = await content.putBytes(Buffer.alloc(11));
  await assert.rejects(
    content.read(digest, 10),
    (thrown) => thrown instanceof IntegrityError && thrown.code === 'BLOB_TOO_LARGE',
  );
  assert.equal((await content.read(digest, 11)).byteLength, 11);
});

test('a stream is kept, empty ones and many chunks alike', async (t) => {
  const { content } = await testStore(t);
  for (const chunks of [[], ['a'], Array.from({ length: 1000 }, (_, at) => `chunk ${at} `)]) {
    const whole = Buffer.from(chunks.join(''));
    const blob = await content.putStream(
      Readable.from(
        chunks.map((chunk) => Buffer.from(chunk)),
        { objectMode: false },
      ),
    );
    assert.deepEqual(blob, { digest: sha256(whole), size: whole.length });
    assert.deepEqual(Buffer.from(await content.read(blob.digest, 1 << 20)), whole);
  }
});

test('wrong bytes are refused and leave nothing', async (t) => {
  const store = await testStore(t);
  const { content } = store;
  const good = Buffer.from('good');
  const stream = () => Readable.from([good.subarray(0, 2), good.subarray(2)], { objectMode: false });
  await assert.rejects(content.putStream(stream(), { digest: absent }), withCode('DIGEST_MISMATCH'));
  await assert.rejects(content.putStream(stream(), { digest: sha256(good), size: 3 }), withCode('SIZE_MISMATCH'));
  await assert.rejects(content.putStream(stream(), { digest: sha256(good), size: 5 }), withCode('SIZE_MISMATCH'));
  await assert.rejects(content.putBytes(good, { digest: absent }), withCode('DIGEST_MISMATCH'));
  await assert.rejects(content.putBytes(good, { size: 5 }), withCode('SIZE_MISMATCH'));
  await assert.rejects(content.putAll([{ bytes: good }, { bytes: good, digest: absent }]), withCode('DIGEST_MISMATCH'));
  assert.deepEqual(filesOf(store), []);
});

test('an endless stream is not read further than its size', async (t) => {
  const store = await testStore(t);
  let given = 0;
  const endless = new Readable({
    read() {
      given += 1;
      this.push(Buffer.alloc(1024));
    },
  });
  await assert.rejects(store.content.putStream(endless, { size: 4096 }), withCode('SIZE_MISMATCH'));
  assert.ok(given < 200, `${given} chunks were read`);
  assert.equal(endless.destroyed, true);
  assert.deepEqual(filesOf(store), []);
});

test('a stream that fails leaves nothing, and its own error passes through', async (t) => {
  const store = await testStore(t);
  const broken = new Error('connection cut');
  let sent = false;
  const stream = new Readable({
    read() {
      if (sent) this.destroy(broken);
      else this.push(Buffer.from('first'));
      sent = true;
    },
  });
  await assert.rejects(store.content.putStream(stream), (thrown) => thrown === broken);
  assert.deepEqual(filesOf(store), []);
  const failed = new Readable({ read() {} });
  failed.destroy(broken);
  await assert.rejects(store.content.putStream(failed.on('error', () => {})));
  assert.deepEqual(filesOf(store), []);
});

test('what is there already is not read again', async (t) => {
  const { content } = await testStore(t);
  const blob = await content.putBytes(Buffer.from('known'));
  let asked = false;
  const stream = new Readable({
    read() {
      asked = true;
      this.push(null);
    },
  });
  assert.deepEqual(await content.putStream(stream, { digest: blob.digest }), blob);
  assert.equal(asked, false);
  assert.equal(stream.destroyed, true);
});

test('a file of another size under a digest is replaced', async (t) => {
  const { content } = await testStore(t);
  const bytes = Buffer.from('to be cut');
  const { digest } = await content.putBytes(bytes);
  for (const again of [
    () => content.putBytes(bytes),
    () => content.putStream(Readable.from([bytes]), { digest, size: bytes.length }),
    () => content.putStream(Readable.from([bytes])),
  ]) {
    truncateSync(content.path(digest), 3);
    await again();
    assert.ok(await fileMatches(content.path(digest), digest));
  }
});

test('many blobs at once, some of them equal', async (t) => {
  const store = await testStore(t);
  const blobs = Array.from({ length: 60 }, (_, at) => ({ bytes: Buffer.from(`blob ${at % 50}`) }));
  const stored = await store.content.putAll(blobs);
  assert.deepEqual(
    stored,
    blobs.map(({ bytes }) => ({ digest: sha256(bytes), size: bytes.length })),
  );
  assert.equal(filesOf(store).length, 50);
  for (const { digest } of stored) assert.ok(await fileMatches(store.content.path(digest), digest));
  assert.deepEqual(await store.content.putAll([]), []);
});

test('the same blob put twice at once is there once', async (t) => {
  const store = await testStore(t);
  const put = () => store.content.putStream(Readable.from([Buffer.from('one'), Buffer.from('two')]));
  const [first, ...others] = await Promise.all([put(), put(), put(), put()]);
  for (const other of others) assert.deepEqual(other, first);
  assert.deepEqual(filesOf(store), [`blobs/sha256/${sha256('onetwo').slice(7)}`]);
});

test('a blob can be taken away unless something holds it', async (t) => {
  const store = await testStore(t);
  const { digest } = await store.content.putBytes(Buffer.from('x'));
  await store.content.remove(digest);
  assert.equal(await store.content.has(digest), false);
  await store.content.remove(digest);
  using lease = store.openLease();
  await store.content.putBytes(Buffer.from('x'), { lease: lease.id });
  await assert.rejects(
    store.content.remove(digest),
    (thrown) => thrown instanceof ConflictError && thrown.code === 'BLOB_IN_USE',
  );
  assert.equal(await store.content.has(digest), true);
});

test('folders and files are for their owner only', async (t) => {
  const store = await testStore(t);
  const { digest } = await store.content.putBytes(Buffer.from('x'));
  for (const folder of ['', '/tmp', '/blobs', '/blobs/sha256'])
    assert.equal(statSync(store.dir + folder).mode & 0o777, 0o700, folder);
  assert.equal(statSync(store.content.path(digest)).mode & 0o777, 0o600);
});

test('only a digest becomes a path', async (t) => {
  const { content } = await testStore(t);
  for (const text of ['sha256:../../x', `sha256:${'A'.repeat(64)}`, `md5:${'a'.repeat(32)}`, 'sha256:', '']) {
    assert.throws(() => content.path(text as Digest), BugError);
    await assert.rejects(content.has(text as Digest), BugError);
  }
});
