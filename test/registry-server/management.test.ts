import assert from 'node:assert/strict';
import { errorCodes, type HttpAnswer, http } from '../support/http.ts';
import type { TestRegistry } from '../support/registry.ts';
import { pushManifest, seedImage } from '../support/seed.ts';
import { overEveryStorage } from './storages.ts';

function remove(registry: TestRegistry, path: string, headers = {}): Promise<HttpAnswer> {
  return http(`${registry.url}/v2/${path}`, { method: 'DELETE', headers });
}

async function statusOf(registry: TestRegistry, path: string): Promise<number> {
  return (await http(`${registry.url}/v2/${path}`, { method: 'HEAD' })).status;
}

overEveryStorage('deleting a tag leaves the manifest and its other tags', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app', { tag: 'v1' });
  await pushManifest(registry, 'team/app', image, 'v2');
  assert.equal((await remove(registry, 'team/app/manifests/v1')).status, 202);
  assert.equal(await statusOf(registry, 'team/app/manifests/v1'), 404);
  assert.equal(await statusOf(registry, 'team/app/manifests/v2'), 200);
  assert.equal(await statusOf(registry, `team/app/manifests/${image.digest}`), 200);
  const again = await remove(registry, 'team/app/manifests/v1');
  assert.equal(again.status, 404);
  assert.deepEqual(errorCodes(again), ['MANIFEST_UNKNOWN']);
});

overEveryStorage('deleting a manifest takes its tags with it', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app', { tag: 'v1' });
  await pushManifest(registry, 'team/app', image, 'V2');
  await seedImage(registry, 'team/app', { tag: 'other', layers: ['other'] });
  assert.equal((await remove(registry, `team/app/manifests/${image.digest}`)).status, 202);
  for (const reference of ['v1', 'V2', image.digest]) {
    assert.equal(await statusOf(registry, `team/app/manifests/${reference}`), 404, reference);
  }
  assert.deepEqual(JSON.parse((await http(`${registry.url}/v2/team/app/tags/list`)).text).tags, ['other']);
  assert.equal((await remove(registry, `team/app/manifests/${image.digest}`)).status, 404);
  assert.equal(await statusOf(registry, `team/app/blobs/${image.config.digest}`), 200, 'its blobs stay');
});

overEveryStorage('deleting a blob is a matter of one repository', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  await seedImage(registry, 'other/app');
  const path = `blobs/${image.config.digest}`;
  assert.equal((await remove(registry, `team/app/${path}`)).status, 202);
  assert.equal(await statusOf(registry, `team/app/${path}`), 404);
  const again = await remove(registry, `team/app/${path}`);
  assert.equal(again.status, 404);
  assert.deepEqual(errorCodes(again), ['BLOB_UNKNOWN']);
  assert.deepEqual((await http(`${registry.url}/v2/other/app/${path}`)).body, image.config.bytes);
});

overEveryStorage('deleting takes conditions', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app', { tag: 'v1' });
  const stale = await remove(registry, 'team/app/manifests/v1', { 'if-match': `"sha256:${'0'.repeat(64)}"` });
  assert.equal(stale.status, 412);
  const right = await remove(registry, 'team/app/manifests/v1', { 'if-match': `"${image.digest}"` });
  assert.equal(right.status, 202);
});

overEveryStorage('deleting what cannot be is an error of the request', async (start) => {
  const registry = await start();
  for (const [path, code] of [
    ['team/app/manifests/.x', 'TAG_INVALID'],
    ['team/app/manifests/sha256:x', 'DIGEST_INVALID'],
    ['team/app/blobs/sha256:x', 'DIGEST_INVALID'],
  ] as const) {
    const answer = await remove(registry, path);
    assert.equal(answer.status, 400, path);
    assert.deepEqual(errorCodes(answer), [code]);
  }
  assert.equal((await remove(registry, 'no/such/manifests/v1')).status, 404);
});
