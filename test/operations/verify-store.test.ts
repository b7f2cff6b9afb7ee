/** Damage of the local store is told, and what can be had elsewhere is fetched again. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fixtureImage, fixtureIndex, pushFixtureImage, pushFixtureManifest } from '../../fixtures/images.ts';
import { CancelledError } from '../../src/foundation/errors.ts';
import { createSession } from '../../src/foundation/session.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { createList } from '../../src/operations/create-list.ts';
import { verifyStore } from '../../src/operations/verify-store.ts';
import { locate } from '../../src/transports/image-names.ts';
import { addFile } from '../support/artifacts.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';

/** A list `l` of two images in a registry, whose manifests and configs it keeps. */
async function scene(t: TestContext) {
  const env = await testEnv(t);
  const registry = await withRegistry(t);
  const images = await Promise.all(
    ['amd64', 'arm64'].map((architecture) => fixtureImage({ platform: { os: 'linux', architecture } })),
  );
  for (const image of images) await pushFixtureImage(registry.url, 'a/b', image, image.platform.architecture);
  await pushFixtureManifest(registry.url, 'a/b', fixtureIndex(images), 'all');
  await createList(env, {
    name: 'l',
    images: images.map(({ platform }) => locate(`docker://${registry.host}/a/b:${platform.architecture}`)),
    taking: { one: {} },
    annotations: {},
    ifExists: 'fail',
  });
  const { content } = env.store().lists.read('l');
  return { env, registry, images, content, pathOf: (digest: Digest) => env.store().content.path(digest) };
}

/** Other bytes of the same number, so that only reading tells. */
function damage(path: string): void {
  writeFileSync(path, readFileSync(path).fill(0x20));
}

const warnings = (env: TestEnv): string[] =>
  env.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));

describe('a damaged store', () => {
  it('is told and left as it is, and repaired where that is asked for', async (t) => {
    const { env, content, pathOf } = await scene(t);
    assert.equal(content.length, 4);
    const before = content.map((digest) => readFileSync(pathOf(digest)));
    for (const digest of content.slice(0, 3)) damage(pathOf(digest));
    for (const digest of content.slice(3)) rmSync(pathOf(digest));
    const told = await verifyStore(env, { repair: false });
    assert.deepEqual(told.defects.map(({ digest }) => digest).sort(), [...content].sort());
    assert.deepEqual(told.repaired, []);
    assert.equal(
      readFileSync(pathOf(content[0] ?? 'sha256:')).every((byte) => byte === 0x20),
      true,
    );

    const { defects, repaired } = await verifyStore(env, { repair: true });
    assert.deepEqual(defects, []);
    assert.deepEqual([...repaired].sort(), [...content].sort());
    assert.deepEqual(
      content.map((digest) => readFileSync(pathOf(digest))),
      before,
    );
    assert.deepEqual((await verifyStore(env, { repair: true })).repaired, []);
    assert.equal((await env.store().contents()).leases.running, 0);
  });

  it('keeps what is nowhere else', async (t) => {
    const { env, content, pathOf } = await scene(t);
    const file = join(env.folder, 'file');
    writeFileSync(file, 'text');
    const { added } = await addFile(env, 'l', file);
    const artifact = added[0]?.digest ?? assert.fail('nothing was added');
    damage(pathOf(artifact));
    damage(pathOf(content[0] ?? artifact));
    const { defects, repaired } = await verifyStore(env, { repair: true });
    assert.deepEqual(
      [defects.map(({ kind, digest }) => [kind, digest]), repaired],
      [[['damaged', artifact]], content.slice(0, 1)],
    );
    assert.match(readFileSync(pathOf(artifact), 'utf8'), /^ +$/);
  });

  it('stays a defect where its source has gone, with what that says; the rest is repaired', async (t) => {
    const { env, registry, images, content, pathOf } = await scene(t);
    const [gone, there] = images;
    const first = gone?.manifest.digest ?? assert.fail();
    for (const digest of content) damage(pathOf(digest));
    const { status } = await fetch(`${registry.url}/v2/a/b/manifests/${first}`, { method: 'DELETE' });
    assert.equal(status, 202);
    const { defects, repaired } = await verifyStore(env, { repair: true });
    assert.deepEqual([...repaired].sort(), [there?.manifest.digest, there?.config.digest].sort());
    assert.deepEqual(defects.map(({ digest }) => digest).sort(), [first, gone?.config.digest].sort());
    assert.match(warnings(env).join(), /not everything can be fetched from docker:\/\/\S+@sha256:\S+: /);
  });

  it('stays as it is where the run is cancelled', async (t) => {
    const { env, content, pathOf } = await scene(t);
    damage(pathOf(content[0] ?? 'sha256:'));
    const session = createSession({ signal: AbortSignal.abort() });
    await assert.rejects(verifyStore({ ...env, session }, { repair: true }), CancelledError);
  });
});
