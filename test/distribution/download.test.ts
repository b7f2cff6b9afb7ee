import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openDownload } from '../../src/distribution/download.ts';
import type { Http } from '../../src/distribution/http.ts';
import type { Repository } from '../../src/distribution/registry-client.ts';
import { NotFoundError, RegistryError } from '../../src/foundation/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import * as faults from '../support/fault-kinds.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { blobOf, bytesOf, fakeServer, readAll, type TestPool, testPool } from './pool.ts';

const MiB = 1024 * 1024;
const bytes = bytesOf(MiB + 3);
const digest = digestOf(bytes);

async function setUp(t: TestContext): Promise<{ registry: TestRegistry; repository: Repository; pool: TestPool }> {
  const registry = await withRegistry(t);
  const pool = testPool(t);
  const repository = pool.pool.client(registry.host).repository('a');
  await repository.uploadBlob(blobOf(bytes));
  registry.faults.reset();
  pool.events.length = 0;
  return { registry, pool, repository };
}

test('a blob and its size, in one request', async (t) => {
  const { registry, repository } = await setUp(t);
  const { body, size } = await repository.openBlob(digest);
  assert.equal(size, bytes.byteLength);
  assert.ok((await readAll(body)).equals(bytes));
  assert.equal(registry.faults.requests.length, 1);
  assert.equal(registry.faults.requests[0]?.headers.range, undefined);
});

test('parts of a blob, from registries with and without ranges', async (t) => {
  const { registry, repository } = await setUp(t);
  for (const whole of [false, true]) {
    if (whole) registry.faults.on({}, faults.noRanges());
    for (const [start, end] of [
      [0, 0],
      [5, 9],
      [0, 500_000],
      [500_000, undefined],
      [bytes.byteLength - 1, undefined],
      [bytes.byteLength - 4, bytes.byteLength - 1],
    ] as const) {
      const wanted = bytes.subarray(start, end === undefined ? undefined : end + 1);
      const { body, size } = await repository.openBlob(digest, end === undefined ? { start } : { start, end });
      assert.equal(size, wanted.byteLength);
      assert.ok((await readAll(body)).equals(wanted), `${start}-${end}`);
    }
  }
});

test('a blob that is not there', async (t) => {
  const { repository, pool } = await setUp(t);
  await assert.rejects(repository.openBlob(digestOf(bytesOf(1))), (error: NotFoundError) => {
    assert.ok(error instanceof NotFoundError);
    assert.equal(error.code, 'BLOB_UNKNOWN');
    return true;
  });
  assert.deepEqual(pool.waits, []);
});

test('a download that is cut goes on where it was', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ nth: 1 }, faults.cutResponseBodyAfter(300_000));
  registry.faults.on({ nth: 2 }, faults.cutBeforeHeaders());
  registry.faults.on({ nth: 3 }, faults.serverError(502));
  const { body } = await repository.openBlob(digest);
  assert.ok((await readAll(body)).equals(bytes));
  const [, second, , fourth] = registry.faults.requests;
  const from = Number(/^bytes=(\d+)-$/.exec(second?.headers.range ?? '')?.[1]);
  assert.ok(from > 0 && from <= 300_000);
  assert.equal(fourth?.bytesOut, bytes.byteLength - from);
  assert.equal(pool.retries().length, 3);
});

test('a part that is cut goes on where it was and ends where it should', async (t) => {
  const { registry, repository } = await setUp(t);
  registry.faults.on({ nth: 1 }, faults.cutResponseBodyAfter(300_000));
  const { body } = await repository.openBlob(digest, { start: 10, end: 500_000 });
  assert.ok((await readAll(body)).equals(bytes.subarray(10, 500_001)));
  assert.match(registry.faults.requests[1]?.headers.range ?? '', /^bytes=\d+-500000$/);
});

test('a registry without ranges is read from the start, and what is known is skipped', async (t) => {
  const { registry, repository } = await setUp(t);
  registry.faults.on({}, faults.noRanges());
  registry.faults.on({ times: 2 }, faults.cutResponseBodyAfter(500_000));
  assert.ok((await readAll((await repository.openBlob(digest)).body)).equals(bytes));
});

test('a wrong part is not taken for the right one', async (t) => {
  for (const fault of [
    faults.withHeaders({ 'content-range': `bytes 0-5/${bytes.byteLength}` }),
    faults.withHeaders({ 'content-range': undefined }),
    faults.answer(416),
  ]) {
    const { registry, repository } = await setUp(t);
    registry.faults.on({ nth: 1 }, faults.cutResponseBodyAfter(300_000));
    registry.faults.on({ nth: 2 }, fault);
    assert.ok((await readAll((await repository.openBlob(digest)).body)).equals(bytes));
    assert.equal(registry.faults.requests.length, 3);
  }
});

test('a blob that was compressed on the way is read, also after a cut', async (t) => {
  const body = gzipSync(bytes);
  const half = body.subarray(0, body.byteLength / 2);
  const server = await fakeServer(t, (_request, response) => {
    const isFirst = server.requests.length === 1;
    response.writeHead(200, { 'content-encoding': 'gzip' });
    if (isFirst) response.write(half, () => response.destroy());
    else response.end(body);
  });
  const repository = testPool(t).pool.client(server.host).repository('a');
  const download = await repository.openBlob(digest, undefined, bytes.byteLength);
  assert.ok((await readAll(download.body)).equals(bytes));
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.range),
    [undefined, undefined],
    'no part of what is compressed is asked for',
  );
});

test('a layer that is only called compressed, since it is a gzip file, stays one', async (t) => {
  const layer = gzipSync(bytes);
  const label = { 'content-encoding': 'gzip' };
  const server = await fakeServer(t, ({ headers }, response) => {
    const start = Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    if (start > 0) {
      const range = `bytes ${start}-${layer.byteLength - 1}/${layer.byteLength}`;
      response.writeHead(206, { ...label, 'content-range': range }).end(layer.subarray(start));
      return;
    }
    response.writeHead(200, { ...label, 'content-length': layer.byteLength });
    response.write(layer.subarray(0, 1000), () => response.destroy());
  });
  const repository = testPool(t).pool.client(server.host).repository('a');
  const { body } = await repository.openBlob(digestOf(layer), undefined, layer.byteLength);
  assert.ok((await readAll(body)).equals(layer));
  assert.equal(server.requests.length, 2);
});

test('cut after cut, a download that makes progress comes to its end', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({}, faults.cutResponseBodyAfter(200 * 1024));
  assert.ok((await readAll((await repository.openBlob(digest)).body)).equals(bytes));
  assert.ok(pool.retries().length > 4);
});

test('a download that was cut before anybody listened goes on', { timeout: 10_000 }, async () => {
  const cut = new Readable({ read() {} }).on('error', () => {});
  await new Promise<void>((resolve) => cut.once('close', resolve).destroy(new Error('cut')));
  const bodies = [cut, Readable.from([bytes])];
  const http = {
    budget: () => ({ spend: async () => {}, renew: () => {} }),
    attempt: async () => ({
      status: 200,
      headers: {},
      url: new URL('http://127.0.0.1/'),
      body: bodies.shift() ?? assert.fail(),
    }),
  } as unknown as Http;
  const call = {
    target: '/v2/a/blobs/x',
    grant: { repository: 'a', scopes: ['repository:a:pull'] },
    what: 'read it',
  } as const;
  const { body } = await openDownload(http, call, undefined);
  assert.ok((await readAll(body)).equals(bytes));
});

test('a download that makes none ends in one clear error', async (t) => {
  const { registry, repository } = await setUp(t);
  registry.faults.on({ nth: 1 }, faults.cutResponseBodyAfter(300_000));
  registry.faults.on({}, faults.cutResponseBodyAfter(0));
  const { body } = await repository.openBlob(digest);
  await assert.rejects(readAll(body), (error: RegistryError) => {
    assert.ok(error instanceof RegistryError, String(error));
    assert.match(error.message, /cannot read the blob .*a@sha256:.* was cut .*\(tried 4 times\)/);
    assert.ok(error.hint);
    return true;
  });
});

test('a reader that goes away ends the download', async (t) => {
  const { registry, repository } = await setUp(t);
  const { body } = await repository.openBlob(digest);
  for await (const chunk of body) {
    assert.ok(chunk);
    break;
  }
  assert.equal(body.destroyed, true);
  assert.equal(registry.faults.requests.length, 1);
});

test('a slow reader slows the registry down', async (t) => {
  let sent = 0;
  const server = await fakeServer(t, (_request, response) => {
    const chunk = Buffer.alloc(MiB);
    response.writeHead(200, { 'content-length': 500 * MiB });
    const more = (): void => {
      while (sent < 500 && response.write(chunk)) sent += 1;
      response.once('drain', more);
    };
    more();
  });
  const { pool } = testPool(t);
  const { body } = await pool.client(server.host).repository('a').openBlob(digest);
  await new Promise((resolve) => body.once('readable', resolve));
  // gives the kernel's buffers time to fill
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(sent < 50, `${sent} MiB are on their way`);
  body.destroy();
});

test('stopping the run ends a download under way', async (t) => {
  const { repository, pool } = await setUp(t);
  const { body } = await repository.openBlob(digest);
  pool.abort.abort();
  await assert.rejects(readAll(body), { code: 'CANCELLED' });
});
