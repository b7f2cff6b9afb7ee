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
  it('a list is refused before anything is done, and one of its images goes in', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    const digests = await writeKinds(layout);
    const to = `docker-archive:${join(env.folder, 'a.tar')}`;
    env.events.length = 0;
    await assert.rejects(copy(env, `oci:${layout}:list`, to), { code: 'INDEX_NOT_SUPPORTED' });
    assert.deepEqual(env.events, []);
    await copy(env, `oci:${layout}@${digests.image}`, to);
    assert.deepEqual(await diffIds(env, to), await diffIds(env, `oci:${layout}:image`));
  });
});
