/** Every pair of transports: manifests keep their digests where both sides keep manifests, layers their bytes everywhere. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';
import { configDigest, copy, diffIds, type Kind, kinds, readAll, writeKinds } from './support.ts';

const transports = ['docker', 'oci', 'oci-archive', 'dir', 'docker-archive'] as const;

function placeOf(transport: (typeof transports)[number], host: string, folder: string, name: string): string {
  switch (transport) {
    case 'docker':
      return `docker://${host}/${name}:1`;
    case 'oci':
      return `oci:${join(folder, name)}:one`;
    case 'oci-archive':
      return `oci-archive:${join(folder, `${name}.tar`)}:one`;
    case 'dir':
      return `dir:${join(folder, `${name}.dir`)}`;
    case 'docker-archive':
      return `docker-archive:${join(folder, `${name}.docker.tar`)}:app:1`;
  }
}

/** What becomes of a copy: the same digests, the same images, or an error. */
function expected(from: string, to: string, kind: Kind): 'same' | 'images' | 'NOT_AN_IMAGE' | undefined {
  // an archive of docker save has images and nothing else
  if (from === 'docker-archive') return kind === 'image' ? 'images' : undefined;
  if (to !== 'docker-archive') return 'same';
  return kind === 'artifact' ? 'NOT_AN_IMAGE' : 'images';
}

/** The images of a copy in a docker archive, by what they were. */
const imagesIn: Readonly<Partial<Record<Kind, ReadonlyArray<readonly [string, string]>>>> = {
  image: [['', 'image']],
  list: [
    ['-linux-amd64', 'image'],
    ['-linux-arm64-v8', 'arm64'],
  ],
  'zstd-list': [
    ['-linux-amd64', 'zstd'],
    ['-linux-arm64-v8', 'arm64'],
  ],
};

for (const from of transports) {
  describe(`from ${from}:`, () => {
    for (const to of transports) {
      it(`to ${to}:`, async (t) => {
        const env = await testEnv(t);
        const { host } = await withRegistry(t);
        const layout = join(env.folder, 'layout');
        const digests = await writeKinds(layout);
        for (const kind of kinds) {
          const outcome = expected(from, to, kind);
          if (outcome === undefined) continue;
          const origin = `oci:${layout}:${kind}`;
          const first = placeOf(from, host, env.folder, `first-${kind}`);
          const second = placeOf(to, host, env.folder, `second-${kind}`);
          await copy(env, origin, first);
          if (outcome === 'NOT_AN_IMAGE') {
            await assert.rejects(copy(env, first, second), { code: outcome });
            continue;
          }
          const root = await copy(env, first, second);
          if (outcome === 'same') {
            assert.equal(root.digest, digests[kind], kind);
            assert.deepEqual(await readAll(env, second), await readAll(env, origin), kind);
            continue;
          }
          for (const [suffix, image] of imagesIn[kind] ?? assert.fail()) {
            const at = `${second}${suffix}`;
            assert.deepEqual(await diffIds(env, at), await diffIds(env, `oci:${layout}:${image}`), at);
            assert.equal(await configDigest(env, at), await configDigest(env, `oci:${layout}:${image}`), at);
          }
        }
      });
    }
  });
}

describe('to docker-archive:', () => {
  it('the images of a list go in, each with its platform in its tag; variants are the same image there', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    await writeKinds(layout);
    const to = `docker-archive:${join(env.folder, 'a.tar')}`;
    await copy(env, `oci:${layout}:zstd-list`, `${to}:app:1.0`);
    for (const [tag, kind] of [
      ['1.0-linux-amd64', 'image'],
      ['1.0-linux-arm64-v8', 'arm64'],
    ]) {
      assert.deepEqual(await diffIds(env, `${to}:app:${tag}`), await diffIds(env, `oci:${layout}:${kind}`));
      assert.equal(await configDigest(env, `${to}:app:${tag}`), await configDigest(env, `oci:${layout}:${kind}`));
    }
    await assert.rejects(diffIds(env, to), { code: 'AMBIGUOUS_IMAGE' });
    await assert.rejects(diffIds(env, `${to}:@2`), { code: 'IMAGE_NOT_FOUND' });
  });

  it('one image of a list has the name that was asked for', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    const digests = await writeKinds(layout);
    for (const [at, select] of [
      [`oci:${layout}@${digests.image}`, 'all'],
      [`oci:${layout}:list`, { platforms: [{ os: 'linux', architecture: 'amd64' }] }],
    ] as const) {
      const to = `docker-archive:${join(env.folder, `${typeof select}.tar`)}:app:1`;
      await copy(env, at, to, select, 'strip');
      assert.deepEqual(await diffIds(env, to), await diffIds(env, `oci:${layout}:image`));
    }
  });
});
