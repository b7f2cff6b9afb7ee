/** A repository that its registry does not know is not asked about what goes there, and nothing is sent twice all the same. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { mediaTypes } from '../../../src/oci/media-types.ts';
import { locate } from '../../../src/transports/image-names.ts';
import type { ImageDestination } from '../../../src/transports/transport.ts';
import { type TestEnv, testEnv } from '../../support/env.ts';
import { answer, gate, serverError } from '../../support/fault-kinds.ts';
import type { Fault } from '../../support/faults.ts';
import { type TestRegistry, withRegistry } from '../../support/registry.ts';
import { content, pushBlob } from '../../support/seed.ts';

const bytes = Buffer.from('a layer');
const seed = content('application/octet-stream', bytes);
const blob: Descriptor = { mediaType: seed.mediaType, digest: digestOf(bytes), size: seed.size };
const other = digestOf(Buffer.from('another'));

const nameUnknown = answer(404, {}, { errors: [{ code: 'NAME_UNKNOWN', message: 'repository name not known' }] });

/** A destination whose tag is not there; `tags` is what the registry says when it is asked for all tags. */
async function open(t: TestContext, registry: TestRegistry, env: TestEnv, tags?: Fault): Promise<ImageDestination> {
  if (tags !== undefined) registry.faults.on({ path: /\/tags\/list/ }, tags);
  const destination = await locate(`docker://${registry.host}/a/new:1`).openDestination(env);
  t.after(() => destination[Symbol.asyncDispose]());
  assert.equal(await destination.currentRoot(), undefined);
  return destination;
}

const put = (destination: ImageDestination): Promise<void> =>
  destination.putBlob({ descriptor: blob, open: async () => Readable.from([bytes]) });

/** The connections that this process begins during the test. */
function connectionsFrom(t: TestContext): readonly unknown[] {
  const begun: unknown[] = [];
  const add = (message: unknown): void => void begun.push(message);
  subscribe('net.client.socket', add);
  t.after(() => unsubscribe('net.client.socket', add));
  return begun;
}

describe('a repository that its registry does not know', () => {
  it('has neither blobs nor manifests, and takes each blob in two requests', async (t) => {
    const registry = await withRegistry(t);
    const destination = await open(t, registry, await testEnv(t));
    assert.equal(await destination.hasBlob(blob), false);
    assert.equal(await destination.hasManifest(other), false);
    await put(destination);
    assert.deepEqual(
      registry.faults.requests.map(({ method, path }) => `${method} ${path.replace(/uploads\/.+/, 'uploads/ID')}`),
      [
        'HEAD /v2/a/new/manifests/1',
        'GET /v2/a/new/tags/list',
        'POST /v2/a/new/blobs/uploads/',
        'PUT /v2/a/new/blobs/uploads/ID',
      ],
    );
  });

  it('is not sent what it has all the same', async (t) => {
    const registry = await withRegistry(t);
    await pushBlob(registry, 'a/new', seed);
    registry.faults.reset();
    await put(await open(t, registry, await testEnv(t), nameUnknown));
    assert.deepEqual(registry.faults.seen({ method: ['PUT', 'PATCH'] }), []);
  });

  it('has what was written meanwhile, by us or with what was named', async (t) => {
    const registry = await withRegistry(t);
    const destination = await open(t, registry, await testEnv(t), nameUnknown);
    assert.equal(await destination.hasBlob(blob), false);
    await put(destination);
    assert.equal(await destination.hasBlob(blob), true);
    assert.equal(await destination.hasManifest(other), false);
    const seen = registry.faults.seen({ method: 'HEAD', path: /sha256/ }).length;
    registry.faults.on(
      { method: 'HEAD', path: /manifests\/1/ },
      answer(200, { 'content-type': mediaTypes.ociIndex, 'docker-content-digest': other, 'content-length': '2' }),
    );
    assert.equal(await destination.currentRoot(), other);
    await destination.hasManifest(other);
    assert.equal(registry.faults.seen({ method: 'HEAD', path: /sha256/ }).length, seen + 1);
  });

  it('is sent everything by a registry that mounts nothing, or does not know how to', async (t) => {
    const faults: readonly Fault[] = [
      async (request, next) => next({ ...request, query: new URLSearchParams() }),
      answer(405, {}, { errors: [{ code: 'UNSUPPORTED', message: 'no mounting' }] }),
    ];
    for (const fault of faults) {
      const registry = await withRegistry(t);
      registry.faults.on({ method: 'POST', path: /mount=/ }, fault);
      const destination = await open(t, registry, await testEnv(t));
      await put(destination);
      assert.equal(registry.faults.seen({ method: 'PUT' }).length, 1);
    }
  });

  it('is asked as ever where a run has begun to write there', async (t) => {
    const registry = await withRegistry(t);
    const env = await testEnv(t);
    await put(await open(t, registry, env, nameUnknown));
    registry.faults.reset();
    const again = await open(t, registry, env, nameUnknown);
    assert.equal(await again.hasBlob(blob), true);
    assert.equal(await again.hasManifest(other), false);
    assert.equal(registry.faults.seen({ method: 'HEAD', path: /blobs|sha256/ }).length, 2);
  });

  it('goes on with the upload that a refused mount has begun', async (t) => {
    const registry = await withRegistry(t);
    const destination = await open(t, registry, await testEnv(t));
    const from = { registry: registry.host, repository: 'a/old' };
    assert.equal(await destination.mountBlob?.(blob, from), false);
    await put(destination);
    assert.equal(registry.faults.seen({ method: 'POST' }).length, 1);
  });

  it('has connections made while it is asked for, as many as there are blobs', async (t) => {
    const registry = await withRegistry(t);
    const asked = gate();
    registry.faults.on({ path: /\/tags\/list/ }, asked.fault);
    const sockets = connectionsFrom(t);
    const destination = await open(t, registry, await testEnv(t));
    const blobs = ['a', 'b', 'c'].map((text) => {
      const part = Buffer.from(text);
      return { part, descriptor: { mediaType: seed.mediaType, digest: digestOf(part), size: part.byteLength } };
    });
    const there = Promise.all(blobs.map(({ descriptor }) => destination.hasBlob(descriptor)));
    await asked.arrived;
    assert.equal(sockets.length, 4);
    asked.open();
    assert.deepEqual(await there, [false, false, false]);
    await Promise.all(
      blobs.map(({ part, descriptor }) => destination.putBlob({ descriptor, open: async () => Readable.from([part]) })),
    );
    assert.equal(sockets.length, 4);
  });

  it('is asked at once, with connections for what follows, where we have never brought anything', async (t) => {
    const registry = await withRegistry(t);
    const named = gate();
    const asked = gate();
    registry.faults.on({ path: /manifests/ }, named.fault);
    registry.faults.on({ path: /\/tags\/list/ }, asked.fault);
    const sockets = connectionsFrom(t);
    const destination = await locate(`docker://${registry.host}/a/new:1`).openDestination(await testEnv(t));
    t.after(() => destination[Symbol.asyncDispose]());
    const current = destination.currentRoot();
    destination.expect?.(4);
    await Promise.all([named.arrived, asked.arrived]);
    assert.equal(sockets.length, 4);
    named.open();
    asked.open();
    assert.equal(await current, undefined);
    assert.equal(await destination.hasBlob(blob), false);
    await put(destination);
    assert.equal(sockets.length, 4);
  });

  it('is asked at once only until we have brought something somewhere', async (t) => {
    const registry = await withRegistry(t);
    const env = await testEnv(t);
    env.store().knowledge.rememberBlobs(registry.host, 'a/other', [blob.digest]);
    registry.faults.on(
      { method: 'HEAD', path: /manifests/ },
      answer(200, { 'content-type': mediaTypes.ociIndex, 'docker-content-digest': other, 'content-length': '2' }),
    );
    const destination = await locate(`docker://${registry.host}/a/new:1`).openDestination(env);
    t.after(() => destination[Symbol.asyncDispose]());
    destination.expect?.(4);
    assert.equal(await destination.currentRoot(), other);
    assert.equal(registry.faults.requests.length, 1);
  });

  it('is asked about large blobs, of which an upload may have begun', async (t) => {
    const registry = await withRegistry(t);
    const destination = await open(t, registry, await testEnv(t));
    assert.equal(await destination.hasBlob({ ...blob, size: 64 << 20 }), false);
    assert.equal(registry.faults.seen({ method: 'HEAD', path: /blobs/ }).length, 1);
  });
});

describe('a repository of which the registry says anything else', () => {
  for (const [title, fault] of [
    ['that it has no tags', answer(200, {}, { name: 'a/new', tags: [] })],
    ['that there is nothing, but not what', answer(404)],
    ['that it is busy', serverError(503)],
    ['that this is not allowed', answer(403, {}, { errors: [{ code: 'DENIED', message: 'no' }] })],
    ['that it does not list tags', answer(405, {}, { errors: [{ code: 'UNSUPPORTED', message: 'no' }] })],
    ['nothing at all', async () => 'cut' as const],
  ] satisfies ReadonlyArray<readonly [string, Fault]>) {
    it(`is asked as ever: ${title}`, async (t) => {
      const registry = await withRegistry(t);
      await pushBlob(registry, 'a/new', seed);
      const destination = await open(t, registry, await testEnv(t), fault);
      assert.equal(await destination.hasBlob(blob), true);
      assert.equal(registry.faults.seen({ path: /tags/ }).length, 1);
    });
  }

  it('is asked as ever where what is named is there', async (t) => {
    const registry = await withRegistry(t);
    registry.faults.on(
      { method: 'HEAD', path: /manifests/ },
      answer(200, { 'content-type': mediaTypes.ociIndex, 'docker-content-digest': other, 'content-length': '2' }),
    );
    const destination = await locate(`docker://${registry.host}/a/new:1`).openDestination(await testEnv(t));
    t.after(() => destination[Symbol.asyncDispose]());
    assert.equal(await destination.currentRoot(), other);
    await destination.hasBlob(blob);
    assert.deepEqual(registry.faults.seen({ path: /tags/ }), []);
  });
});
