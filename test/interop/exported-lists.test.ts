/** What `store export` hands over is read by those who read layouts, on a machine that has nothing else of it. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fixtureImage, fixtureIndex, pushFixtureImage, pushFixtureManifest } from '../../fixtures/images.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { withRegistry } from '../support/registry.ts';
import { writeKinds } from '../transports/support.ts';
import { sheafIn } from './tools.ts';

const names = ['quay.io/me/remote:1.0', 'quay.io/me/local:1.0', 'quay.io/me/local:stable', 'localhost/files:latest'];

/** Lists exported as a folder and as an archive; what they were made of has gone since. */
async function scene(t: TestContext) {
  const peers = await isolatedPeers(t);
  const registry = await withRegistry(t);
  const images = await Promise.all(
    ['amd64', 'arm64'].map((architecture) => fixtureImage({ platform: { os: 'linux', architecture } })),
  );
  for (const image of images) await pushFixtureImage(registry.url, 'a/b', image);
  await pushFixtureManifest(registry.url, 'a/b', fixtureIndex(images), 'all');
  const here = sheafIn(join(peers.folder, 'here'));
  await writeKinds(join(here.folder, 'layout'));
  await writeFile(join(here.folder, 'file'), 'text');
  const plain = '--tls-verify=false';
  const [remote = '', local = '', stable = ''] = names;
  await here.ok('manifest', 'create', plain, '--all', remote, `docker://${registry.host}/a/b:all`);
  await here.ok('manifest', 'create', '--all', local, 'oci:layout:list');
  await here.ok('manifest', 'tag', local, stable);
  await here.ok('manifest', 'create', 'files');
  await here.ok('manifest', 'add', '--artifact', 'files', 'file');
  const out = join(peers.folder, 'out');
  const places = [`oci:${out}`, `oci-archive:${out}.tar`];
  const digests = new Map<string, string>();
  for (const place of places) {
    const printed = await here.ok('store', 'export', plain, place);
    for (const line of printed.split('\n')) digests.set(line.replace(/: sha256:.*/, ''), line.slice(-71));
  }
  assert.deepEqual([...digests.keys()], names);
  await registry.close();
  await rm(here.folder, { recursive: true });
  return { peers, there: sheafIn(join(peers.folder, 'there')), places, digests };
}

describe('lists that were exported', { skip: skipWithout('skopeo', 'podman', 'umoci', 'crane') }, () => {
  it('are read by skopeo, podman, umoci and sheaf elsewhere', async (t) => {
    const { peers, there, places, digests } = await scene(t);
    for (const place of places) {
      for (const [name, digest] of digests) {
        await peers.ok('skopeo', ['copy', '-q', '--insecure-policy', '--all', `${place}:${name}`, 'dir:copy']);
        const made = join(peers.folder, 'copy');
        assert.equal((await peers.ok('skopeo', ['manifest-digest', join(made, 'manifest.json')])).trim(), digest);
        await rm(made, { recursive: true });
        assert.equal(
          await there.ok('image', 'copy', '--all', `${place}:${name}`, `dir:${there.folder}/${digest}`),
          digest,
        );
      }
    }
    assert.deepEqual((await peers.ok('umoci', ['ls', '--layout', 'out'])).trim().split('\n'), names);
    for (const [place = '', name = ''] of places.map((one, at) => [one, names[at]])) {
      await peers.ok('podman', ['pull', '-q', `${place}:${name}`]);
      // it has the name of the list there
      await peers.ok('podman', ['image', 'exists', name]);
    }
  });
});
