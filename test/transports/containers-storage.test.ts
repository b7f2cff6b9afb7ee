/** The local storage of podman: layers byte for byte, manifests as they are served, and nothing read that is not of a layer. */
import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { blobOf } from '../../fixtures/images.ts';
import { NotFoundError } from '../../src/foundation/errors.ts';
import { type Digest, digestOf, encodedOf } from '../../src/oci/digest.ts';
import { parseIndex } from '../../src/oci/image-index.ts';
import { parseImageManifest } from '../../src/oci/manifest.ts';
import { addInstances } from '../../src/operations/add-instances.ts';
import { createList } from '../../src/operations/create-list.ts';
import { configuredStorage } from '../../src/transports/containers-storage/storage-conf.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { sampleBytes } from '../compression/support.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { testFolder } from '../support/folders.ts';
import { run } from '../support/peers.ts';
import { type LayerFile, StorageWriter, type WrittenLayer } from './storage-writer.ts';

const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  index: 'application/vnd.oci.image.index.v1+json',
};

const files: LayerFile[] = [
  { name: 'etc/', mode: 0o755 },
  { name: 'etc/empty' },
  { name: 'etc/name', data: Buffer.from('sheaf\n') },
  { name: 'usr/lib/large', data: sampleBytes(2_500_000, 3) },
  { name: 'lib', typeFlag: '2', linkName: '/usr/lib' },
  { name: 'lib64', typeFlag: '2', linkName: 'usr/../lib' },
  { name: 'usr/lib/alias', typeFlag: '1', linkName: 'usr/lib/large' },
  { name: 'end', data: Buffer.alloc(512, 7) },
];

interface Written {
  readonly layers: readonly WrittenLayer[];
  readonly config: Digest;
  /** As it was pulled. */
  readonly pulled: Digest;
  readonly id: string;
}

interface ImageOptions {
  readonly names?: readonly string[];
  readonly architecture?: string;
  /** Whether the manifest that is kept names compressed layers. */
  readonly compressed?: boolean;
}

async function writeImage(
  storage: StorageWriter,
  layers: WrittenLayer[],
  options: ImageOptions = {},
): Promise<Written> {
  const { names = ['localhost/app:1'], architecture = 'amd64', compressed = false } = options;
  const config = blobOf(
    types.config,
    json({ architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) } }),
  );
  const descriptors = layers.map(({ diffId, tar }) =>
    compressed
      ? { mediaType: `${types.layer}+gzip`, digest: digestOf(Buffer.from(`gzip of ${diffId}`)), size: 5 }
      : { mediaType: types.layer, digest: diffId, size: tar.byteLength },
  );
  const manifest = json({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: config.digest, size: config.size },
    layers: descriptors,
    annotations: { kept: 'yes' },
  });
  const pulled = digestOf(manifest);
  const id = encodedOf(config.digest);
  const top = layers.at(-1);
  await storage.image({
    id,
    names,
    ...(top === undefined ? {} : { layer: top.id }),
    data: { [config.digest]: config.bytes, manifest, [`manifest-${pulled}`]: manifest },
  });
  return { layers, config: config.digest, pulled, id };
}

function json(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}

async function storageIn(t: TestContext, driver = 'overlay'): Promise<{ env: TestEnv; storage: StorageWriter }> {
  const env = await testEnv(t);
  return { env, storage: new StorageWriter(join(env.folder, 'storage'), driver) };
}

async function readLayer(env: TestEnv, name: string, layer: WrittenLayer): Promise<Buffer> {
  await using source = await openVerifiedSource(locate(name), env);
  const blob = { mediaType: types.layer, digest: layer.diffId, size: layer.tar.byteLength };
  return buffer(await source.openBlob(blob));
}

for (const driver of ['overlay', 'vfs']) {
  describe(`containers-storage: with the driver ${driver}`, () => {
    it('gives layers byte for byte, config and manifest', async (t) => {
      const { env, storage } = await storageIn(t, driver);
      const base = await storage.layer(files);
      const top = await storage.layer(
        [
          { name: 'lib/', mode: 0o755 },
          { name: 'lib/.wh.alias' },
          { name: 'x', data: Buffer.from('latin1'), rawName: Buffer.from([0x78, 0xe9]) },
        ],
        base,
      );
      const { pulled, config, id } = await writeImage(storage, [base, top]);
      for (const name of ['localhost/app:1', 'app:1', `@${id}`, `@${id.slice(0, 8)}`, id.slice(0, 8), `@${pulled}`]) {
        await using source = await openVerifiedSource(locate(`${storage.prefix}${name}`), env);
        const manifest = await source.getManifest();
        assert.equal(manifest.digest, pulled, name);
        const image = parseImageManifest(manifest);
        assert.equal(digestOf(await source.readBlob(image.config, 10_000)), config);
        for (const [at, layer] of image.layers.entries()) {
          assert.deepEqual(await buffer(await source.openBlob(layer)), [base, top][at]?.tar);
        }
      }
      assert.deepEqual(env.events, []);
    });
  });
}

describe('containers-storage:', () => {
  it('reads files that lie behind links of the layer', async (t) => {
    const { env, storage } = await storageIn(t);
    const layer = await storage.layer(files);
    const behind = await storage.layer([{ name: 'a/b/file', data: Buffer.from('found') }]);
    await rename(join(behind.folder, 'a'), join(behind.folder, 'real'));
    await symlink('/other', join(behind.folder, 'a'));
    await symlink('../../../../real/.', join(behind.folder, 'other'));
    await writeImage(storage, [layer]);
    assert.deepEqual(await readLayer(env, `${storage.prefix}app:1`, behind), behind.tar);
  });

  it('tells what is not there without reading it', async (t) => {
    const { env, storage } = await storageIn(t);
    const layer = await storage.layer(files);
    const { config, layers } = await writeImage(storage, [layer]);
    await using source = await openVerifiedSource(locate(`${storage.prefix}app:1`), env);
    const check = (digest: Digest) => source.checkBlob({ mediaType: types.layer, digest, size: 1 });
    for (const digest of [config, ...layers.map(({ diffId }) => diffId)]) await check(digest);
    await assert.rejects(check(digestOf(Buffer.from('gone'))), NotFoundError);
  });

  it('gives part of a layer', async (t) => {
    const { env, storage } = await storageIn(t);
    const layer = await storage.layer(files);
    await writeImage(storage, [layer]);
    await using source = await locate(`${storage.prefix}app:1`).openSource(env);
    const blob = { mediaType: types.layer, digest: layer.diffId, size: layer.tar.byteLength };
    for (const range of [{ start: 3, end: 700 }, { start: 1_000_000 }, { start: 0, end: 0 }]) {
      const expected = layer.tar.subarray(range.start, range.end === undefined ? undefined : range.end + 1);
      assert.deepEqual(await buffer(await source.openBlob(blob, range)), Buffer.from(expected));
    }
  });

  const alterations: ReadonlyArray<readonly [string, (folder: string) => Promise<void>, RegExp]> = [
    ['is not there any more', (folder) => rm(join(folder, 'etc/name')), /it is not there/],
    ['has other bytes', (folder) => writeFile(join(folder, 'etc/name'), 'shEaf\n'), /its checksum differs/],
    ['became shorter', (folder) => writeFile(join(folder, 'etc/name'), 'she'), /3 bytes instead of 6/],
    [
      'became a link out of the layer',
      async (folder) => {
        await writeFile(join(folder, '../outside'), 'sheaf\n');
        await rm(join(folder, 'etc/name'));
        await symlink('../../outside', join(folder, 'etc/name'));
      },
      /it is no file now/,
    ],
    [
      'lies behind a link out of the layer',
      async (folder) => {
        await mkdir(join(folder, '../outside'));
        await writeFile(join(folder, '../outside/name'), 'sheaf\n');
        await rm(join(folder, 'etc'), { recursive: true });
        await symlink('../outside', join(folder, 'etc'));
      },
      /it is not there/,
    ],
    [
      'lies behind links that go in a circle',
      async (folder) => {
        await rm(join(folder, 'etc'), { recursive: true });
        await symlink('etc2', join(folder, 'etc'));
        await symlink('etc', join(folder, 'etc2'));
      },
      /go in a circle/,
    ],
    [
      'became a pipe',
      async (folder) => {
        await rm(join(folder, 'etc/name'));
        assert.equal((await run('mkfifo', [join(folder, 'etc/name')])).code, 0);
      },
      /it is no file now/,
    ],
  ];
  for (const [what, alter, message] of alterations) {
    it(`refuses a layer when a file of it ${what}`, async (t) => {
      const { env, storage } = await storageIn(t);
      const layer = await storage.layer(files);
      await writeImage(storage, [layer]);
      await alter(layer.folder);
      await assert.rejects(readLayer(env, `${storage.prefix}app:1`, layer), { code: 'LAYER_CHANGED', message });
    });
  }

  it('refuses a layer without tar-split data, or with data that is damaged', async (t) => {
    const { env, storage } = await storageIn(t);
    const layer = await storage.layer(files);
    await writeImage(storage, [layer]);
    const read = (): Promise<Buffer> => readLayer(env, `${storage.prefix}app:1`, layer);
    const { gzipSync } = await import('node:zlib');
    for (const line of [
      '{"type":3}',
      '[]',
      '{"type":1,"name":"../../x","size":5}',
      '{"type":1,"name":"a","size":-1}',
    ]) {
      await writeFile(layer.recipe, gzipSync(`${line}\n`));
      await assert.rejects(read(), (thrown: Error & { code: string }) =>
        ['MALFORMED_TAR_SPLIT', 'LAYER_CHANGED'].includes(thrown.code),
      );
    }
    await writeFile(layer.recipe, 'junk');
    await assert.rejects(read(), { name: 'IntegrityError' });
    await rm(layer.recipe);
    await assert.rejects(read(), { code: 'NO_TAR_SPLIT' });
  });

  it('measures layers whose digest the storage does not know', async (t) => {
    const { env, storage } = await storageIn(t);
    const layer = await storage.layer(files, undefined, true);
    await writeImage(storage, [layer]);
    await using source = await openVerifiedSource(locate(`${storage.prefix}app:1`), env);
    const [found] = parseImageManifest(await source.getManifest()).layers;
    assert.ok(found);
    assert.deepEqual(await buffer(await source.openBlob(found)), layer.tar);
  });

  it('serves an image that was pulled with its uncompressed layers, and says so', async (t) => {
    const { env, storage } = await storageIn(t);
    const layer = await storage.layer(files);
    const { pulled, id } = await writeImage(storage, [layer], { compressed: true });
    await using source = await openVerifiedSource(locate(`${storage.prefix}app:1`), env);
    const manifest = await source.getManifest();
    const image = parseImageManifest(manifest);
    assert.notEqual(manifest.digest, pulled);
    assert.deepEqual(image.layers, [{ mediaType: types.layer, digest: layer.diffId, size: layer.tar.byteLength }]);
    assert.deepEqual(image.annotations, { kept: 'yes' });
    assert.deepEqual(
      env.events.map((event) => event.type === 'warning' && event.code),
      ['LAYERS_UNPACKED'],
    );
    await assert.rejects(source.getManifest(pulled), { code: 'LAYERS_UNPACKED' });
    assert.equal((await source.getManifest(manifest.digest)).digest, manifest.digest);
    assert.deepEqual(
      source.origins(manifest.digest).map((origin) => origin.pinned(manifest.digest)?.format()),
      [`${storage.prefix}@${id}`],
    );
    // pinned by the digest alone it is found, too
    await using pinned = await openVerifiedSource(locate(`${storage.prefix}@${manifest.digest}`), env);
    assert.equal((await pinned.getManifest(manifest.digest)).digest, manifest.digest);
  });

  it('serves a list with entries for what its instances are served as, from wherever they are', async (t) => {
    const { env, storage } = await storageIn(t);
    const layer = await storage.layer(files);
    const built = await writeImage(storage, [layer], { names: [] });
    const pulled = await writeImage(storage, [layer], { names: [], architecture: 'arm64', compressed: true });
    const elsewhere = new StorageWriter(join(env.folder, 'elsewhere'), 'vfs');
    const other = await writeImage(elsewhere, [await elsewhere.layer(files)], { architecture: 's390x' });
    const entryOf = ({ pulled: digest }: Written, architecture: string) => ({
      mediaType: types.manifest,
      digest,
      size: 700,
      platform: { os: 'linux', architecture },
      annotations: { 'io.github.containers.compression.zstd': 'true', own: architecture },
    });
    const manifests = [entryOf(pulled, 'arm64'), entryOf(built, 'amd64'), entryOf(other, 's390x')];
    await storage.image({
      id: 'ab'.repeat(32),
      names: ['localhost/list:1'],
      data: {
        manifest: json({ schemaVersion: 2, mediaType: types.index, manifests }),
        'instances.json': json({ '': 'ab'.repeat(32), [other.pulled]: `${elsewhere.prefix}localhost/app:1` }),
      },
    });
    await using source = await openVerifiedSource(locate(`${storage.prefix}list:1`), env);
    const index = parseIndex(await source.getManifest());
    const [arm64] = index.manifests;
    assert.ok(arm64);
    assert.notEqual(arm64.digest, pulled.pulled);
    assert.deepEqual(arm64.annotations, { own: 'arm64' });
    assert.deepEqual(
      index.manifests.slice(1).map(({ digest }) => digest),
      [built.pulled, other.pulled],
    );
    for (const entry of index.manifests) {
      const { layers } = parseImageManifest(await source.getManifest(entry.digest));
      assert.deepEqual(await buffer(await source.openBlob(layers[0] ?? assert.fail())), layer.tar);
    }
    assert.deepEqual(
      index.manifests.map(({ digest }) => source.origins(digest).map((origin) => origin.format())),
      [[`${storage.prefix}@${pulled.id}`], [`${storage.prefix}@${built.id}`], [`${elsewhere.prefix}localhost/app:1`]],
    );
  });

  it('is recorded by the ID of the image when it goes on a list, and found again under another name', async (t) => {
    const { env, storage } = await storageIn(t);
    const layer = await storage.layer(files);
    const { pulled, id } = await writeImage(storage, [layer]);
    await createList(env, { name: 'l', images: [], taking: 'all', annotations: {}, ifExists: 'fail' });
    const images = [locate(`${storage.prefix}localhost/app:1`)];
    const { record } = await addInstances(env, { list: 'l', images, taking: 'all', changes: {} });
    assert.deepEqual(record.locations, { [pulled]: [`${storage.prefix}@${id}`] });
    assert.deepEqual(await readLayer(env, 'store:l', layer), layer.tar);
  });

  it('says what is not there', async (t) => {
    const { env, storage } = await storageIn(t);
    const open = async (name: string): Promise<unknown> => {
      await using source = await openVerifiedSource(locate(name), env);
      return source.getManifest();
    };
    await assert.rejects(open(`${storage.prefix}app:1`), { code: 'STORAGE_NOT_FOUND' });
    const layer = await storage.layer(files);
    await writeImage(storage, [layer]);
    await assert.rejects(open(`${storage.prefix}app:2`), { code: 'IMAGE_NOT_FOUND', hint: /localhost\/app:1/ });
    await assert.rejects(open(`${storage.prefix}@${'0'.repeat(64)}`), NotFoundError);
    await using source = await openVerifiedSource(locate(`${storage.prefix}app:1`), env);
    await assert.rejects(
      source.openBlob({ mediaType: types.layer, digest: digestOf(Buffer.from('x')), size: 1 }),
      NotFoundError,
    );
    await assert.rejects(source.getManifest(digestOf(Buffer.from('x'))), NotFoundError);
    await writeFile(join(storage.root, 'overlay-images', 'images.json'), '[{"id":"../../etc"}]');
    await assert.rejects(open(`${storage.prefix}app:1`), { code: 'MALFORMED_STORAGE' });
    const other = new StorageWriter(join(env.folder, 'btrfs'), 'btrfs');
    await writeImage(other, []);
    await assert.rejects(open(`${other.prefix}app:1`), { code: 'STORAGE_DRIVER' });
  });

  it('finds the driver out, and reads from stores that are only read', async (t) => {
    const { env, storage } = await storageIn(t, 'vfs');
    const layer = await storage.layer(files);
    const { pulled } = await writeImage(storage, [layer]);
    await using source = await openVerifiedSource(locate(`containers-storage:[${storage.root}]app:1`), env);
    assert.equal((await source.getManifest()).digest, pulled);
    const own = new StorageWriter(join(env.folder, 'own'), 'vfs');
    await writeImage(own, [], { names: ['localhost/other:1'], architecture: 'x' });
    const name = `containers-storage:[vfs@${own.root}:vfs.imagestore=${storage.root}]app:1`;
    assert.deepEqual(await readLayer(env, name, layer), layer.tar);
  });

  it('has names that parse back to themselves, and refuses others', () => {
    const id = 'ab'.repeat(32);
    const digest = `sha256:${id}`;
    const same = [
      'containers-storage:[overlay@/a/b+/c:o.x=1,o.y=2]docker.io/library/x:1',
      'containers-storage:[vfs@/a]@abcdef',
      `containers-storage:[/a]quay.io/x/y:1@${id}`,
      `containers-storage:@${digest}`,
      `containers-storage:quay.io/x/y@${digest}`,
    ];
    for (const text of same) assert.equal(locate(text).format(), text);
    assert.equal(locate('containers-storage:x').format(), 'containers-storage:docker.io/library/x:latest');
    for (const text of [
      '',
      '[',
      '[]x',
      '[vfs@]x',
      '[vfs@a]x',
      '[vfs@/a+b]x',
      '[/a]',
      '@xyz',
      '@',
      'X Y',
      '[Vfs@/a]x',
    ]) {
      assert.throws(() => locate(`containers-storage:${text}`), { kind: 'usage' }, text);
    }
  });
});

describe('where the storage of the machine is', () => {
  const places = async (t: TestContext, conf?: string) => {
    const folder = await testFolder(t);
    const file = join(folder, 'storage.conf');
    if (conf !== undefined) await writeFile(file, conf);
    return { folder, file, common: { homeDir: folder, systemFiles: [join(folder, 'none'), file], env: {} } };
  };
  const conf =
    '[storage]\ndriver="vfs"\ngraphroot="/g"\nrunroot="/r"\nrootless_storage_path="$HOME/mine-$UID"\n[storage.options]\nadditionalimagestores=["/ro"]\n';

  it('is what the configuration says, else the usual place', async (t) => {
    const without = await places(t);
    assert.deepEqual(await configuredStorage({ ...without.common, uid: 0 }), {
      graphRoot: '/var/lib/containers/storage',
      runRoot: '/run/containers/storage',
      options: [],
    });
    assert.deepEqual(await configuredStorage({ ...without.common, uid: 7, env: { STORAGE_DRIVER: 'overlay' } }), {
      graphRoot: join(without.folder, '.local/share/containers/storage'),
      runRoot: '/run/user/7/containers',
      options: [],
      driver: 'overlay',
    });
    const { common, folder, file } = await places(t, conf);
    const options = ['additionalimagestore=/ro'];
    const expected = { graphRoot: '/g', runRoot: '/r', options, driver: 'vfs' };
    assert.deepEqual(await configuredStorage({ ...common, uid: 0 }), expected);
    const env = { CONTAINERS_STORAGE_CONF: file, XDG_RUNTIME_DIR: '/x' };
    assert.deepEqual(await configuredStorage({ ...common, uid: 7, env }), expected);
    assert.deepEqual(await configuredStorage({ ...common, uid: 7, env: { XDG_RUNTIME_DIR: '/x' } }), {
      ...expected,
      graphRoot: `${folder}/mine-7`,
      runRoot: '/x/containers',
    });
  });

  it('is an error where the configuration is broken or a named file is not there', async (t) => {
    for (const text of ['[storage', '[storage]\ngraphroot="g"\n', '[storage]\ndriver=1\n']) {
      const { common } = await places(t, text);
      await assert.rejects(configuredStorage({ ...common, uid: 0 }), { code: 'STORAGE_CONF_INVALID' });
    }
    const { common, folder } = await places(t);
    const env = { CONTAINERS_STORAGE_CONF: join(folder, 'absent') };
    await assert.rejects(configuredStorage({ ...common, uid: 0, env }), { code: 'STORAGE_CONF_NOT_FOUND' });
  });
});
