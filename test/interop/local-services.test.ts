/** Images that daemons keep: podman's service for its own storage, and in the part of Docker's daemon. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { blobsIn, skip, world } from './local-storage.ts';

test('images go into the storage through the service of podman, and no other way', { skip }, async (t) => {
  const { folder, storage, sheaf, podman, skopeo, service } = await world(t, 'vfs', ['amd64']);
  await skopeo('copy', `${storage}localhost/built:amd64`, `oci:${folder}/layout:one`);
  const image = `oci:${folder}/layout:one`;
  const refused = await sheaf.fails(7, 'image', 'copy', image, `${storage}localhost/ours:1`);
  assert.match(refused.stderr, /podman's service does not run[\s\S]*podman load/);
  const own = sheaf.with({ CONTAINER_HOST: await service() });
  const digest = await own.ok('image', 'copy', '--additional-tag', '2', image, `${storage}localhost/ours:1`);
  const inspected = JSON.parse(await podman('image', 'inspect', 'localhost/ours:2')) as Array<{
    RepoDigests: string[];
  }>;
  assert.ok(
    inspected[0]?.RepoDigests.some((name) => name.endsWith(digest)),
    JSON.stringify(inspected[0]?.RepoDigests),
  );
  const other = await own.fails(7, 'image', 'copy', image, 'containers-storage:[vfs@/nowhere+/tmp]localhost/ours:1');
  assert.match(other.stderr, /has the storage/);
});

test('images go to and come from a daemon as with skopeo', { skip }, async (t) => {
  const { folder, podman, service, sheaf, skopeo } = await world(t, 'vfs', ['amd64']);
  const host = await service();
  const own = sheaf.with({ DOCKER_HOST: host });
  const fromDaemon = (name: string, to: string): Promise<string> =>
    skopeo('copy', '--src-daemon-host', host, `docker-daemon:${name}`, `dir:${folder}/${to}`);
  await own.ok('image', 'copy', 'docker-daemon:localhost/built:amd64', `dir:${folder}/ours`);
  await fromDaemon('localhost/built:amd64', 'theirs');
  const theirs = await blobsIn(join(folder, 'theirs'));
  assert.deepEqual(await blobsIn(join(folder, 'ours')), theirs);
  assert.equal(Object.keys(theirs).length, 3);
  await podman('rmi', '--force', 'localhost/list:1', 'localhost/built:amd64');
  await own.ok('image', 'copy', `dir:${folder}/ours`, 'docker-daemon:localhost/loaded:1');
  await fromDaemon('localhost/loaded:1', 'again');
  assert.deepEqual(await blobsIn(join(folder, 'again')), theirs);
  const absent = await own.fails(3, 'image', 'copy', 'docker-daemon:localhost/built:amd64', `dir:${folder}/absent`);
  assert.match(absent.stderr, /there is no image localhost\/built:amd64/);
});
