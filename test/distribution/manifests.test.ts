import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { IntegrityError, NotFoundError, RegistryError, UnsupportedError } from '../../src/foundation/errors.ts';
import type { RawManifest } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import * as faults from '../support/fault-kinds.ts';
import { withRegistry } from '../support/registry.ts';
import { fakeServer, indexBytes, testPool } from './pool.ts';

const ociIndex = 'application/vnd.oci.image.index.v1+json';
const manifests = /\/manifests\//;

function index(name = 'a'): RawManifest {
  const bytes = indexBytes(name);
  return { bytes, mediaType: ociIndex, digest: digestOf(bytes) };
}

test('put, head, get by tag and by digest, delete; nothing is asked twice', async (t) => {
  const registry = await withRegistry(t);
  const { pool, requests } = testPool(t);
  const repository = pool.client(registry.host).repository('team/app');
  const manifest = index();
  assert.deepEqual(await repository.putManifest('v1', manifest), {});
  assert.deepEqual(await repository.headManifest('v1'), {
    mediaType: ociIndex,
    digest: manifest.digest,
    size: manifest.bytes.byteLength,
  });
  const got = await repository.getManifest('v1');
  assert.deepEqual({ ...got, bytes: Buffer.from(got.bytes) }, manifest);
  assert.equal((await repository.getManifest(manifest.digest)).digest, manifest.digest);
  await repository.deleteManifest(manifest.digest);
  assert.equal(await repository.headManifest('v1'), undefined);
  assert.deepEqual(
    requests().map((line) => line.replace(manifest.digest, 'DIGEST')),
    [
      'PUT 201 /v2/team/app/manifests/v1',
      'HEAD 200 /v2/team/app/manifests/v1',
      'GET 200 /v2/team/app/manifests/v1',
      'GET 200 /v2/team/app/manifests/DIGEST',
      'DELETE 202 /v2/team/app/manifests/DIGEST',
      'HEAD 404 /v2/team/app/manifests/v1',
    ],
  );
});

test('the user agent is sent; the schema 2 and OCI types are accepted', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t, { userAgent: 'sheaf/1.2.3' });
  await assert.rejects(pool.client(registry.host).repository('a').getManifest('x'), NotFoundError);
  const [request] = registry.faults.requests;
  assert.equal(request?.headers['user-agent'], 'sheaf/1.2.3');
  for (const type of [
    'vnd.oci.image.index.v1',
    'vnd.docker.distribution.manifest.list.v2',
    'vnd.docker.distribution.manifest.v2',
  ]) {
    assert.ok(request?.headers.accept?.includes(`application/${type}+json`));
  }
});

test('what is not there', async (t) => {
  const registry = await withRegistry(t);
  const { pool, waits } = testPool(t);
  const repository = pool.client(registry.host).repository('team/app');
  await assert.rejects(repository.getManifest('none'), (error: NotFoundError) => {
    assert.ok(error instanceof NotFoundError);
    assert.ok(error.message.includes(`${registry.host}/team/app:none`), error.message);
    assert.ok(error.hint);
    return true;
  });
  await assert.rejects(repository.deleteManifest(index().digest), NotFoundError);
  assert.deepEqual(waits, []);
});

test('a registry that is named otherwise than in its URL is no other host', async (t) => {
  const { port } = await withRegistry(t);
  const { pool } = testPool(t);
  const repository = pool.client(`LOCALHOST:${port}`).repository('team/app');
  await assert.rejects(repository.getManifest('v1'), NotFoundError);
});

test('other bytes than the digest asked for are an integrity error', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  const manifest = index();
  await repository.putManifest('v1', manifest);
  registry.faults.on({ method: 'GET', path: manifests }, faults.changedByte(80));
  for (const reference of [manifest.digest, 'v1']) {
    await assert.rejects(repository.getManifest(reference), (error: IntegrityError) => {
      assert.ok(error instanceof IntegrityError);
      assert.equal(error.code, 'DIGEST_MISMATCH');
      assert.ok(error.message.includes(manifest.digest));
      assert.ok(error.hint);
      return true;
    });
  }
});

test('a registry that names another digest than that of its bytes', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  const manifest = index();
  registry.faults.on({ path: manifests }, faults.wrongContentDigest());
  await assert.rejects(
    repository.putManifest('v1', manifest),
    (error: Error) => error instanceof IntegrityError && error.code === 'MANIFEST_CHANGED',
  );
  await assert.rejects(repository.getManifest('v1'), IntegrityError);
  await assert.rejects(repository.headManifest(manifest.digest), IntegrityError);
});

test('a registry that does not say what it took is asked, for a tag', async (t) => {
  const registry = await withRegistry(t);
  const { pool, requests } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  registry.faults.on({ method: 'PUT', path: manifests }, faults.noContentDigest());
  await repository.putManifest('v1', index());
  assert.deepEqual(requests(), ['PUT 201 /v2/a/manifests/v1', 'HEAD 200 /v2/a/manifests/v1']);
  await repository.putManifest(index('b').digest, index('b'));
  assert.equal(requests().length, 3);
  // and when it took something else
  registry.faults.on({ method: 'HEAD', path: manifests }, faults.wrongContentDigest());
  await assert.rejects(repository.putManifest('v1', index()), IntegrityError);
});

test('HEAD that says too little, or is not known, falls back to GET', async (t) => {
  const registry = await withRegistry(t);
  const { pool, requests } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  const manifest = index();
  await repository.putManifest('v1', manifest);
  const expected = { mediaType: ociIndex, digest: manifest.digest, size: manifest.bytes.byteLength };
  for (const fault of [
    faults.noContentDigest(),
    faults.withHeaders({ 'content-type': 'application/octet-stream' }),
    faults.answer(405),
  ]) {
    registry.faults.reset();
    registry.faults.on({ method: 'HEAD' }, fault);
    assert.deepEqual(await repository.headManifest('v1'), expected);
  }
  assert.equal(requests().filter((line) => line.startsWith('GET')).length, 3);
  // the digest asked for need not be told
  registry.faults.reset();
  registry.faults.on({ method: 'HEAD' }, faults.noContentDigest());
  assert.deepEqual(await repository.headManifest(manifest.digest), expected);
  assert.equal(requests().filter((line) => line.startsWith('GET')).length, 3);
  registry.faults.on({ method: 'HEAD' }, faults.answer(405));
  assert.equal(await repository.headManifest('none'), undefined);
});

test('a manifest over 4 MiB ends at once, with and without a length', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  await repository.putManifest('v1', index());
  for (const chunked of [false, true]) {
    registry.faults.reset();
    registry.faults.on({ method: 'GET', path: manifests }, faults.oversizeBody(200 * 1024 * 1024, { chunked }));
    await assert.rejects(repository.getManifest('v1'), (error: IntegrityError) => {
      assert.ok(error instanceof IntegrityError);
      assert.equal(error.code, 'MANIFEST_TOO_LARGE');
      assert.match(error.message, /a:v1 is larger than 4 MiB/);
      return true;
    });
    const [request] = registry.faults.requests;
    assert.ok((request?.bytesOut ?? 0) < 40 * 1024 * 1024, `${request?.bytesOut} bytes were sent`);
  }
  await assert.rejects(repository.getManifest('v1', { maxBytes: 10 }), /larger than 10 bytes/);
});

test('truncated JSON, with and without a right length', async (t) => {
  const registry = await withRegistry(t);
  const { pool, waits } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  await repository.putManifest('v1', index());
  registry.faults.on({ method: 'GET' }, faults.noContentDigest());
  registry.faults.on({ method: 'GET' }, faults.truncatedBody(30));
  await assert.rejects(repository.getManifest('v1'), (error: IntegrityError) => {
    assert.ok(error instanceof IntegrityError, String(error));
    assert.ok(error.message.includes(`${registry.host}/a:v1`), error.message);
    return true;
  });
  assert.deepEqual(waits, []);
});

test('what was compressed on the way is read: manifests, lists, errors', async (t) => {
  const { bytes, digest } = index();
  const server = await fakeServer(t, ({ method, url }, response) => {
    const [status, type, text] = url?.includes('/none/')
      ? [404, 'application/json', '{"errors":[{"code":"NAME_UNKNOWN","message":"there is none"}]}']
      : url?.endsWith('/tags/list')
        ? [200, 'application/json', '{"tags":["v1"]}']
        : [200, ociIndex, bytes];
    const body = gzipSync(text);
    const headers = { 'content-type': type, 'content-encoding': 'gzip', 'content-length': body.byteLength };
    const told = status === 200 && type === ociIndex ? { 'docker-content-digest': digest } : {};
    response.writeHead(status, { ...headers, ...told }).end(method === 'HEAD' ? undefined : body);
  });
  const { pool } = testPool(t);
  const client = pool.client(server.host);
  const repository = client.repository('a');
  assert.deepEqual((await repository.getManifest('v1')).bytes, bytes);
  await assert.rejects(repository.getManifest('v1', { maxBytes: bytes.byteLength - 1 }), {
    code: 'MANIFEST_TOO_LARGE',
  });
  assert.deepEqual(await repository.headManifest('v1'), { mediaType: ociIndex, digest, size: bytes.byteLength });
  for await (const tag of repository.tags()) assert.equal(tag, 'v1');
  await assert.rejects(client.repository('none').getManifest('v1'), { code: 'NAME_UNKNOWN', message: /there is none/ });
});

test('a web page is named as one', async (t) => {
  const server = await fakeServer(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Hello</title>');
  });
  const { pool } = testPool(t);
  const repository = pool.client(server.host).repository('a');
  for (const work of [repository.getManifest('v1'), repository.headManifest('v1')]) {
    await assert.rejects(work, (error: RegistryError) => {
      assert.ok(error instanceof RegistryError);
      assert.equal(error.code, 'NOT_A_REGISTRY');
      assert.match(error.message, /answered with a web page/);
      assert.match(error.hint ?? '', /Is this a registry\?/);
      return true;
    });
  }
});

test('schema 1 is refused in words', async (t) => {
  const server = await fakeServer(t, (_request, response) => {
    response
      .writeHead(200, { 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' })
      .end('{"schemaVersion":1,"name":"a","tag":"v1","signatures":[]}');
  });
  const { pool } = testPool(t);
  await assert.rejects(pool.client(server.host).repository('a').getManifest('v1'), UnsupportedError);
});

test('429 and 5xx on every method, manifest PUT included, are tried again', async (t) => {
  const registry = await withRegistry(t);
  const { pool, waits, retries, now } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  registry.faults.on({ nth: 1 }, faults.tooManyRequests(7));
  registry.faults.on({ nth: 2 }, faults.tooManyRequests());
  registry.faults.on({ nth: 3 }, faults.htmlAnswer(503));
  await repository.putManifest('v1', index());
  assert.equal(waits[0], 7000);
  assert.ok((waits[1] ?? 0) >= 2000);
  assert.deepEqual(
    retries().map((event) => [event.attempt, event.of, event.reason]),
    [
      [1, 3, `${registry.host} answered 429`],
      [2, 3, `${registry.host} answered 429`],
      [3, 3, `${registry.host} answered 503`],
    ],
  );
  for (const work of [
    () => repository.getManifest('v1'),
    () => repository.headManifest('v1'),
    () => repository.deleteManifest('v1'),
  ]) {
    registry.faults.reset();
    registry.faults.on({ nth: 1 }, faults.tooManyRequests(new Date(now() + 30_000)));
    registry.faults.on({ nth: 2 }, faults.serverError(500));
    await work().catch((error: unknown) => assert.ok(!(error instanceof RegistryError), String(error)));
    assert.equal(registry.faults.requests.length, 3);
    // a date has whole seconds
    const dated = waits.at(-2) ?? 0;
    assert.ok(dated > 28_000 && dated <= 30_000, `${dated}`);
  }
});

test('429 without end is one clear error', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t, { retry: { maxRetries: 2 } });
  registry.faults.on({}, faults.tooManyRequests());
  await assert.rejects(
    pool.client(registry.host).repository('a').putManifest('v1', index()),
    (error: RegistryError) => {
      assert.equal(error.code, 'TOOMANYREQUESTS');
      assert.equal(error.status, 429);
      assert.deepEqual(error.errors, [{ code: 'TOOMANYREQUESTS', message: 'too many requests' }]);
      assert.match(
        error.message,
        /cannot write the manifest .*a:v1: .* answered 429 .*too many requests.*\(tried 3 times\)/,
      );
      assert.ok(error.hint);
      return true;
    },
  );
  assert.equal(registry.faults.requests.length, 3);
});

test('a connection cut in any phase is made again', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  const manifest = index();
  for (const fault of [faults.cutBeforeHeaders(), faults.cutAfterDone(), faults.cutRequestBodyAfter(20)]) {
    registry.faults.reset();
    registry.faults.on({ method: 'PUT', times: 2 }, fault);
    await repository.putManifest('v1', manifest);
    assert.equal(registry.faults.requests.length, 3);
  }
  for (const fault of [faults.cutBeforeHeaders(), faults.cutResponseBodyAfter(20), faults.cutResponseBodyAfter(0)]) {
    registry.faults.reset();
    registry.faults.on({ method: 'GET', times: 3 }, fault);
    assert.equal((await repository.getManifest('v1')).digest, manifest.digest);
    assert.equal(registry.faults.requests.length, 4);
  }
  // a deletion whose answer got lost is done all the same
  registry.faults.reset();
  registry.faults.on({ method: 'DELETE', times: 1 }, faults.cutAfterDone());
  await repository.deleteManifest(manifest.digest);
});

test('a connection that is cut again and again is one clear error', async (t) => {
  const registry = await withRegistry(t);
  const { pool, waits } = testPool(t);
  registry.faults.on({}, faults.cutBeforeHeaders());
  await assert.rejects(pool.client(registry.host).repository('a').getManifest('v1'), (error: RegistryError) => {
    assert.ok(error instanceof RegistryError);
    assert.equal(error.code, 'CONNECTION_CUT');
    assert.match(
      error.message,
      /cannot read the manifest .*a:v1: the connection to .* was cut before it answered .*\(tried 4 times\)/,
    );
    assert.ok(error.hint);
    return true;
  });
  assert.equal(waits.length, 3);
});

test('the subject that the registry linked', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  const subject = index();
  await repository.putManifest('v1', subject);
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociIndex,
      artifactType: 'application/x',
      manifests: [],
      subject: { mediaType: ociIndex, digest: subject.digest, size: subject.bytes.byteLength },
    }),
  );
  assert.deepEqual(
    await repository.putManifest(digestOf(bytes), { bytes, mediaType: ociIndex, digest: digestOf(bytes) }),
    { subject: subject.digest },
  );
});

test('sha512 all the way', async (t) => {
  const server = await fakeServer(t, (request, response) => {
    response.writeHead(request.method === 'PUT' ? 201 : 200, { 'content-type': ociIndex });
    response.end(request.method === 'GET' ? indexBytes() : '');
  });
  const { pool } = testPool(t);
  const repository = pool.client(server.host).repository('a');
  const digest = digestOf(indexBytes(), 'sha512');
  assert.equal((await repository.getManifest(digest)).digest, digest);
  await assert.rejects(repository.getManifest(digestOf(indexBytes('b'), 'sha512')), IntegrityError);
  await repository.putManifest(digest, { ...index(), digest });
});

test('warnings of the registry are shown once', async (t) => {
  const server = await fakeServer(t, (_request, response) => {
    response
      .setHeader('warning', ['299 - "this is \\"old\\""', '199 - "not this", 299 - "and this"'])
      .writeHead(200, { 'content-type': ociIndex })
      .end(indexBytes());
  });
  const { pool, events } = testPool(t);
  const repository = pool.client(server.host).repository('a');
  await repository.getManifest('v1');
  await repository.getManifest('v1');
  assert.deepEqual(
    events.filter((event) => event.type === 'warning'),
    [
      { type: 'warning', code: 'REGISTRY_WARNING', message: `${server.host} warns: this is "old"` },
      { type: 'warning', code: 'REGISTRY_WARNING', message: `${server.host} warns: and this` },
    ],
  );
});

test('connections are used again, HEAD included, and end with the pool', async (t) => {
  const registry = await withRegistry(t);
  const server = await fakeServer(t, (request, response) => {
    response.writeHead(200, { 'content-type': ociIndex, 'content-length': indexBytes().byteLength });
    response.end(request.method === 'HEAD' ? '' : indexBytes());
  });
  const { pool, abort } = testPool(t);
  const repository = pool.client(server.host).repository('a');
  for (let round = 0; round < 5; round += 1) {
    await repository.headManifest(index().digest);
    await repository.getManifest('v1');
  }
  assert.equal(server.connections(), 1);
  abort.abort();
  await assert.rejects(pool.client(registry.host).repository('a').getManifest('v1'), { code: 'CANCELLED' });
});

test('stopping the run ends a request under way', async (t) => {
  const server = await fakeServer(t, () => abort.abort());
  const { pool, abort } = testPool(t);
  await assert.rejects(pool.client(server.host).repository('a').getManifest('v1'), { code: 'CANCELLED' });
});
