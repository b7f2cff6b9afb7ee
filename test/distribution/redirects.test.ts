import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryError } from '../../src/foundation/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { basicAuth } from '../support/auth.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import * as faults from '../support/fault-kinds.ts';
import { withRegistry } from '../support/registry.ts';
import { blobOf, bytesOf, fakeServer, indexBytes, readAll, testPool } from './pool.ts';

const creds = { username: 'alice', password: 'wonderland' };
const bytes = bytesOf(1000);
const digest = digestOf(bytes);

test('a blob may be on another host, which gets no credentials', async (t) => {
  const storage = await fakeServer(t, (_request, response) => {
    response.end(bytes);
  });
  const registry = await withRegistry(t, { authorize: basicAuth({ alice: 'wonderland' }) });
  registry.faults.on({ path: /\/blobs\// }, (request, next) =>
    request.headers.authorization === undefined
      ? next(request)
      : faults.redirect(`http://user:pw@${storage.host}/signed?sig=abc`)(request, next),
  );
  const { pool, requests } = testPool(t, { creds });
  const { body, size } = await pool.client(registry.host).repository('a').openBlob(digest);
  assert.equal(size, bytes.byteLength);
  assert.ok((await readAll(body)).equals(bytes));
  assert.equal(storage.requests[0]?.url, '/signed?sig=abc');
  assert.equal(storage.requests[0]?.headers.authorization, undefined);
  assert.ok(!JSON.stringify(requests()).includes('sig=abc'));
});

test('on the registry itself a redirect keeps the credentials', async (t) => {
  const registry = await withRegistry(t, { authorize: basicAuth({ alice: 'wonderland' }) });
  const { pool } = testPool(t, { creds });
  const client = pool.client(registry.host);
  await client.repository('a').uploadBlob(blobOf(bytes));
  registry.faults.on({ path: /\/v2\/b\// }, faults.redirect(`/v2/a/blobs/${digest}`));
  assert.ok((await readAll((await client.repository('b').openBlob(digest)).body)).equals(bytes));
});

test('redirects that lead nowhere are one clear error', async (t) => {
  for (const [location, pattern] of [
    ['file:///etc/passwd', /is not a web address/],
    ['https://', /is not a web address/],
    ['/v2/a/blobs/again', /more than 5 times/],
  ] as const) {
    const registry = await withRegistry(t);
    registry.faults.on({}, faults.redirect(location));
    const { pool } = testPool(t);
    await assert.rejects(pool.client(registry.host).repository('a').openBlob(digest), (error: RegistryError) => {
      assert.ok(error instanceof RegistryError);
      assert.equal(error.code, 'BAD_REDIRECT');
      assert.match(error.message, pattern);
      assert.ok(error.hint);
      return true;
    });
    assert.ok(registry.faults.requests.length <= 6);
  }
});

test('from https to plain HTTP no redirect is followed', async (t) => {
  const storage = await fakeServer(t, (_request, response) => {
    response.end(bytes);
  });
  const { mkdtemp, rm, writeFile } = await import('node:fs/promises');
  const certificate = selfSignedCertificate();
  const folder = await mkdtemp('/tmp/sheaf-test-');
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(`${folder}/ca.crt`, certificate.cert);
  const registry = await withRegistry(t, { tls: certificate });
  registry.faults.on({}, faults.redirect(`http://${storage.host}/blob`));
  const { pool } = testPool(t, { tlsVerify: true, certDir: folder });
  await assert.rejects(pool.client(registry.host).repository('a').openBlob(digest), { code: 'BAD_REDIRECT' });
  assert.equal(storage.requests.length, 0);
});

test('on the registry itself what is written goes where 307 and 308 say', async (t) => {
  const registry = await withRegistry(t, { authorize: basicAuth({ alice: 'wonderland' }) });
  registry.faults.on({ path: /^\/v2\/old\// }, (request, next) =>
    request.headers.authorization === undefined
      ? next(request)
      : faults.redirect(request.target.replace('/old/', '/new/'), request.method === 'PUT' ? 308 : 307)(request, next),
  );
  const { pool } = testPool(t, { creds });
  const client = pool.client(registry.host);
  await client.repository('old').uploadBlob(blobOf(bytes));
  const index = {
    bytes: indexBytes(),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    digest: digestOf(indexBytes()),
  };
  await client.repository('old').putManifest('v1', index);
  assert.equal((await client.repository('new').headBlob(digest))?.size, bytes.byteLength);
  assert.equal((await client.repository('new').headManifest('v1'))?.digest, index.digest);
});

test('what is written is not sent to another host after a redirect', async (t) => {
  const elsewhere = await fakeServer(t, (_request, response) => {
    response.writeHead(201).end();
  });
  const location = `http://${elsewhere.host}/?secret=1`;
  const page = '<html><head><title>Redirect</title></head></html>';
  for (const [status, redirect] of [
    [307, faults.redirect(location)],
    // nginx
    [308, faults.answer(308, { location, 'content-type': 'text/html' }, page)],
    [301, faults.answer(301, { location, 'content-type': 'text/html' }, page)],
  ] as const) {
    const registry = await withRegistry(t);
    registry.faults.on({}, redirect);
    const { pool } = testPool(t);
    const manifest = {
      bytes: indexBytes(),
      mediaType: 'application/vnd.oci.image.index.v1+json',
      digest: digestOf(indexBytes()),
    };
    await assert.rejects(
      pool.client(registry.host).repository('a').putManifest('v1', manifest),
      (error: RegistryError) => {
        assert.equal(error.status, status);
        assert.ok(error.message.endsWith(`answered ${status} and points to http://${elsewhere.host}`), error.message);
        assert.match(error.hint ?? '', /points elsewhere/);
        return true;
      },
    );
  }
  assert.equal(elsewhere.requests.length, 0);
});

test('another host that refuses is no matter of logging in', async (t) => {
  const storage = await fakeServer(t, (_request, response) => {
    response.writeHead(403, { 'www-authenticate': 'Basic realm="x"' }).end('<Error><Code>AccessDenied</Code></Error>');
  });
  const registry = await withRegistry(t);
  registry.faults.on({}, faults.redirect(`http://${storage.host}/`));
  const { pool } = testPool(t, { creds });
  await assert.rejects(pool.client(registry.host).repository('a').openBlob(digest), (error: RegistryError) => {
    assert.ok(error instanceof RegistryError);
    assert.match(error.message, new RegExp(`${storage.host} answered 403`));
    return true;
  });
  assert.equal(storage.requests.length, 1);
  assert.equal(storage.requests[0]?.headers.authorization, undefined);
});
