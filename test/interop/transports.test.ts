/** What sheaf writes is read by skopeo, podman and crane, and the other way round: each transport, each kind of image. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { testEnv } from '../support/env.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { configDigest, copy, diffIds, kinds, readAll, writeKinds } from '../transports/support.ts';

/** Transports that keep manifests as they are. */
const faithful = {
  oci: (folder: string) => `oci:${folder}/copy:one`,
  'oci-archive': (folder: string) => `oci-archive:${folder}/copy.tar:one`,
  dir: (folder: string) => `dir:${folder}/copy`,
};

async function prepare(t: TestContext) {
  const peers = await isolatedPeers(t);
  const env = await testEnv(t);
  const layout = join(peers.folder, 'layout');
  const digests = await writeKinds(layout);
  return { peers, env, layout, digests, folder: peers.folder };
}

for (const [name, place] of Object.entries(faithful)) {
  describe(`${name}: and skopeo`, { skip: skipWithout('skopeo') }, () => {
    for (const kind of kinds) {
      it(`skopeo reads what sheaf wrote: ${kind}`, async (t) => {
        const { peers, env, layout, digests, folder } = await prepare(t);
        const root = await copy(env, `oci:${layout}:${kind}`, place(folder));
        assert.equal(root.digest, digests[kind]);
        await peers.ok('skopeo', ['copy', '-q', '--all', '--preserve-digests', place(folder), `dir:${folder}/check`]);
        assert.equal(digestOf(await readFile(`${folder}/check/manifest.json`)), digests[kind]);
        assert.deepEqual(await readAll(env, `dir:${folder}/check`), await readAll(env, `oci:${layout}:${kind}`));
      });

      it(`sheaf reads what skopeo wrote: ${kind}`, async (t) => {
        const { peers, env, layout, digests, folder } = await prepare(t);
        const from = `oci:${layout}:${kind}`;
        await peers.ok('skopeo', ['copy', '-q', '--all', '--preserve-digests', from, place(folder)]);
        const root = await copy(env, place(folder), `oci:${folder}/check:one`);
        assert.equal(root.digest, digests[kind]);
        assert.deepEqual(await readAll(env, `oci:${folder}/check:one`), await readAll(env, from));
      });
    }
  });

  describe(`${name}: and podman`, { skip: skipWithout('podman') }, () => {
    it('podman takes in the image that sheaf wrote', async (t) => {
      const { peers, env, layout, folder } = await prepare(t);
      await copy(env, `oci:${layout}:image`, place(folder));
      const id = (await peers.ok('podman', ['pull', '-q', place(folder)])).trim();
      assert.equal(`sha256:${id}`, await configDigest(env, `oci:${layout}:image`));
    });

    it('podman takes the image of its platform from the lists that sheaf wrote', async (t) => {
      const { peers, env, layout, folder } = await prepare(t);
      for (const kind of ['list', 'zstd-list'] as const) {
        await copy(env, `oci:${layout}:${kind}`, place(`${folder}/${kind}`));
        const id = (await peers.ok('podman', ['pull', '-q', '--arch', 'amd64', place(`${folder}/${kind}`)])).trim();
        assert.equal(`sha256:${id}`, await configDigest(env, `oci:${layout}:image`), kind);
      }
    });

    it('sheaf reads the image that podman gives out', async (t) => {
      const { peers, env, layout, folder } = await prepare(t);
      const id = (await peers.ok('podman', ['pull', '-q', `oci:${layout}:image`])).trim();
      await peers.ok('podman', ['push', '-q', id, place(folder)]);
      await copy(env, place(folder), `oci:${folder}/check:one`);
      assert.deepEqual(await diffIds(env, `oci:${folder}/check:one`), await diffIds(env, `oci:${layout}:image`));
    });
  });
}
