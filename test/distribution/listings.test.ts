import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthError, IntegrityError, NotFoundError, RegistryError } from '../../src/foundation/errors.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import * as faults from '../support/fault-kinds.ts';
import { withRegistry } from '../support/registry.ts';
import { content, imageOf, pushBlob, pushManifest, type SeededImage, seedImage } from '../support/seed.ts';
import { fakeServer, indexBytes, testPool } from './pool.ts';

const ociIndex = 'application/vnd.oci.image.index.v1+json';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test('tags, page by page', async (t) => {
  const registry = await withRegistry(t);
  const image = await seedImage(registry, 'a', { tag: 't1' });
  for (const tag of ['t2', 't3', 't4', 't5']) await pushManifest(registry, 'a', image, tag);
  const { pool } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  registry.faults.reset();
  assert.deepEqual(await all(repository.tags()), ['t1', 't2', 't3', 't4', 't5']);
  assert.equal(registry.faults.requests.length, 1);
  registry.faults.reset();
  assert.deepEqual(await all(repository.tags({ pageSize: 2 })), ['t1', 't2', 't3', 't4', 't5']);
  assert.equal(registry.faults.requests.length, 3);
  // whoever stops early asks no more
  registry.faults.reset();
  for await (const tag of repository.tags({ pageSize: 2 })) {
    assert.equal(tag, 't1');
    break;
  }
  assert.equal(registry.faults.requests.length, 1);
});

test('tags of what is not there', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t);
  await assert.rejects(all(pool.client(registry.host).repository('none').tags()), NotFoundError);
});

test('answers that are no list of tags', async (t) => {
  for (const [body, type, code] of [
    ['{"name":"a","tags":null}', 'application/json', undefined],
    ['{"name":"a"}', 'application/json', undefined],
    ['[]', 'application/json', 'BAD_LISTING'],
    ['{"tags":5}', 'application/json', 'BAD_LISTING'],
    ['<html></html>', 'text/html', 'NOT_A_REGISTRY'],
  ] as const) {
    const server = await fakeServer(t, (_request, response) => {
      response.writeHead(200, { 'content-type': type }).end(body);
    });
    const { pool } = testPool(t);
    const work = all(pool.client(server.host).repository('a').tags());
    if (code === undefined) assert.deepEqual(await work, []);
    else await assert.rejects(work, { code });
  }
  const truncated = await fakeServer(t, (_request, response) => {
    response.end('{"tags":["a"');
  });
  const { pool } = testPool(t);
  await assert.rejects(all(pool.client(truncated.host).repository('a').tags()), IntegrityError);
});

test('pages that go round in a circle, or to another host', async (t) => {
  const server = await fakeServer(t, (_request, response) => {
    response.writeHead(200, { link: '<http://evil.test/v2/a/tags/list?last=x>; rel="next"' }).end('{"tags":["a"]}');
  });
  const { pool } = testPool(t);
  await assert.rejects(all(pool.client(server.host).repository('a').tags()), /round in a circle/);
  assert.deepEqual(
    server.requests.map(({ url }) => url),
    ['/v2/a/tags/list', '/v2/a/tags/list?last=x'],
  );
});

/** A subject and two artifacts that refer to it. */
async function seedReferrers(registry: { url: string }): Promise<{ subject: SeededImage; referrers: SeededImage[] }> {
  const subject = await seedImage(registry, 'a', { tag: 'v1' });
  const referrers: SeededImage[] = [];
  for (const artifactType of ['application/x-sbom', 'application/x-signature']) {
    const image = imageOf({
      members: {
        artifactType,
        subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
      },
    });
    for (const blob of [image.config, ...image.layers]) await pushBlob(registry, 'a', blob);
    await pushManifest(registry, 'a', image);
    referrers.push(image);
  }
  return { subject, referrers };
}

test('referrers: the API, with and without the filter of the registry, and page by page', async (t) => {
  for (const limits of [{}, { referrersPageSize: 1 }]) {
    const registry = await withRegistry(t, { limits });
    const { subject, referrers } = await seedReferrers(registry);
    const { pool } = testPool(t);
    const repository = pool.client(registry.host).repository('a');
    const digest = subject.digest as Digest;
    const found = await repository.referrers(digest);
    assert.deepEqual(found.map((entry) => entry.digest).sort(), referrers.map((image) => image.digest).sort());
    for (const filtered of [true, false]) {
      if (!filtered) registry.faults.on({}, faults.withHeaders({ 'oci-filters-applied': undefined }));
      const signatures = await repository.referrers(digest, { artifactType: 'application/x-signature' });
      assert.deepEqual(
        signatures.map((entry) => entry.artifactType),
        ['application/x-signature'],
      );
    }
    assert.deepEqual(await repository.referrers(digestOf(indexBytes('none'))), []);
  }
});

test('a registry that does not filter, although it was asked to', async (t) => {
  const entry = (artifactType: string): object => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: digestOf(Buffer.from(artifactType)),
    size: 5,
    artifactType,
  });
  const server = await fakeServer(t, (_request, response) => {
    response.writeHead(200, { 'content-type': ociIndex });
    response.end(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [entry('a/a'), entry('b/b')] }));
  });
  const { pool } = testPool(t);
  const found = await pool
    .client(server.host)
    .repository('a')
    .referrers(digestOf(indexBytes()), { artifactType: 'b/b' });
  assert.deepEqual(
    found.map((one) => one.artifactType),
    ['b/b'],
  );
});

test('referrers of a registry without the API: the tag that stands in for it', async (t) => {
  const registry = await withRegistry(t);
  registry.faults.on({}, faults.noReferrers());
  const { pool } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  const digest = digestOf(indexBytes());
  assert.deepEqual(await repository.referrers(digest), []);
  const manifests = ['a/a', 'b/b'].map((artifactType) => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: digestOf(Buffer.from(artifactType)),
    size: 5,
    artifactType,
  }));
  const list = content(ociIndex, { schemaVersion: 2, mediaType: ociIndex, manifests });
  const fallback = await fakeServer(t, (request, response) => {
    if (request.url === `/v2/a/manifests/${digest.replace(':', '-')}`) {
      response.writeHead(200, { 'content-type': ociIndex }).end(list.bytes);
    } else response.writeHead(404).end('404 page not found\n');
  });
  const other = pool.client(fallback.host).repository('a');
  assert.equal((await other.referrers(digest)).length, 2);
  assert.deepEqual(
    (await other.referrers(digest, { artifactType: 'a/a' })).map((entry) => entry.digest),
    [manifests[0]?.digest],
  );
});

test('a registry without the API is asked for it once, and one that does not know the manifest each time', async (t) => {
  for (const [type, body, times] of [
    ['text/plain', '404 page not found', 1],
    ['application/json', '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}', 3],
  ] as const) {
    let asked = 0;
    const server = await fakeServer(t, (request, response) => {
      if (request.url?.includes('/referrers/')) asked += 1;
      response.writeHead(404, { 'content-type': type }).end(body);
    });
    const { pool } = testPool(t);
    const repository = pool.client(server.host).repository('a');
    const digests = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text)));
    const found = await Promise.all(digests.map((digest) => repository.referrers(digest)));
    assert.deepEqual(found.flat(), []);
    assert.equal(asked, times);
    // where nothing can have a tag, the one that stands in is not asked for either
    assert.deepEqual(await repository.referrers(digestOf(Buffer.from('d')), { hasTags: async () => false }), []);
  }
});

test('a registry that answers the referrers API with something else has none', async (t) => {
  const server = await fakeServer(t, (request, response) => {
    if (request.url?.includes('/referrers/')) response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    else response.writeHead(404).end();
  });
  const { pool } = testPool(t);
  assert.deepEqual(await pool.client(server.host).repository('a').referrers(digestOf(indexBytes())), []);
});

test('other ways to say that there is no such API: 406 of Artifactory, 405, 501', async (t) => {
  for (const status of [405, 406, 501]) {
    const digest = digestOf(indexBytes());
    const entry = { mediaType: ociIndex, digest: digestOf(Buffer.from('x')), size: 1, artifactType: 'a/a' };
    const list = content(ociIndex, { schemaVersion: 2, mediaType: ociIndex, manifests: [entry] });
    const server = await fakeServer(t, (request, response) => {
      if (request.url?.includes('/referrers/')) response.writeHead(status).end();
      else response.writeHead(200, { 'content-type': ociIndex }).end(list.bytes);
    });
    const { pool } = testPool(t);
    const repository = pool.client(server.host).repository('a');
    for (let times = 0; times < 2; times += 1) {
      assert.deepEqual(
        (await repository.referrers(digest)).map((one) => one.digest),
        [entry.digest],
        `${status}`,
      );
    }
    assert.equal(server.requests.filter(({ url }) => url.includes('/referrers/')).length, 1);
  }
});

test('referrers: errors are errors, not an empty list', async (t) => {
  const registry = await withRegistry(t);
  for (const [fault, type] of [
    [faults.answer(403), AuthError],
    [faults.unauthorized('Basic realm="x"'), AuthError],
    [faults.serverError(500), RegistryError],
    [faults.answer(400), RegistryError],
  ] as const) {
    const undo = registry.faults.on({}, fault);
    const { pool } = testPool(t, { retry: { maxRetries: 0 } });
    const repository = pool.client(registry.host).repository('a');
    await assert.rejects(repository.referrers(digestOf(indexBytes())), type);
    undo();
  }
});

test('referrers: a listing with a hole is no listing', async (t) => {
  const registry = await withRegistry(t, { limits: { referrersPageSize: 1 } });
  const { subject } = await seedReferrers(registry);
  registry.faults.reset();
  registry.faults.on({ nth: 2 }, faults.answer(404));
  const { pool } = testPool(t);
  await assert.rejects(
    pool
      .client(registry.host)
      .repository('a')
      .referrers(subject.digest as Digest),
    /a later page/,
  );
});
