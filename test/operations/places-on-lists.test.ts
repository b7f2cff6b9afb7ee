/** An image of any transport goes on a list with a place where it is found at the time of the push, or not at all. */
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { addInstances } from '../../src/operations/add-instances.ts';
import { createList } from '../../src/operations/create-list.ts';
import { pushList } from '../../src/operations/push-list.ts';
import { locate } from '../../src/transports/image-names.ts';
import { testEnv } from '../support/env.ts';
import { run } from '../support/peers.ts';
import { withRegistry } from '../support/registry.ts';
import { copy, diffIds, writeKinds } from '../transports/support.ts';

async function prepare(t: TestContext) {
  const env = await testEnv(t);
  const layout = join(env.folder, 'layout');
  const digests = await writeKinds(layout);
  const from = `oci:${layout}:image`;
  // as somebody types them who stands somewhere
  const at = (name: string): string => relative(process.cwd(), join(env.folder, name));
  const list = await createList(env, { name: 'l', images: [], taking: { one: {} }, annotations: {}, ifExists: 'fail' });
  const add = (name: string, more: object = {}) =>
    addInstances({ ...env, ...more }, { list: list.id, images: [locate(name)], taking: { one: {} }, changes: {} });
  const push = () =>
    pushList(env, {
      list: list.id,
      destination: locate(`oci:${env.folder}/pushed:one`),
      select: 'all',
      unselected: 'keep',
      tags: [],
      require: [],
      dryRun: false,
    });
  return { env, layout, digests, from, at, add, push };
}

const places: ReadonlyArray<readonly [string, (at: (name: string) => string) => string]> = [
  ['oci', (at) => `oci:${at('o')}:one`],
  ['oci-archive', (at) => `oci-archive:${at('o.tar')}:one`],
  ['oci-archive, compressed', (at) => `oci-archive:${at('o.tar')}:one`],
  ['dir', (at) => `dir:${at('d')}`],
  ['docker-archive', (at) => `docker-archive:${at('d.tar')}:app:1`],
  ['docker-archive, compressed', (at) => `docker-archive:${at('d.tar')}:app:1`],
];

describe('places on lists', () => {
  for (const [name, placeOf] of places) {
    it(name, async (t) => {
      const { env, from, at, add, push } = await prepare(t);
      let place = placeOf(at);
      await copy(env, from, place);
      if (name.endsWith('compressed')) {
        const [transport = '', file = '', ...rest] = place.split(':');
        await writeFile(`${file}.gz`, gzipSync(await readFile(file)));
        await rm(file);
        place = [transport, `${file}.gz`, ...rest].join(':');
      }
      const { record, added } = await add(place);
      const [entry] = added;
      assert.ok(entry);
      const [transport] = place.split(':');
      for (const told of record.locations[entry.digest] ?? []) {
        assert.ok(told.startsWith(`${transport}:${env.folder}/`), told);
        assert.ok(told.endsWith(`@${entry.digest}`), told);
      }
      const { result } = await push();
      assert.equal(result?.copied, 3);
      assert.deepEqual(
        await diffIds(env, `oci:${env.folder}/pushed@${entry.digest}`).catch(() => 'converted'),
        transport === 'docker-archive' ? 'converted' : await diffIds(env, from),
      );
    });
  }

  it('a registry is named by digest, whatever becomes of the tag', async (t) => {
    const { env, from, layout, add, push, digests } = await prepare(t);
    const { host } = await withRegistry(t);
    await copy(env, from, `docker://${host}/app:1`);
    const { record } = await add(`docker://${host}/app:1`);
    assert.deepEqual(record.locations[digests.image], [`docker://${host}/app@${digests.image}`]);
    await copy(env, `oci:${layout}:arm64`, `docker://${host}/app:1`);
    await push();
    assert.deepEqual(await diffIds(env, `oci:${env.folder}/pushed@${digests.image}`), await diffIds(env, from));
  });

  it('what does not come again is refused, under every name that it has', async (t) => {
    const { env, from, add } = await prepare(t);
    const file = join(env.folder, 'o.tar');
    await copy(env, from, `oci-archive:${file}:one`);
    await assert.rejects(add('oci-archive:-:one', { standardInput: () => createReadStream(file) }), {
      code: 'LOCATION_NOT_STABLE',
    });
    const pipe = join(env.folder, 'pipe');
    assert.equal((await run('mkfifo', [pipe])).code, 0);
    const writing = run('cp', [file, pipe]);
    await assert.rejects(add(`oci-archive:${pipe}:one`), { code: 'LOCATION_NOT_STABLE' });
    await writing;
  });

  it('a place that has gone is named at the time of the push', async (t) => {
    const { env, from, at, add, push } = await prepare(t);
    await copy(env, from, `dir:${at('d')}`);
    await add(`dir:${at('d')}`);
    await rm(join(env.folder, 'd'), { recursive: true });
    await assert.rejects(push(), { code: 'INSTANCE_GONE' });
  });

  it('are asked for a manifest that is damaged in the local store, which is told', async (t) => {
    const { env, from, digests, layout, add, push } = await prepare(t);
    await add(from);
    const { content } = env.store();
    assert.ok(await content.has(digests.image));
    await appendFile(content.path(digests.image), 'x');
    const { result } = await push();
    assert.equal(result?.copied, 3);
    const told = env.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    assert.match(told.join('\n'), new RegExp(`${digests.image} is damaged in the local store`));
    await rm(layout, { recursive: true });
    await rm(join(env.folder, 'pushed'), { recursive: true });
    await assert.rejects(push(), { code: 'INSTANCE_GONE' });
  });
});
