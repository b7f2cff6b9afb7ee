/** Layouts whose blobs are in a folder that several share. */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { addInstances } from '../../src/operations/add-instances.ts';
import { createList } from '../../src/operations/create-list.ts';
import { pushList } from '../../src/operations/push-list.ts';
import { locate } from '../../src/transports/image-names.ts';
import { testEnv } from '../support/env.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { copy, kinds, readAll, writeKinds } from './support.ts';

async function prepare(t: TestContext, folder?: string) {
  const env = await testEnv(t, folder === undefined ? {} : { folder });
  const layout = join(env.folder, 'layout');
  const digests = await writeKinds(layout);
  const blobs = join(env.folder, 'blobs');
  return { env, layout, digests, blobs, sharing: { ...env, places: { sharedBlobDir: blobs } } };
}

describe('blobs that layouts share', () => {
  it('are written once and found by all, by setting and by name', async (t) => {
    const { env, layout, digests, blobs, sharing } = await prepare(t);
    const [a, b] = [join(env.folder, 'a'), join(env.folder, 'b')];
    await copy(env, `oci:${layout}:zstd-list`, `oci:[${blobs}]${a}:one`);
    const before = await readdir(join(blobs, 'sha256'));
    await copy(env, `oci:${layout}:image`, `oci:[${blobs}]${b}:two`);
    assert.deepEqual(await readdir(join(blobs, 'sha256')), before);
    for (const folder of [a, b]) assert.deepEqual(await readdir(join(folder, 'blobs')), []);
    assert.deepEqual((await readdir(a)).sort(), ['blobs', 'index.json', 'oci-layout']);
    assert.deepEqual((await readdir(blobs)).sort(), ['.shared', 'sha256']);
    assert.deepEqual(await readAll(sharing, `oci:${a}:one`), await readAll(env, `oci:${layout}:zstd-list`));
    assert.deepEqual(
      await readAll(env, `oci:[${blobs}]${b}@${digests.image}`),
      await readAll(env, `oci:${layout}:image`),
    );
    await assert.rejects(readAll(env, `oci:${a}:one`), { code: 'BLOB_NOT_FOUND' });
    for (const rest of ['', ':one', ':@1', `@${digests.image}`]) {
      const name = `oci:[${blobs}]${a}${rest}`;
      assert.equal(locate(name).format(), name);
    }
    // a folder with such a name is a folder
    assert.equal(locate('oci:[x]y:one').format(), `oci:${process.cwd()}/[x]y:one`);
  });

  it('are found at the time of the push, whatever is set then', async (t) => {
    const { env, layout, digests, blobs, sharing } = await prepare(t);
    const a = join(env.folder, 'a');
    await copy(env, `oci:${layout}:list`, `oci:[${blobs}]${a}:one`);
    const list = await createList(env, {
      name: 'l',
      images: [],
      taking: { one: {} },
      annotations: {},
      ifExists: 'fail',
    });
    const { record } = await addInstances(sharing, {
      list: list.id,
      images: [locate(`oci:${a}:one`)],
      taking: 'all',
      changes: {},
    });
    for (const [digest, places] of Object.entries(record.locations)) {
      assert.deepEqual(places, [`oci:[${blobs}]${a}@${digest}`]);
    }
    const others = join(env.folder, 'others');
    const pushed = await pushList(
      { ...env, places: { sharedBlobDir: others } },
      {
        list: list.id,
        destination: locate(`oci:${env.folder}/c:one`),
        select: 'all',
        unselected: 'keep',
        tags: [],
        require: [],
        dryRun: false,
      },
    );
    assert.equal(pushed.result?.root.digest, digests.list);
    assert.deepEqual(
      await readAll(env, `oci:[${others}]${env.folder}/c:one`),
      await readAll(env, `oci:${layout}:list`),
    );
  });

  it('stay when a writer leaves things behind, and its leavings go', async (t) => {
    const { env, layout, blobs } = await prepare(t);
    const name = `oci:[${blobs}]${env.folder}/a:one`;
    await copy(env, `oci:${layout}:list`, name);
    const [blob = ''] = await readdir(join(blobs, 'sha256'));
    const bytes = await readFile(join(blobs, 'sha256', blob));
    const dead = '00000000-4194303-00000000-0000-4000-8000-000000000000.tmp';
    const { currentOwner } = await import('../../src/foundation/owner.ts');
    const left = dead.replace('00000000', currentOwner().host);
    await writeFile(join(blobs, `.blob.${left}`), bytes.subarray(0, 3));
    await writeFile(join(blobs, 'sha256', `${blob}.${left}`), bytes.subarray(0, 3));
    await writeFile(join(blobs, `.blob.${dead.replace('00000000', 'ffffffff')}`), 'of another machine');
    await copy(env, `oci:${layout}:artifact`, name);
    assert.deepEqual(
      (await readdir(blobs)).sort(),
      [`.blob.${dead.replace('00000000', 'ffffffff')}`, '.shared', 'sha256'].sort(),
    );
    for (const file of await readdir(join(blobs, 'sha256'))) assert.match(file, /^[0-9a-f]{64}$/);
  });
});

describe('shared blobs and skopeo', { skip: skipWithout('skopeo') }, () => {
  it('each reads what the other wrote, of each kind', async (t) => {
    const peers = await isolatedPeers(t);
    const { env, layout, digests } = await prepare(t, peers.folder);
    const [ours, theirs] = [join(peers.folder, 'ours'), join(peers.folder, 'theirs')];
    for (const kind of kinds) {
      await copy(env, `oci:${layout}:${kind}`, `oci:[${ours}]${peers.folder}/a:${kind}`);
      const skopeo = (from: string, to: string, flag: string) =>
        peers.ok('skopeo', ['copy', '-q', '--all', '--preserve-digests', ...flag.split(' '), from, to]);
      await skopeo(
        `oci:${peers.folder}/a:${kind}`,
        `oci:${peers.folder}/b:${kind}`,
        `--src-shared-blob-dir ${ours} --dest-shared-blob-dir ${theirs}`,
      );
      const back = await copy(env, `oci:[${theirs}]${peers.folder}/b:${kind}`, `oci:${peers.folder}/c:${kind}`);
      assert.equal(back.digest, digests[kind]);
    }
    assert.deepEqual((await readdir(join(ours, 'sha256'))).sort(), (await readdir(join(theirs, 'sha256'))).sort());
  });
});
