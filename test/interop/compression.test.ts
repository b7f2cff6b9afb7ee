/** Lists whose layers are compressed on the way: the same lists as the peers make of the same images, and everybody reads them. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { decompress } from '../../src/compression/decompress.ts';
import { testFolder } from '../support/folders.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry } from '../support/registry.ts';
import { readManifest } from './compare.ts';
import { must, pushSources } from './sources.ts';
import { sheafIn } from './tools.ts';

const insecure = '--tls-verify=false';
const images = ['amd64', 'arm64', 's390x'];

interface Document {
  mediaType?: string;
  manifests: Array<{
    mediaType: string;
    digest: string;
    platform?: object;
    annotations?: Readonly<Record<string, string>>;
  }>;
}

interface Manifest {
  mediaType?: string;
  config: { mediaType: string; digest: string };
  layers: Array<{ mediaType: string; digest: string; annotations?: Readonly<Record<string, string>> }>;
}

/** All that must be the same whoever compressed: everything but digests and sizes of what was. */
async function shapeOf(host: string, repository: string): Promise<unknown> {
  const read = async (reference: string): Promise<Buffer> => {
    const found = await readManifest(host, repository, reference);
    assert.ok(found !== undefined, `${repository}:${reference} is not there`);
    return Buffer.from(found.bytes);
  };
  const index = JSON.parse((await read('1')).toString()) as Document;
  const manifests = await Promise.all(
    index.manifests.map(async ({ digest, mediaType, platform, annotations }) => {
      const manifest = JSON.parse((await read(digest)).toString()) as Manifest;
      const layers = manifest.layers.map((layer) => ({
        mediaType: layer.mediaType,
        // where a table of contents is differs with the bytes; that there is one does not
        annotations: Object.keys(layer.annotations ?? {}).sort(),
      }));
      return { mediaType, platform, annotations, own: manifest.mediaType, config: manifest.config, layers };
    }),
  );
  return { mediaType: index.mediaType, manifests };
}

const requests: ReadonlyArray<readonly [title: string, flags: readonly string[]]> = [
  ['zstd instances beside gzip ones', ['--add-compression', 'zstd']],
  ['gzip first, then zstd', ['--compression-format', 'gzip', '--add-compression', 'zstd']],
  ['zstd alone', ['--compression-format', 'zstd']],
  ['zstd with gzip beside it', ['--compression-format', 'zstd', '--add-compression', 'gzip']],
  ['zstd:chunked', ['--compression-format', 'zstd:chunked']],
  ['forced gzip', ['--compression-format', 'gzip', '--force-compression', '--compression-level', '9']],
];

test('lists with other compressions are those that buildah makes', {
  skip: skipWithout('registry', 'buildah'),
}, async (t) => {
  const registry = await realRegistry(t, { port: await leasePort(t) });
  await pushSources(registry.url);
  const sheaf = sheafIn(await testFolder(t));
  const peers = await isolatedPeers(t);
  const references = images.map((key) => `docker://${registry.host}/src/app:${key}`);
  await sheaf.ok('manifest', 'create', insecure, 'app', ...references);
  await peers.ok('buildah', ['manifest', 'create', insecure, 'localhost/app', ...references]);
  const pushedAlike = async (list: string, at: number, flags: readonly string[]): Promise<void> => {
    const to = `${list}${at}`;
    await sheaf.ok('manifest', 'push', '-q', insecure, ...flags, list, `docker://${registry.host}/ours/${to}:1`);
    await peers.ok('buildah', [
      ...['manifest', 'push', '-q', '--all', insecure, ...flags],
      ...[`localhost/${list}`, `docker://${registry.host}/theirs/${to}:1`],
    ]);
    const [ours, theirs] = await Promise.all(['ours', 'theirs'].map((who) => shapeOf(registry.host, `${who}/${to}`)));
    assert.deepEqual(ours, theirs, flags.join(' '));
  };
  for (const [at, [title, flags]] of requests.entries()) await t.test(title, () => pushedAlike('app', at, flags));
  await t.test('of images one of which is zstd without an annotation', async () => {
    const [amd64 = '', arm64 = ''] = references;
    const zstd = `docker://${registry.host}/src/zstd:amd64`;
    const both = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    await sheaf.ok('image', 'copy', '-q', ...both, '--dest-compress-format', 'zstd', amd64, zstd);
    await sheaf.ok('manifest', 'create', insecure, 'mixed', zstd, arm64);
    await peers.ok('buildah', ['manifest', 'create', insecure, 'localhost/mixed', zstd, arm64]);
    for (const [at, flags] of [
      ['--compression-format', 'zstd'],
      ['--compression-format', 'gzip', '--force-compression', '--add-compression', 'zstd'],
    ].entries()) {
      await pushedAlike('mixed', at, flags);
    }
  });
  await t.test('of Docker images', async () => {
    const docker = ['amd64', 'arm64'].map((key) => `docker://${registry.host}/src/docker:${key}`);
    await sheaf.ok('manifest', 'create', insecure, 'docker', ...docker);
    await peers.ok('buildah', ['manifest', 'create', insecure, 'localhost/docker', ...docker]);
    for (const [at, flags] of [
      ['--compression-format', 'zstd'],
      ['--add-compression', 'zstd'],
      ['-f', 'v2s2'],
    ].entries()) {
      await pushedAlike('docker', at, flags);
    }
  });
});

test('what was compressed is pulled by everybody, file by file the same', {
  skip: skipWithout('registry', 'podman', 'skopeo', 'crane', 'oras'),
}, async (t) => {
  const registry = await realRegistry(t, { port: await leasePort(t) });
  const sources = await pushSources(registry.url);
  const sheaf = sheafIn(await testFolder(t));
  const peers = await isolatedPeers(t);
  const references = images.map((key) => `docker://${registry.host}/src/app:${key}`);
  await sheaf.ok('manifest', 'create', insecure, 'app', ...references);
  const original = must(sources.images, 'amd64');
  const wanted = await Promise.all(
    original.layers.map((layer) => buffer(Readable.from(decompress(Readable.from([Buffer.from(layer.bytes)]))))),
  );
  for (const format of ['zstd', 'zstd:chunked', 'none']) {
    const name = `${registry.host}/read/${format.replace(':', '-')}:1`;
    await sheaf.ok('manifest', 'push', '-q', insecure, '--compression-format', format, 'app', `docker://${name}`);
    const layout = join(peers.folder, `layout-${format.replace(':', '-')}`);
    await peers.ok('skopeo', ['copy', '--all', '--src-tls-verify=false', `docker://${name}`, `oci:${layout}:x`]);
    assert.deepEqual(await layersOf(layout, 'amd64'), wanted, `skopeo, ${format}`);
    await peers.ok('oras', [
      'pull',
      '--plain-http',
      '--platform',
      'linux/amd64',
      '-o',
      join(peers.folder, 'oras'),
      name,
    ]);
    // crane's validate reads gzip only
    await peers.ok('crane', ['pull', '--format', 'oci', name, join(peers.folder, `crane-${format.replace(':', '-')}`)]);
    const id = (await peers.ok('podman', ['pull', '-q', insecure, '--platform', 'linux/amd64', name])).trim();
    const [found] = JSON.parse(await peers.ok('podman', ['image', 'inspect', id])) as [
      { RootFS: { Layers: string[] } },
    ];
    const config = JSON.parse(Buffer.from(original.config.bytes).toString()) as { rootfs: { diff_ids: string[] } };
    assert.deepEqual(found.RootFS.Layers, config.rootfs.diff_ids, `podman, ${format}`);
  }
});

/** The plain bytes of the layers of one platform in a layout. */
async function layersOf(layout: string, architecture: string): Promise<Buffer[]> {
  const blob = (digest: string): Promise<Buffer> => readFile(join(layout, 'blobs', 'sha256', digest.slice(7)));
  assert.ok((await readdir(layout)).includes('index.json'));
  const top = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as Document;
  const index = JSON.parse((await blob(top.manifests[0]?.digest ?? '')).toString()) as Document;
  const entry = index.manifests.find((one) => (one.platform as { architecture: string }).architecture === architecture);
  const manifest = JSON.parse((await blob(entry?.digest ?? '')).toString()) as Manifest;
  return Promise.all(
    manifest.layers.map(async (layer) => buffer(Readable.from(decompress(Readable.from([await blob(layer.digest)]))))),
  );
}
