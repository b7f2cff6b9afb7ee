/** Against a real registry of CNCF distribution, where one is installed. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AuthError, type NotFoundError } from '../../src/foundation/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import { testFolder } from '../support/folders.ts';
import { skipWithout } from '../support/peers.ts';
import { realRegistry, realRegistryUser } from '../support/registry.ts';
import { blobOf, bytesOf, indexBytes, readAll, testPool } from './pool.ts';

const skip = skipWithout('registry');
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const manifest = { bytes: indexBytes(), mediaType: ociIndex, digest: digestOf(indexBytes()) };

test('blobs: whole, streamed, mounted, in parts', { skip }, async (t) => {
  const registry = await realRegistry(t);
  for (const uploads of [{}, { wholeBytes: 0 }]) {
    const { pool, requests } = testPool(t, { uploads });
    const client = pool.client(registry.host);
    const name = `a${Object.keys(uploads).length}`;
    for (const size of [0, 1, 1_000_003]) {
      const bytes = bytesOf(size);
      const { descriptor } = blobOf(bytes);
      const repository = client.repository(name, 'push');
      assert.equal(await repository.headBlob(descriptor.digest), undefined);
      await repository.uploadBlob(blobOf(bytes));
      assert.deepEqual(await repository.headBlob(descriptor.digest), { size });
      assert.ok((await readAll((await repository.openBlob(descriptor.digest)).body)).equals(bytes));
      if (size > 10) {
        const part = await repository.openBlob(descriptor.digest, { start: 5, end: 9 });
        assert.ok((await readAll(part.body)).equals(bytes.subarray(5, 10)));
      }
      assert.equal(await client.repository(`${name}-other`, 'push').mountBlob(descriptor.digest, name), true);
      assert.equal(await client.repository(`${name}-third`, 'push').mountBlob(descriptor.digest, 'none'), false);
    }
    assert.ok(
      requests().every((line) => !/ (?:0|5\d\d) /.test(line)),
      requests().join('\n'),
    );
  }
});

test('manifests, tags and referrers', { skip }, async (t) => {
  const registry = await realRegistry(t);
  const { pool } = testPool(t);
  const repository = pool.client(registry.host).repository('team/app');
  for (const tag of ['v1', 'v2', 'v3']) await repository.putManifest(tag, manifest);
  assert.equal((await repository.headManifest('v1'))?.digest, manifest.digest);
  assert.equal((await repository.getManifest(manifest.digest)).mediaType, ociIndex);
  for (const pageSize of [undefined, 2]) {
    const tags: string[] = [];
    for await (const tag of repository.tags(pageSize === undefined ? {} : { pageSize })) tags.push(tag);
    assert.deepEqual(tags, ['v1', 'v2', 'v3']);
  }
  assert.deepEqual(await repository.referrers(manifest.digest), []);
  await repository.deleteManifest(manifest.digest);
  await assert.rejects(repository.getManifest('v1'), (error: NotFoundError) => error.code === 'MANIFEST_UNKNOWN');
  assert.equal(await repository.headManifest('v1'), undefined);
});

test('TLS with an authority of our own, and basic authentication', { skip }, async (t) => {
  const tls = selfSignedCertificate();
  const registry = await realRegistry(t, { tls, htpasswd: true });
  const certDir = await testFolder(t);
  await writeFile(join(certDir, 'ca.crt'), tls.cert);
  for (const settings of [{ tlsVerify: true, certDir }, { tlsVerify: false }]) {
    const { pool, requests } = testPool(t, { ...settings, creds: realRegistryUser });
    const repository = pool.client(registry.host).repository('a', 'push');
    await repository.uploadBlob(blobOf(bytesOf(1000)));
    await repository.putManifest('v1', manifest);
    assert.equal(requests().filter((line) => line.includes(' 401 ')).length, 1);
    const wrong = testPool(t, { ...settings, creds: { username: 'alice', password: 'wrong' } });
    await assert.rejects(wrong.pool.client(registry.host).repository('a').getManifest('v1'), AuthError);
    const nobody = testPool(t, settings);
    await assert.rejects(nobody.pool.client(registry.host).repository('a').getManifest('v1'), AuthError);
  }
  const untrusting = testPool(t, { tlsVerify: true });
  await assert.rejects(untrusting.pool.client(registry.host).repository('a').getManifest('v1'), {
    code: 'TLS_CERTIFICATE',
  });
  const verifying = testPool(t, { tlsVerify: true });
  const plain = await realRegistry(t);
  await assert.rejects(verifying.pool.client(plain.host).repository('a').getManifest('v1'), { code: 'NOT_TLS' });
});

test('a blob that is cut on its way up is sent again', { skip }, async (t) => {
  const { connect, createServer } = await import('node:net');
  const registry = await realRegistry(t);
  let left = 300_000;
  const server = createServer((socket) => {
    const inner = connect(registry.port, '127.0.0.1');
    const end = (): void => {
      socket.destroy();
      inner.destroy();
    };
    for (const side of [socket, inner]) side.on('error', end).on('close', end);
    inner.pipe(socket);
    socket.on('data', (chunk) => {
      left -= chunk.byteLength;
      if (left < 0 && left > -1_000_000) {
        left = -1_000_000;
        socket.resetAndDestroy();
        end();
      } else inner.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  for (const uploads of [{}, { resumableBytes: 1000 }, { wholeBytes: 0 }]) {
    left = 300_000;
    const { pool, retries } = testPool(t, { uploads });
    const repository = pool.client(host).repository('a', 'push');
    const bytes = bytesOf(1_000_000 + Object.keys(uploads).length);
    await repository.uploadBlob(blobOf(bytes));
    assert.ok(retries().length > 0);
    assert.ok((await readAll((await repository.openBlob(digestOf(bytes))).body)).equals(bytes));
  }
});
