/** zstd:chunked layers of ours are what podman takes them for: it fetches only the files that it does not have yet. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import {
  blobOf,
  type FixtureBlob,
  type FixtureImage,
  fixtureImage,
  pushFixtureImage,
  writeFixtureLayout,
} from '../../fixtures/images.ts';
import { decompress } from '../../src/compression/decompress.ts';
import { recompress } from '../../src/compression/recompress.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { collect, inPieces, sampleBytes } from '../compression/support.ts';
import { type TarEntry, tarOf } from '../compression/tars.ts';
import { testFolder } from '../support/folders.ts';
import { findPeer, type RunResult, run, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry } from '../support/registry.ts';
import { countingProxy } from './counting-proxy.ts';

const platform = { os: 'linux', architecture: 'amd64' };
const layerType = 'application/vnd.oci.image.layer.v1.tar+zstd';
const longName = `${'deeply/'.repeat(20)}nested`;

/** Everything that a layer may hold and podman can pull in parts. `version` is in one file alone. */
function entriesOf(version: string): TarEntry[] {
  const files = Array.from({ length: 40 }, (_, index) => ({
    name: `usr/lib/file-${index}`,
    data: sampleBytes(50_000 + index * 1000, 100 + index),
  }));
  return [
    { name: 'etc/', mode: 0o755 },
    { name: 'etc/version', data: Buffer.from(`${version}\n`), mode: 0o600, uid: 7, gid: 8 },
    { name: 'etc/empty' },
    { name: 'etc/mtab', typeFlag: '2', linkName: '../proc/mounts', mode: 0o777 },
    { name: 'usr/', mode: 0o755 },
    { name: 'usr/lib/', mode: 0o1755 },
    ...files,
    { name: 'usr/lib/alias', typeFlag: '1', linkName: 'usr/lib/file-3' },
    { name: 'usr/lib/holes', data: Buffer.concat([Buffer.alloc(300_000), Buffer.from('end'), Buffer.alloc(9000)]) },
    { name: 'usr/lib/large', data: sampleBytes(3_000_000, 5), mode: 0o4755 },
    { name: 'short', pax: { path: longName, mtime: '1700000000.123456789' }, data: Buffer.from('long') },
    { name: 'marked', pax: { 'SCHILY.xattr.user.sheaf': Buffer.from([0xff, 0, 0x80]) }, data: Buffer.from('attr') },
    { name: 'gone/', mode: 0o700 },
    { name: 'gone/.wh.old' },
  ];
}

interface ChunkedImage {
  readonly image: FixtureImage;
  readonly tar: Buffer;
  readonly layer: FixtureBlob;
}

async function chunkedLayer(tar: Buffer) {
  const { stream, done } = await recompress(Readable.from([tar], { objectMode: false }), { format: 'zstd:chunked' });
  const layer = blobOf(layerType, await collect(stream));
  const { annotations, diffId, digest, format } = await done;
  assert.equal(format, 'zstd:chunked');
  assert.equal(digest, layer.digest);
  return { layer, annotations, diffId };
}

/** Its second layer has nothing in it, as builders make some. */
async function chunkedImage(version: string): Promise<ChunkedImage> {
  const tar = tarOf(entriesOf(version), 4);
  const made = [await chunkedLayer(tar), await chunkedLayer(tarOf([]))];
  const layers = made.map((one) => one.layer);
  const base = await fixtureImage({ platform });
  const config = blobOf(
    base.config.mediaType,
    Buffer.from(
      JSON.stringify({
        ...platform,
        config: {},
        rootfs: { type: 'layers', diff_ids: made.map(({ diffId }) => diffId) },
      }),
    ),
  );
  const descriptor = ({ mediaType, digest: of, size }: FixtureBlob) => ({ mediaType, digest: of, size });
  const manifest = blobOf(
    base.manifest.mediaType,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: base.manifest.mediaType,
        config: descriptor(config),
        layers: made.map(({ layer, annotations }) => ({ ...descriptor(layer), annotations })),
      }),
    ),
  );
  return { image: { platform, manifest, config, layers }, tar, layer: layers[0] ?? assert.fail() };
}

type Podman = (...args: string[]) => Promise<RunResult>;

/** A podman with partial pulls switched on, over a storage of its own; undefined where it cannot have one with overlays. */
async function partialPodman(t: TestContext): Promise<{ podman: Podman; folder: string } | undefined> {
  // below /tmp, which podman sees under the same path as we do; what podman keeps there must go before the folder does
  const folder = await mkdtemp('/tmp/sheaf-test-');
  const config = join(folder, 'storage.conf');
  await writeFile(
    config,
    [
      '[storage]',
      'driver = "overlay"',
      `runroot = "${folder}/run"`,
      `graphroot = "${folder}/storage"`,
      '[storage.options.pull_options]',
      'enable_partial_images = "true"',
    ].join('\n'),
  );
  const env: NodeJS.ProcessEnv = { ...process.env, HOME: folder, CONTAINERS_STORAGE_CONF: config };
  delete env['STORAGE_DRIVER'];
  const podman: Podman = (...args) => run(findPeer('podman') ?? '', args, { cwd: folder, env });
  t.after(async () => {
    await podman('rmi', '--all', '--force');
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  const { code } = await podman('info');
  return code === 0 ? { podman, folder } : undefined;
}

async function ok(podman: Podman, ...args: string[]): Promise<RunResult> {
  const result = await podman(...args);
  assert.equal(result.code, 0, `podman ${args.join(' ')}: ${result.stderr}`);
  return result;
}

test('podman fetches one changed file of a layer, and has the layer byte by byte', {
  skip: skipWithout('podman', 'registry'),
}, async (t) => {
  const partial = await partialPodman(t);
  if (partial === undefined) return t.skip('partial pulls need the overlay driver, which podman cannot use here');
  const { podman, folder } = partial;
  const registry = await realRegistry(t, { port: await leasePort(t) });
  const proxy = await countingProxy(t, registry.url);

  for (const [round, version] of ['1.0', '2.0'].entries()) {
    const { image, tar, layer } = await chunkedImage(version);
    await pushFixtureImage(registry.url, 'app', image, version);
    proxy.forget();
    const name = `${proxy.host}/app:${version}`;
    const { stderr } = await ok(podman, '--log-level=debug', 'pull', '--tls-verify=false', `docker://${name}`);
    for (const { digest } of round === 0 ? image.layers : [layer]) {
      assert.match(stderr, new RegExp(`Retrieved partial blob ${digest}`), stderr.slice(-3000));
    }
    const fetched = proxy.passed
      .filter(({ target }) => target.includes(layer.digest))
      .reduce((total, { answered }) => total + answered, 0);
    t.diagnostic(`${version}: ${fetched} of ${layer.size} bytes of the layer were fetched`);
    if (round > 0) assert.ok(fetched < layer.size / 20, `${fetched} of ${layer.size} bytes`);

    // out of the storage again: podman makes the tar of what it has on the disk and of the tar-split data
    const out = join(folder, `out-${round}`);
    await mkdir(out);
    await ok(podman, 'push', `${name}`, `dir:${out}`);
    const manifest = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8')) as { layers: { digest: Digest }[] };
    const blob = await readFile(join(out, manifest.layers[0]?.digest.slice('sha256:'.length) ?? ''));
    const again = await collect(decompress(inPieces(blob)));
    assert.equal(digestOf(again), digestOf(tar), 'the tar is the same byte by byte');
  }
});

test('skopeo takes the layer for what it is, and without its index it is zstd like any other', {
  skip: skipWithout('skopeo'),
}, async (t) => {
  const folder = await testFolder(t, '/tmp');
  const { image, tar, layer } = await chunkedImage('1.0');
  assert.ok(zstdDecompressSync(layer.bytes).length > 0);
  assert.ok((await collect(decompress(inPieces(Buffer.from(layer.bytes))))).equals(tar));
  await writeFixtureLayout(join(folder, 'layout'), { app: image });
  for (const [format, to] of [
    ['gzip', 'gz'],
    ['zstd:chunked', 'same'],
  ] as const) {
    const { code, stderr } = await run(findPeer('skopeo') ?? '', [
      ...['copy', '--dest-compress-format', format, `oci:${folder}/layout:app`, `oci:${folder}/${to}:app`],
    ]);
    assert.equal(code, 0, stderr);
  }
  const root = async (layout: string): Promise<{ layers: { digest: Digest }[] }> => {
    const blob = (digest: string): string => join(folder, layout, 'blobs', digest.replace(':', '/'));
    const index = JSON.parse(await readFile(join(folder, layout, 'index.json'), 'utf8')) as {
      manifests: { digest: Digest }[];
    };
    return JSON.parse(await readFile(blob(index.manifests[0]?.digest ?? ''), 'utf8')) as {
      layers: { digest: Digest }[];
    };
  };
  assert.equal((await root('same')).layers[0]?.digest, layer.digest, 'it is zstd:chunked already');
  const other = (await root('gz')).layers[0]?.digest ?? '';
  assert.notEqual(other, layer.digest);
  const plain = await collect(
    decompress(inPieces(await readFile(join(folder, 'gz', 'blobs', other.replace(':', '/'))))),
  );
  assert.ok(plain.equals(tar));
});
