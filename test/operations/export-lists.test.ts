/** Lists handed over in one layout or archive: every byte of them, under their names, whatever becomes of other lists. */
import assert from 'node:assert/strict';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { fixtureImage, fixtureIndex, pushFixtureImage, pushFixtureManifest } from '../../fixtures/images.ts';
import { CancelledError, NotFoundError, StorageError, UsageError } from '../../src/foundation/errors.ts';
import { createSession } from '../../src/foundation/session.ts';
import { createList } from '../../src/operations/create-list.ts';
import { type ExportListsRequest, exportLists } from '../../src/operations/export-lists.ts';
import { locate } from '../../src/transports/image-names.ts';
import { addFile } from '../support/artifacts.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';
import { readAll, writeKinds } from '../transports/support.ts';

const remote = 'quay.io/me/remote:1.0';
const local = 'localhost/local:latest';
const artifact = 'localhost/artifact:latest';

/** Lists of images in a registry, of images in a layout (under two names), and of an artifact that only the store has. */
async function scene(t: TestContext) {
  const env = await testEnv(t);
  const registry = await withRegistry(t);
  const images = await Promise.all(
    ['amd64', 'arm64'].map((architecture) => fixtureImage({ platform: { os: 'linux', architecture } })),
  );
  for (const image of images) await pushFixtureImage(registry.url, 'a/b', image);
  await pushFixtureManifest(registry.url, 'a/b', fixtureIndex(images), 'all');
  const layout = join(env.folder, 'layout');
  await writeKinds(layout);
  const make = (name: string, image?: string) =>
    createList(env, {
      name,
      images: image === undefined ? [] : [locate(image)],
      taking: 'all',
      annotations: {},
      ifExists: 'fail',
    });
  await make(remote, `docker://${registry.host}/a/b:all`);
  await make(local, `oci:${layout}:zstd-list`);
  env.store().lists.tag(local, 'quay.io/me/local:2.0');
  await make(artifact);
  await writeFile(join(env.folder, 'file'), 'text');
  await addFile(env, artifact, join(env.folder, 'file'));
  const to = join(env.folder, 'to');
  return { env, registry, layout, folder: `oci:${to}`, to, archive: `oci-archive:${to}.tar` };
}

const run = (env: TestEnv, destination: string, more: Partial<ExportListsRequest> = {}) =>
  exportLists(env, { destination, lists: [], offline: false, dryRun: false, ...more });

const everything = [remote, local, 'quay.io/me/local:2.0', artifact];

/** What `name` of the destination leads to is what the list leads to. */
async function requireSame(env: TestEnv, destination: string, name: string): Promise<void> {
  assert.deepEqual(await readAll(env, `${destination}:${name}`), await readAll(env, `store:${name}`), name);
}

describe('lists are exported', () => {
  for (const kind of ['folder', 'archive'] as const) {
    it(`to ${kind === 'folder' ? 'a folder' : 'an archive'}: all of them with all that they name, fetched where it is elsewhere`, async (t) => {
      const { env, layout, ...places } = await scene(t);
      const destination = places[kind];
      const { lists, failed } = await run(env, destination);
      assert.deepEqual(failed, []);
      assert.deepEqual(
        lists.flatMap(({ names }) => names),
        everything,
      );
      for (const name of everything) await requireSame(env, destination, name);
      const expected = new Set((await Promise.all(everything.map((name) => readAll(env, `store:${name}`)))).flat());

      // and once more, when that is all there is
      await places.registry.close();
      await rm(layout, { recursive: true });
      env.store().lists.remove(artifact);
      const found = await Promise.all(everything.map((name) => readAll(env, `${destination}:${name}`)));
      assert.deepEqual(new Set(found.flat()), expected);
    });
  }

  it('once each, those that are named; to a folder they are added, an archive has them alone', async (t) => {
    const { env, folder, archive } = await scene(t);
    const { id } = env.store().lists.read(local);
    for (const destination of [folder, archive]) {
      assert.equal((await run(env, destination, { lists: [artifact] })).lists.length, 1);
      const { lists } = await run(env, destination, { lists: ['quay.io/me/local:2.0', id.slice(0, 12), local] });
      assert.deepEqual(
        lists.map((list) => [list.id, list.names]),
        [[id, [local, 'quay.io/me/local:2.0']]],
      );
      await requireSame(env, destination, 'quay.io/me/local:2.0');
    }
    await requireSame(env, folder, artifact);
    await assert.rejects(readAll(env, `${archive}:${artifact}`), /there is no image named/);
  });

  it('under its ID where a list has no name', async (t) => {
    const { env, folder } = await scene(t);
    const { id } = env.store().lists.read(remote);
    env.store().lists.tag(local, remote);
    const { lists } = await run(env, folder);
    assert.deepEqual(lists[0]?.names, [id]);
    await requireSame(env, folder, id);
  });

  it('blobs that are there are not written again, nor those of another list', async (t) => {
    const { env, layout, folder, archive } = await scene(t);
    await createList(env, {
      name: 'twin',
      images: [locate(`oci:${layout}:zstd-list`)],
      taking: 'all',
      annotations: { a: 'b' },
      ifExists: 'fail',
    });
    for (const destination of [folder, archive]) {
      const copied = async () =>
        Object.fromEntries(
          (await run(env, destination)).lists.map(({ names, copy }) => [names[0], copy.result?.copied]),
        );
      const first = await copied();
      assert.ok((first[local] ?? 0) > 0);
      assert.equal(first['localhost/twin:latest'], 0);
      assert.deepEqual(Object.values(await copied()), [0, 0, 0, 0]);
    }
  });

  it('as planned by a dry run, which writes nothing', async (t) => {
    const { env, folder, archive } = await scene(t);
    const before = await readdir(env.folder);
    for (const destination of [folder, archive]) {
      const planned = await run(env, destination, { dryRun: true });
      assert.deepEqual(await readdir(env.folder), before);
      assert.deepEqual(
        planned.lists.map(({ names, copy: { result, plan } }) => [names[0], result, plan.destination]),
        [remote, local, artifact].map((name) => [name, undefined, `${destination}:${name}`]),
      );
    }
  });

  it('to standard output', async (t) => {
    const { env, archive } = await scene(t);
    const stdout = new PassThrough();
    const written = buffer(stdout);
    await run({ ...env, standardOutput: () => stdout }, 'oci-archive:-');
    stdout.end();
    await writeFile(archive.slice('oci-archive:'.length), await written);
    for (const name of everything) await requireSame(env, archive, name);
  });
});

describe('a list that cannot be exported', () => {
  it('does not keep the others from it', async (t) => {
    const { env, registry, layout, folder, archive } = await scene(t);
    await rm(layout, { recursive: true });
    env.store().lists.create({ name: 'odd__name', index: env.store().lists.read(artifact).index });
    for (const destination of [folder, archive]) {
      const { lists, failed } = await run(env, destination);
      assert.deepEqual(
        failed.map(({ list, error }) => [list, error.code]),
        [
          [local, 'INSTANCE_GONE'],
          ['localhost/odd__name:latest', 'INVALID_IMAGE_NAME'],
        ],
      );
      assert.deepEqual(
        lists.map(({ names }) => names[0]),
        [remote, artifact],
      );
      for (const name of [remote, artifact]) await requireSame(env, destination, name);
    }
    await registry.close();
    const { lists, failed } = await run(env, `${folder}-2`, { lists: [remote, 'nothing', artifact] });
    assert.deepEqual(
      failed.map(({ list, error }) => [list, error.kind]),
      [
        [remote, 'registry'],
        ['nothing', 'not-found'],
      ],
    );
    assert.equal(lists.length, 1);
  });

  it('stays in the archive as it was there before', async (t) => {
    const { env, layout, archive } = await scene(t);
    await run(env, archive);
    const before = await readAll(env, `${archive}:${local}`);
    await rm(layout, { recursive: true });
    const { lists, failed } = await run(env, archive, { lists: [local, artifact] });
    assert.deepEqual([lists.length, failed.length], [1, 1]);
    for (const name of [local, 'quay.io/me/local:2.0']) {
      assert.deepEqual(await readAll(env, `${archive}:${name}`), before, name);
    }
    await requireSame(env, archive, artifact);
    await assert.rejects(readAll(env, `${archive}:${remote}`), NotFoundError);
  });

  it('leaves the archive of before where it is the only one', async (t) => {
    const { env, layout, archive } = await scene(t);
    await run(env, archive);
    await rm(layout, { recursive: true });
    const { failed } = await run(env, archive, { lists: [local] });
    assert.equal(failed.length, 1);
    await requireSame(env, archive, remote);
  });

  it('leaves nothing where it is the only one', async (t) => {
    const { env, archive, to } = await scene(t);
    const { failed } = await run(env, archive, { lists: ['nothing'] });
    assert.equal(failed[0]?.error.code, 'LIST_NOT_FOUND');
    await assert.rejects(stat(`${to}.tar`), { code: 'ENOENT' });
  });

  it('is told where nothing may be fetched, also beforehand', async (t) => {
    const { env, folder } = await scene(t);
    const requests: string[] = [];
    for (const dryRun of [true, false]) {
      env.events.length = 0;
      const { lists, failed } = await run(env, folder, { offline: true, dryRun });
      assert.deepEqual(
        lists.map(({ names }) => names[0]),
        [local, artifact],
      );
      const [{ list, error } = assert.fail(), ...others] = failed;
      assert.deepEqual([list, error.code, error.exitCode, others], [remote, 'NOT_KEPT', 3, []]);
      assert.match(error.hint ?? '', /--offline/);
      requests.push(...env.events.flatMap((event) => (event.type === 'request' ? [event.path] : [])));
    }
    assert.deepEqual(requests, []);
  });
});

describe('an export', () => {
  it('goes to a layout or an archive of one, and lists have their own names there', async (t) => {
    const { env, folder, archive } = await scene(t);
    for (const name of [
      'dir',
      'dir:x',
      'docker://r.example/a',
      'oci:',
      `${folder}:name`,
      `${archive}:name`,
      `${folder}:@1`,
    ]) {
      await assert.rejects(
        run(env, name),
        (thrown) => thrown instanceof UsageError && thrown.code === 'INVALID_DESTINATION',
        name,
      );
    }
  });

  it('ends where the destination fails, and when it is cancelled', async (t) => {
    const { env, to } = await scene(t);
    await writeFile(to, 'a file');
    await assert.rejects(run(env, `oci:${to}/x`), StorageError);
    const session = createSession({ signal: AbortSignal.abort() });
    await assert.rejects(run({ ...env, session }, `oci:${to}-2`), CancelledError);
  });

  it('of an empty store is empty', async (t) => {
    const env = await testEnv(t);
    assert.deepEqual(await run(env, `oci-archive:${env.folder}/a.tar`), { lists: [], failed: [] });
    assert.deepEqual(await readdir(env.folder), []);
  });
});
