/** Every pair of transports: manifests keep their digests where both sides keep manifests, layers their bytes everywhere. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';
import { configDigest, copy, diffIds, type Kind, readAll, writeKinds } from './support.ts';

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

/** One image, and what holds everything else: a list with variants, an artifact. */
const kindsOf = (from: string, to: string): readonly Kind[] =>
  from === 'docker-archive' || to === 'docker-archive' ? ['image'] : ['zstd-list', 'artifact'];

for (const from of transports) {
  describe(`from ${from}:`, () => {
    it(`to ${transports.join(':, ')}:`, async (t) => {
      const env = await testEnv(t);
      const { host } = await withRegistry(t);
      const layout = join(env.folder, 'layout');
      const digests = await writeKinds(layout);
      const seeded = new Set<Kind>();
      for (const to of transports) {
        for (const kind of kindsOf(from, to)) {
          const origin = `oci:${layout}:${kind}`;
          const first = placeOf(from, host, env.folder, `first-${kind}`);
          const second = placeOf(to, host, env.folder, `second-${kind}`);
          if (!seeded.has(kind)) await copy(env, origin, first);
          seeded.add(kind);
          const root = await copy(env, first, second);
          if (kind === 'image') {
            assert.deepEqual(await diffIds(env, second), await diffIds(env, origin), `${first} to ${second}`);
            assert.equal(await configDigest(env, second), await configDigest(env, origin), `${first} to ${second}`);
          } else {
            assert.equal(root.digest, digests[kind], `${first} to ${second}`);
            assert.deepEqual(await readAll(env, second), await readAll(env, origin), `${first} to ${second}`);
          }
        }
      }
    });
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
