/** Images that podman and buildah built or pulled are read as podman and skopeo read them. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { testFolder } from '../support/folders.ts';
import { leasePort } from '../support/ports.ts';
import { withRegistry } from '../support/registry.ts';
import { filesIn, layersIn, skip, type World, world } from './local-storage.ts';

for (const driver of ['vfs', 'overlay'] as const) {
  test(`a storage that podman built (${driver})`, { skip }, async (t) => {
    // building is slow, so all look at one storage, and none changes what another looks at
    const one = await world(t, driver);
    await t.test('a list has the digests that podman pushes', (inner) => sameDigests(inner, one));
    if (driver === 'overlay') return;
    await t.test('a list goes to a registry with the digests that podman gives it there', (inner) =>
      toRegistry(inner, one),
    );
    await t.test(
      'an image that was pulled is read as skopeo reads it, whatever its manifest and compression',
      (inner) => pulled(inner, one),
    );
  });
}

async function sameDigests(t: TestContext, { storage, sheaf, podman, skopeo }: World): Promise<void> {
  const folder = await testFolder(t, '/tmp');
  for (const [name, theirs] of [
    ['localhost/built:amd64', () => skopeo('copy', `${storage}localhost/built:amd64`, `dir:${folder}/theirs`)],
    ['localhost/list:1', () => podman('manifest', 'push', '--all', 'localhost/list:1', `dir:${folder}/theirs`)],
  ] as const) {
    await theirs();
    await sheaf.ok('image', 'copy', '--all', `${storage}${name}`, `dir:${folder}/ours`);
    const ours = await filesIn(join(folder, 'ours'));
    assert.deepEqual(ours, await filesIn(join(folder, 'theirs')), name);
    assert.ok(Object.keys(ours).length > 4);
    await Promise.all(['ours', 'theirs'].map((one) => rm(join(folder, one), { recursive: true })));
  }
}

async function toRegistry(t: TestContext, { storage, sheaf, podman, skopeo }: World): Promise<void> {
  const folder = await testFolder(t, '/tmp');
  const registry = await withRegistry(t, { port: await leasePort(t) });
  await podman('manifest', 'push', '--all', 'localhost/list:1', `docker://${registry.host}/theirs/list:1`);
  await sheaf.ok('manifest', 'create', 'ours');
  // podman may give the names to other images later, so that a list has to remember the IDs
  await podman('tag', 'localhost/built:amd64', 'localhost/moved:1');
  await sheaf.ok('manifest', 'add', 'ours', `${storage}localhost/moved:1`, `${storage}localhost/built:arm64`);
  await podman('tag', 'localhost/built:arm64', 'localhost/moved:1');
  for (const [name, flags] of [
    ['ours', []],
    ['gzip', ['--compression-format', 'gzip']],
    ['plain', ['--compression-format', 'none']],
  ] as const) {
    const to = `docker://${registry.host}/${name}/list:1`;
    await sheaf.ok('manifest', 'push', '--all', '--tls-verify=false', ...flags, 'ours', to);
  }
  const raw = (name: string, tag = ':1'): Promise<string> =>
    skopeo('inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/${name}/list${tag}`);
  const theirs = JSON.parse(await raw('theirs')) as { manifests: Array<{ digest: string }> };
  assert.equal(theirs.manifests.length, 2);
  // whole manifests: layers, configs, sizes and media types
  for (const name of ['ours', 'gzip']) {
    const list = JSON.parse(await raw(name)) as typeof theirs;
    assert.deepEqual(
      list.manifests.map(({ digest }) => digest),
      theirs.manifests.map(({ digest }) => digest),
      name,
    );
    for (const { digest } of list.manifests) {
      assert.equal(await raw(name, `@${digest}`), await raw('theirs', `@${digest}`));
    }
  }
  assert.equal(await raw('ours'), await raw('theirs'));
  for (const architecture of ['amd64', 'arm64']) {
    const from = `docker://${registry.host}/plain/list:1`;
    await skopeo('--override-arch', architecture, 'copy', '--src-tls-verify=false', from, `dir:${folder}/plain`);
    const plain = await layersIn(join(folder, 'plain'));
    assert.equal(plain.length, 2);
    for (const { digest, diffId } of plain) assert.equal(digest, diffId);
  }
}

async function pulled(t: TestContext, { storage, sheaf, skopeo }: World): Promise<void> {
  const folder = await testFolder(t, '/tmp');
  await skopeo('copy', `${storage}localhost/built:amd64`, `oci:${folder}/layout:built`);
  for (const [name, flags] of [
    ['gzip', []],
    ['zstd', ['--dest-compress-format', 'zstd']],
    ['docker', ['--format', 'v2s2']],
  ] as const) {
    const layout = name === 'docker' ? `dir:${folder}/docker` : `oci:${folder}/layout:${name}`;
    await skopeo('copy', ...flags, `oci:${folder}/layout:built`, layout);
    await skopeo('copy', layout, `${storage}localhost/pulled:${name}`);
    await skopeo('copy', `${storage}localhost/pulled:${name}`, `dir:${folder}/theirs`);
    await sheaf.ok('image', 'copy', `${storage}localhost/pulled:${name}`, `dir:${folder}/ours`);
    assert.deepEqual(await filesIn(join(folder, 'ours')), await filesIn(join(folder, 'theirs')), name);
  }
}
