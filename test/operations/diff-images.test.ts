/** Differences between indexes and images, with a real store and the embedded registry. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  blobOf,
  type FixtureBlob,
  fixtureImage,
  fixtureIndex,
  pushFixtureImage,
  pushFixtureManifest,
  writeFixtureLayout,
} from '../../fixtures/images.ts';
import { NotFoundError } from '../../src/foundation/errors.ts';
import { createList } from '../../src/operations/create-list.ts';
import { diffImages, type ImagesDiff } from '../../src/operations/diff-images.ts';
import { findImage } from '../../src/operations/find-image.ts';
import { pushList } from '../../src/operations/push-list.ts';
import { locate } from '../../src/transports/image-names.ts';
import { testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';

const ociIndex = 'application/vnd.oci.image.index.v1+json';

/** A registry with two images and indexes of them. */
async function scene(t: TestContext) {
  const env = await testEnv(t);
  const registry = await withRegistry(t);
  const [amd64, arm64, other] = await Promise.all([
    fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } }),
    fixtureImage({ platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }),
    fixtureImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [{ 'etc/other': 'other' }] }),
  ]);
  for (const [tag, image] of Object.entries({ amd64, arm64, other }))
    await pushFixtureImage(registry.url, 'app', image, tag);
  const index = fixtureIndex([amd64, arm64]);
  const indexes: Record<string, FixtureBlob> = {
    both: index,
    one: fixtureIndex([amd64]),
    spaced: blobOf(
      ociIndex,
      Buffer.from(JSON.stringify(JSON.parse(Buffer.from(index.bytes).toString()), undefined, 2)),
    ),
  };
  for (const [tag, one] of Object.entries(indexes)) await pushFixtureManifest(registry.url, 'app', one, tag);
  registry.faults.reset();
  const at = (tag: string) => locate(`docker://${registry.host}/app:${tag}`);
  return { env, registry, at, images: { amd64, arm64, other }, digest: index.digest };
}

const told = ({ verdict, index, instances }: ImagesDiff): string[] => [
  verdict,
  ...index.map(({ path, a, b }) => `${path.join('.')} ${a} ${b}`),
  ...instances.map(({ change, role, platform }) => `${change} ${role} ${platform?.architecture}`),
];

describe('diffImages', () => {
  it('reads two manifests and no blob to compare indexes', async (t) => {
    const { env, registry, at } = await scene(t);
    const diff = await diffImages(env, at('both'), at('one'));
    assert.deepEqual(told(diff), ['different', 'same image amd64', 'removed image arm64']);
    assert.deepEqual(registry.faults.log(), ['GET /v2/app/manifests/both', 'GET /v2/app/manifests/one']);
  });

  it('tells the very same from what says the same', async (t) => {
    const { env, registry, at, digest } = await scene(t);
    assert.equal(
      (await diffImages(env, at('both'), locate(`docker://${registry.host}/app@${digest}`))).verdict,
      'identical',
    );
    const { verdict, a, b } = await diffImages(env, at('both'), at('spaced'));
    assert.equal(verdict, 'equal');
    assert.notEqual(a.manifest.digest, b.manifest.digest);
  });

  it('takes a single image for one instance of the platform that its config states', async (t) => {
    const { env, registry, at } = await scene(t);
    assert.deepEqual(told(await diffImages(env, at('amd64'), at('other'))), ['different', 'changed image amd64']);
    assert.deepEqual(told(await diffImages(env, at('amd64'), at('arm64'))), [
      'different',
      'removed image amd64',
      'added image arm64',
    ]);
    assert.deepEqual(told(await diffImages(env, at('both'), at('other'))), [
      'different',
      `mediaType ${ociIndex} application/vnd.oci.image.manifest.v1+json`,
      'changed image amd64',
      'removed image arm64',
    ]);
    registry.faults.reset();
    assert.equal((await diffImages(env, at('amd64'), at('amd64'))).verdict, 'identical');
    assert.deepEqual(registry.faults.seen({ path: /\/blobs\// }), []);
  });

  it('compares a list with what was pushed of it, and with what it becomes', async (t) => {
    const { env, at, registry, images } = await scene(t);
    await createList(env, { name: 'l', images: [at('amd64')], taking: 'all', annotations: {}, ifExists: 'fail' });
    const [list, pushed] = [await findImage(env, 'l'), `docker://${registry.host}/list:1`];
    const push = { list: 'l', select: 'all', unselected: 'keep', tags: [], require: [], dryRun: false } as const;
    await pushList(env, { ...push, destination: locate(pushed) });
    assert.equal((await diffImages(env, locate(pushed), list)).verdict, 'identical');
    const layout = `${env.folder}/layout`;
    await writeFixtureLayout(layout, { arm64: images.arm64 });
    await createList(env, {
      name: 'l',
      images: [locate(`oci:${layout}:arm64`)],
      taking: 'all',
      annotations: { k: 'v' },
      ifExists: 'amend',
    });
    assert.deepEqual(told(await diffImages(env, locate(pushed), list)), [
      'different',
      'annotations.k undefined v',
      'same image amd64',
      'added image arm64',
    ]);
  });

  it('reaches each side by its own settings, and fails where one is not there', async (t) => {
    const { env, at } = await scene(t);
    const strict = await testEnv(t, { registry: { tlsVerify: true, retry: { maxRetries: 0 } } });
    await assert.rejects(diffImages(strict, at('both'), at('one')), { kind: 'registry' });
    await assert.rejects(diffImages(env, at('both'), at('one'), strict), { kind: 'registry' });
    await assert.rejects(diffImages(env, at('both'), at('absent')), NotFoundError);
    await assert.rejects(diffImages(env, at('absent'), at('both')), NotFoundError);
  });
});
