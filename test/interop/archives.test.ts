/** docker-archive: and the peers, and what crane knows of layouts. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { blobOf, fixtureImage, fixtureIndex, writeFixtureLayout } from '../../fixtures/images.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { testEnv } from '../support/env.ts';
import { isolatedPeers, run, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { withRegistry } from '../support/registry.ts';
import { configDigest, copy, diffIds, kinds, manifestOf, readAll, writeKinds } from '../transports/support.ts';

async function prepare(t: TestContext) {
  const peers = await isolatedPeers(t);
  const env = await testEnv(t);
  const layout = join(peers.folder, 'layout');
  const digests = await writeKinds(layout);
  return { peers, env, layout, digests, folder: peers.folder };
}

describe('docker-archive: and the peers', { skip: skipWithout('skopeo', 'podman', 'crane') }, () => {
  it('the archive is that of skopeo, entry by entry', async (t) => {
    const { peers, env, layout, folder } = await prepare(t);
    for (const kind of ['image', 'zstd', 'arm64']) {
      await copy(env, `oci:${layout}:${kind}`, `docker-archive:${folder}/ours-${kind}.tar:app:1.0`);
      await peers.ok('skopeo', [
        'copy',
        '-q',
        `oci:${layout}:${kind}`,
        `docker-archive:${folder}/theirs-${kind}.tar:app:1.0`,
      ]);
      const listing = async (who: string) => (await run('tar', ['tvf', `${folder}/${who}-${kind}.tar`])).stdout;
      assert.equal(await listing('ours'), await listing('theirs'));
      const content = async (who: string) => (await run('tar', ['xOf', `${folder}/${who}-${kind}.tar`])).stdout;
      assert.equal(await content('ours'), await content('theirs'));
    }
  });

  it('the folders of old are those of skopeo, however the config is written', async (t) => {
    const { peers, env, folder } = await prepare(t);
    const image = await fixtureImage({
      platform: { os: 'linux', architecture: 'amd64' },
      layers: [{ a: 'a' }, { b: 'b' }],
    });
    const { rootfs } = JSON.parse(Buffer.from(image.config.bytes).toString()) as { rootfs: unknown };
    const text = `{ "architecture" : "amd64", "os": "linux",
      "config": {"Labels": {"10": "ten", "2": "<two> & \\u2028 \u2029 \\"q\\"", "1": "\\u003c"}, "Cmd": [ ], "Memory": 12345678901234567890},
      "docker_version": "1.0e+2", "created":"2026-01-01T00:00:00Z", "container_config": {},
      "history": [], "rootfs": ${JSON.stringify(rootfs)} }`;
    const config = blobOf(image.config.mediaType, Buffer.from(text));
    await writeFixtureLayout(`${folder}/odd`, {
      odd: { ...image, config, manifest: manifestOf(config, image.layers) },
    });
    await copy(env, `oci:${folder}/odd`, `docker-archive:${folder}/ours.tar`);
    await peers.ok('skopeo', ['copy', '-q', `oci:${folder}/odd`, `docker-archive:${folder}/theirs.tar`]);
    const content = async (who: string) => (await run('tar', ['xOf', `${folder}/${who}.tar`])).stdout;
    assert.equal(await content('ours'), await content('theirs'));
    const listing = async (who: string) => (await run('tar', ['tvf', `${folder}/${who}.tar`])).stdout;
    assert.equal(await listing('ours'), await listing('theirs'));
  });

  it('names, tags and odd layers are those of skopeo, too', async (t) => {
    const { peers, env, folder } = await prepare(t);
    const tar = (files: Record<string, string>) =>
      fixtureImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [files] });
    const [one, other] = [await tar({ 'ünï/文件': 'a' }), await tar({ b: 'b' })];
    const [a] = one.layers;
    const [b] = other.layers;
    assert.ok(a && b);
    const empty = blobOf(a.mediaType, gzipSync(Buffer.alloc(1024)));
    // a layer twice, one without files, labels and authors that are not ASCII
    const layers = [a, empty, b, a, empty];
    const config = blobOf(
      one.config.mediaType,
      Buffer.from(
        JSON.stringify({
          architecture: 'amd64',
          os: 'linux',
          author: 'Zoë <zoe@example.com>',
          config: { Labels: { größe: '„groß“ \u{1f600}' }, Env: ['PATH=/bin'] },
          rootfs: { type: 'layers', diff_ids: layers.map(({ bytes }) => digestOf(gunzipSync(bytes))) },
        }),
      ),
    );
    await writeFixtureLayout(`${folder}/odd`, {
      odd: { ...one, config, layers, manifest: manifestOf(config, layers) },
    });
    for (const [at, name, ...tags] of [
      ['0', ''],
      ['1', ':localhost:5000/a/b_c.d'],
      ['2', ':app:1.0', 'app:2.0', 'localhost:5000/other:1'],
      ['3', '', 'example.com/app:2.0'],
    ] as const) {
      const [ours, theirs] = [`${folder}/ours-${at}.tar`, `${folder}/theirs-${at}.tar`];
      await copy(env, `oci:${folder}/odd`, `docker-archive:${ours}${name}`, 'all', 'keep', tags);
      const more = tags.flatMap((tag) => ['--additional-tag', tag]);
      await peers.ok('skopeo', ['copy', '-q', ...more, `oci:${folder}/odd`, `docker-archive:${theirs}${name}`]);
      for (const flags of ['tvf', 'xOf']) {
        const output = async (file: string) => (await run('tar', [flags, file])).stdout;
        assert.equal(await output(ours), await output(theirs));
      }
    }
  });

  it('several images in one archive are as podman writes them, and load', async (t) => {
    const { peers, env, folder } = await prepare(t);
    const platforms = [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64', variant: 'v8' },
    ] as const;
    const shared = { 'etc/shared': 'in both' };
    const images = await Promise.all(
      platforms.map((platform) => fixtureImage({ platform, layers: [shared, { own: platform.architecture }] })),
    );
    const [amd64, arm64] = images;
    assert.ok(amd64 && arm64);
    await writeFixtureLayout(`${folder}/two`, { amd64, arm64 }, { list: fixtureIndex(images) });
    await copy(env, `oci:${folder}/two:list`, `docker-archive:${folder}/ours.tar:app:1.0`);
    const names = ['docker.io/library/app:1.0-linux-amd64', 'docker.io/library/app:1.0-linux-arm64-v8'];
    for (const [at, name] of names.entries()) {
      const id = (await peers.ok('podman', ['pull', '-q', `oci:${folder}/two:${at === 0 ? 'amd64' : 'arm64'}`])).trim();
      await peers.ok('podman', ['tag', id, name]);
    }
    await peers.ok('podman', ['save', '-q', '-m', '-o', `${folder}/theirs.tar`, ...names]);
    const text = async (who: string, ...entries: string[]) =>
      (await run('tar', ['xOf', `${folder}/${who}.tar`, ...entries])).stdout;
    const listing = async (who: string) => (await run('tar', ['tvf', `${folder}/${who}.tar`])).stdout.split('\n');
    assert.deepEqual((await listing('ours')).sort(), (await listing('theirs')).sort());
    for (const file of ['manifest.json', 'repositories'])
      assert.equal(await text('ours', file), await text('theirs', file));
    await peers.ok('podman', ['rmi', '-a', '-f']);
    const loaded = await peers.ok('podman', ['load', '-q', '-i', `${folder}/ours.tar`]);
    for (const name of names) assert.ok(loaded.includes(name), loaded);
    for (const [at, kind] of ['amd64', 'arm64'].entries()) {
      await peers.ok('skopeo', [
        'copy',
        '-q',
        `docker-archive:${folder}/ours.tar:${names[at]}`,
        `dir:${folder}/d${at}`,
      ]);
      await peers.ok('crane', ['validate', '--tarball', `${folder}/ours.tar`]).catch((thrown: unknown) => {
        // crane wants to be told which image it is, and cannot be
        assert.match(String(thrown), /tag|single/);
      });
      const name = `docker-archive:${folder}/theirs.tar:${names[at]}`;
      assert.deepEqual(await diffIds(env, name), await diffIds(env, `oci:${folder}/two:${kind}`));
    }
  });

  it('podman, skopeo and crane accept the archive', async (t) => {
    const { peers, env, layout, folder } = await prepare(t);
    await copy(env, `oci:${layout}:image`, `docker-archive:${folder}/a.tar:example.com/team/app:1.0`);
    const loaded = await peers.ok('podman', ['load', '-q', '-i', `${folder}/a.tar`]);
    assert.match(loaded, /example\.com\/team\/app:1\.0/);
    await peers.ok('skopeo', [
      'copy',
      '-q',
      `docker-archive:${folder}/a.tar:example.com/team/app:1.0`,
      `dir:${folder}/d`,
    ]);
    await peers.ok('crane', ['validate', '--tarball', `${folder}/a.tar`]);
    assert.deepEqual(await diffIds(env, `docker-archive:${folder}/a.tar`), await diffIds(env, `oci:${layout}:image`));
  });

  it('reads the archives of podman, skopeo and crane', async (t) => {
    const { peers, env, layout, folder } = await prepare(t);
    const expected = await diffIds(env, `oci:${layout}:image`);
    const config = await configDigest(env, `oci:${layout}:image`);
    const registry = await withRegistry(t, { port: await leasePort(t) });
    await copy(env, `oci:${layout}:image`, `docker://${registry.host}/app:1`);
    await peers.ok('podman', ['pull', '-q', '--tls-verify=false', `${registry.host}/app:1`]);
    await peers.ok('podman', ['save', '-q', '-o', `${folder}/podman.tar`, `${registry.host}/app:1`]);
    await peers.ok('skopeo', ['copy', '-q', `oci:${layout}:image`, `docker-archive:${folder}/skopeo.tar:app:1`]);
    await peers.ok('crane', ['pull', '--insecure', `${registry.host}/app:1`, `${folder}/crane.tar`]);
    await peers.ok('crane', [
      'pull',
      '--insecure',
      '--format=legacy',
      `${registry.host}/app:1`,
      `${folder}/crane-legacy.tar`,
    ]);
    for (const file of ['podman', 'skopeo', 'crane', 'crane-legacy']) {
      const name = `docker-archive:${folder}/${file}.tar`;
      await readAll(env, name);
      assert.deepEqual(await diffIds(env, name), expected, file);
      assert.equal(await configDigest(env, name), config, file);
    }
    // crane keeps layers compressed, and they are passed on like that
    assert.deepEqual((await readAll(env, `docker-archive:${folder}/crane.tar`)).length, 4);
  });
});

describe('crane and layouts', { skip: skipWithout('crane') }, () => {
  it('crane pushes each kind from the layout that sheaf wrote, as it is', async (t) => {
    const { peers, env, layout, digests, folder } = await prepare(t);
    const registry = await withRegistry(t, { port: await leasePort(t) });
    for (const kind of kinds) {
      await copy(env, `oci:${layout}:${kind}`, `oci:${folder}/${kind}`);
      await peers.ok('crane', ['push', '--insecure', `${folder}/${kind}`, `${registry.host}/app:${kind}`]);
      assert.equal(
        (await peers.ok('crane', ['digest', '--insecure', `${registry.host}/app:${kind}`])).trim(),
        digests[kind],
      );
      assert.deepEqual(
        await readAll(env, `docker://${registry.host}/app:${kind}`),
        await readAll(env, `oci:${layout}:${kind}`),
      );
    }
  });

  it('crane pushes the layout that sheaf wrote, and sheaf reads the one that crane pulled', async (t) => {
    const { peers, env, layout, digests, folder } = await prepare(t);
    const registry = await withRegistry(t, { port: await leasePort(t) });
    await copy(env, `oci:${layout}:list`, `oci:${folder}/ours`);
    await peers.ok('crane', ['push', '--insecure', '--index', `${folder}/ours`, `${registry.host}/app:all`]);
    await copy(env, `oci:${layout}:list`, `docker://${registry.host}/app:list`);
    await peers.ok('crane', ['pull', '--insecure', '--format=oci', `${registry.host}/app:list`, `${folder}/theirs`]);
    assert.equal((await copy(env, `oci:${folder}/theirs`, `oci:${folder}/check`)).digest, digests.list);
    assert.deepEqual(await readAll(env, `oci:${folder}/check`), await readAll(env, `oci:${layout}:list`));
  });
});
