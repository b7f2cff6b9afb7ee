/** More names for what is copied: what may be one is said while planning, before anything is written. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';
import { copy, diffIds, readAll, writeKinds } from './support.ts';

it('tags are tags, for a docker archive names too', async (t) => {
  const env = await testEnv(t);
  const { host } = await withRegistry(t);
  const layout = join(env.folder, 'layout');
  await writeKinds(layout);
  const from = `oci:${layout}:image`;
  const before = await readdir(env.folder);
  const refused: ReadonlyArray<readonly [string, string]> = [
    [`docker://${host}/app:1`, 'a b'],
    [`docker://${host}/app:1`, 'other:2'],
    [`docker://${host}/app:1`, `${host}/app`],
    [`oci:${env.folder}/o:1`, '../x y'],
    [`oci-archive:${env.folder}/o.tar:1`, '-'],
    [`docker-archive:${env.folder}/d.tar:app:1`, 'a b'],
    [`docker-archive:${env.folder}/d.tar:app:1`, 'example.com/app'],
    [`docker-archive:${env.folder}/d.tar`, '2'],
    [`dir:${env.folder}/d`, '2'],
  ];
  for (const [to, tag] of refused) {
    await assert.rejects(copy(env, from, to, 'all', 'keep', [tag]), { kind: 'usage' }, `${to} ${tag}`);
  }
  assert.deepEqual(await readdir(env.folder), before);
  await copy(env, from, `docker://${host}/app:1`, 'all', 'keep', ['2', `${host}/app:3`]);
  for (const tag of ['1', '2', '3']) await readAll(env, `docker://${host}/app:${tag}`);
  await copy(env, from, `docker-archive:${env.folder}/d.tar`, 'all', 'keep', ['example.com/app:2', 'app:3']);
  for (const name of ['example.com/app:2', 'app:3']) await diffIds(env, `docker-archive:${env.folder}/d.tar:${name}`);
  await copy(env, `oci:${layout}:list`, `docker-archive:${env.folder}/l.tar:app:1`, 'all', 'keep', ['x', 'b/c:y', 'z']);
  for (const name of ['app:1', 'app:x', 'b/c:y', 'app:z']) {
    await diffIds(env, `docker-archive:${env.folder}/l.tar:${name}-linux-amd64`);
  }
});
