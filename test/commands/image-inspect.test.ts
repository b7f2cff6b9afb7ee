/** `image inspect`: what a person reads, what a program reads, and that skopeo says the same. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { fixtureImage, writeFixtureLayout } from '../../fixtures/images.ts';
import { imageDocument, renderImage } from '../../src/cli/render/image.ts';
import type { PlatformChoice } from '../../src/oci/platform.ts';
import { describeImage } from '../../src/operations/describe-image.ts';
import { locate } from '../../src/transports/image-names.ts';
import { sheafIn } from '../interop/tools.ts';
import { testEnv } from '../support/env.ts';
import { testFolder } from '../support/folders.ts';
import { findPeer, run, skipWithout } from '../support/peers.ts';
import { withRegistry } from '../support/registry.ts';
import { content, descriptor, pushBlob, pushManifest, type SeededContent, seedImage, types } from '../support/seed.ts';

const settings = {
  User: '1000:1000',
  Env: ['PATH=/usr/bin', 'LANG=C.UTF-8'],
  Entrypoint: ['/bin/app', '--serve'],
  Cmd: ['now'],
  WorkingDir: '/srv',
  ExposedPorts: { '8080/tcp': {} },
  Volumes: { '/data': {} },
  StopSignal: 'SIGINT',
  Labels: { 'org.opencontainers.image.title': 'app', 'evil\u001b[2J': 'a\u0007b' },
};

/** An index of a rich image for amd64, a plain one for arm64, and an attestation of the first. */
async function scene(t: TestContext) {
  const registry = await withRegistry(t);
  const layer = content(types.layer, gzipSync('x'.repeat(5000)));
  const config = content(types.config, {
    created: '2026-01-02T03:04:05Z',
    author: 'me',
    architecture: 'amd64',
    os: 'linux',
    config: settings,
    rootfs: { type: 'layers', diff_ids: [content('', 'x'.repeat(5000)).digest] },
    history: [{ created: '2026-01-02T03:04:05Z', created_by: 'test' }],
  });
  for (const blob of [layer, config]) await pushBlob(registry, 'app', blob);
  const rich = await pushManifest(
    registry,
    'app',
    content(types.manifest, {
      schemaVersion: 2,
      mediaType: types.manifest,
      config: descriptor(config),
      layers: [descriptor(layer)],
      annotations: { note: 'this' },
    }),
    'rich',
  );
  const plain = await seedImage(registry, 'app', { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } });
  const attestation = await seedImage(registry, 'app', { platform: { os: 'unknown', architecture: 'unknown' } });
  const entry = (of: SeededContent, more: object): object => ({ ...descriptor(of), ...more });
  const index = await pushManifest(
    registry,
    'app',
    content(types.index, {
      schemaVersion: 2,
      mediaType: types.index,
      manifests: [
        entry(rich, { platform: { os: 'linux', architecture: 'amd64' } }),
        entry(plain, { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }),
        entry(attestation, {
          platform: { os: 'unknown', architecture: 'unknown' },
          annotations: {
            'vnd.docker.reference.type': 'attestation-manifest',
            'vnd.docker.reference.digest': rich.digest,
          },
        }),
      ],
    }),
    'multi',
  );
  const name = (tag: string): string => `docker://${registry.host}/app:${tag}`;
  const env = await testEnv(t);
  const describe = (tag: string, choice?: PlatformChoice) => describeImage(env, locate(name(tag)), choice);
  return { registry, layer, config, rich, plain, index, name, describe };
}

test('the summary of an image', async (t) => {
  const { describe, rich, layer, config } = await scene(t);
  const lines = renderImage(await describe('rich'), { title: 'app:rich', repository: undefined, tags: ['a', 'b'] });
  const size = layer.size + config.size;
  assert.deepEqual(lines, [
    'Name:         app:rich',
    `Digest:       ${rich.digest}`,
    'Type:         application/vnd.oci.image.manifest.v1+json',
    'Created:      2026-01-02T03:04:05Z',
    'Author:       me',
    'Platform:     linux/amd64',
    'Entrypoint:   ["/bin/app","--serve"]',
    'Command:      ["now"]',
    'User:         1000:1000',
    'Directory:    /srv',
    'Ports:        8080/tcp',
    'Volumes:      /data',
    'Stop signal:  SIGINT',
    `Size:         ${size} B in 1 layer`,
    `Config:       ${config.digest}  ${config.size} B`,
    'Layers:',
    `  ${layer.digest}  ${`${layer.size} B`.padStart(8)}  ${types.layer}`,
    'Environment:',
    '  PATH=/usr/bin',
    '  LANG=C.UTF-8',
    'Labels:',
    '  org.opencontainers.image.title=app',
    // nothing of an image reaches the terminal as a command
    '  evil [2J=a b',
    'Annotations:',
    '  note=this',
    'Tags:',
    '  a',
    '  b',
  ]);
});

test('the summary of an index is a table of its platforms', async (t) => {
  const { describe, rich, plain, index } = await scene(t);
  const lines = renderImage(await describe('multi'), { title: 'app:multi', repository: undefined, tags: undefined });
  assert.deepEqual(lines.slice(0, 3), [
    'Name:         app:multi',
    `Digest:       ${index.digest}`,
    'Type:         application/vnd.oci.image.index.v1+json',
  ]);
  assert.match(lines[3] ?? '', /^ {2}PLATFORM +DIGEST +MANIFEST$/);
  assert.match(lines[4] ?? '', new RegExp(`^ {2}linux/amd64 +${rich.digest} +${rich.size} B +attested$`));
  assert.match(lines[5] ?? '', new RegExp(`^ {2}linux/arm64/v8 +${plain.digest} +${plain.size} B$`));
  assert.equal(lines.length, 6);
});

test('one image of an index: chosen by platform, with the index that it is from', async (t) => {
  const { describe, plain, index } = await scene(t);
  const described = await describe('multi', { architecture: 'arm64' });
  assert.equal(described.manifest.digest, plain.digest);
  const document = imageDocument(described, { title: '', repository: 'r/app', tags: undefined }) as Record<
    string,
    unknown
  >;
  assert.equal(document['Index'], index.digest);
  assert.deepEqual([document['Name'], document['Architecture'], document['Variant']], ['r/app', 'arm64', 'v8']);
});

test('a config that is damaged or lies about its types is an error or is left away', async (t) => {
  const { registry, describe } = await scene(t);
  const odd = content(types.config, {
    architecture: 'amd64',
    os: 'linux',
    created: 7,
    config: { Env: 'x', Labels: [1] },
  });
  const bad = content(types.config, '{');
  for (const [tag, config] of [
    ['odd', odd],
    ['bad', bad],
  ] as const) {
    await pushBlob(registry, 'app', config);
    const manifest = { schemaVersion: 2, mediaType: types.manifest, config: descriptor(config), layers: [] };
    await pushManifest(registry, 'app', content(types.manifest, manifest), tag);
  }
  const lines = renderImage(await describe('odd'), { title: 'odd', repository: undefined, tags: undefined });
  assert.ok(!lines.some((line) => /^(Created|Environment|Labels)/.test(line)));
  await assert.rejects(describe('bad'), { code: 'MALFORMED_JSON' });
});

test('documents byte for byte: the manifest, the config, of one image of an index', async (t) => {
  const { rich, plain, index, config, name } = await scene(t);
  const sheaf = sheafIn(await testFolder(t));
  const inspect = (...args: string[]): Promise<string> => sheaf.ok('image', 'inspect', '--tls-verify=false', ...args);
  assert.equal(await inspect('--raw', name('multi')), index.bytes.toString());
  assert.equal(await inspect('--raw', '--platform', 'linux/arm64', name('multi')), plain.bytes.toString());
  assert.equal(await inspect('--raw', '--config', '--override-arch=amd64', name('multi')), config.bytes.toString());
  assert.deepEqual(JSON.parse(await inspect('--config', name('rich'))), JSON.parse(config.bytes.toString()));
  assert.match(
    await inspect('--list-tags', name('rich')),
    new RegExp(`${rich.digest}[^]*\nTags:\n {2}multi\n {2}rich$`),
  );
});

test('only repositories of registries have lists of tags', async (t) => {
  const folder = await testFolder(t);
  await writeFixtureLayout(`${folder}/layout`, {
    a: await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } }),
  });
  const image = `oci:${folder}/layout:a`;
  const { stdout, stderr } = await sheafIn(folder).run('image', 'inspect', '--json', '--list-tags', image);
  assert.deepEqual((JSON.parse(stdout) as { RepoTags: string[] }).RepoTags, []);
  assert.match(stderr, /Warning: oci:.* is not in a registry, and has no list of tags/);
});

test('skopeo inspect says the same under the same names', { skip: skipWithout('skopeo') }, async (t) => {
  const { name } = await scene(t);
  const sheaf = sheafIn(await testFolder(t));
  const ours = JSON.parse(
    await sheaf.ok('image', 'inspect', '--tls-verify=false', '--json', '--list-tags', name('rich')),
  ) as Record<string, unknown>;
  const ran = await run(findPeer('skopeo') ?? 'skopeo', ['inspect', '--tls-verify=false', name('rich')]);
  assert.equal(ran.code, 0, ran.stderr);
  const theirs = JSON.parse(ran.stdout) as Record<string, unknown>;
  assert.deepEqual(Object.fromEntries(Object.keys(theirs).map((key) => [key, ours[key]])), theirs);
});
