import assert from 'node:assert/strict';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { lstat, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { blobOf, fixtureImage, writeFixtureLayout } from '../../fixtures/images.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { createDigester, digestOf, encodedOf } from '../../src/oci/digest.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { legacyLayers } from '../../src/transports/docker-archive/legacy-layers.ts';
import { packDockerArchive } from '../../src/transports/docker-archive/pack.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { run } from '../support/peers.ts';
import { configDigest, copy, diffIds, manifestOf, readAll, writeKinds } from './support.ts';

const layerTypes = {
  tar: 'application/vnd.docker.image.rootfs.diff.tar',
  gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};

async function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const tar = pack();
  const bytes = buffer(tar);
  for (const [name, content] of Object.entries(files)) {
    tar.entry({ name, mode: 0o644, mtime: new Date(0) }, Buffer.from(content));
  }
  tar.finalize();
  return bytes;
}

/** Two layers and the config that names them. */
async function parts() {
  const layers = [await tarOf({ a: 'one' }), await tarOf({ b: 'two' })];
  const ids = layers.map((layer) => digestOf(layer));
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: ids } });
  return { layers, ids, config };
}

async function archive(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>) {
  const env = await testEnv(t);
  const path = join(env.folder, 'a.tar');
  await writeFile(path, await tarOf(files));
  return { env, path, name: `docker-archive:${path}` };
}

async function manifestAt(env: TestEnv, name: string) {
  await using source = await openVerifiedSource(locate(name), env);
  const manifest = await source.getManifest();
  return {
    digest: manifest.digest,
    document: JSON.parse(Buffer.from(manifest.bytes).toString()) as {
      mediaType: string;
      config: Descriptor;
      layers: Array<{ mediaType: string; digest: string; size: number }>;
    },
  };
}

describe('reading docker archives', () => {
  it('layers have the media types of what they are', async (t) => {
    const { layers, ids, config } = await parts();
    const [one, two] = layers;
    assert.ok(one && two);
    const gzipped = gzipSync(two);
    const { env, name } = await archive(t, {
      'c.json': config,
      'one/layer.tar': one,
      'two.tar.gz': gzipped,
      'manifest.json': JSON.stringify([
        { Config: 'c.json', RepoTags: null, Layers: ['one/layer.tar', './two.tar.gz'] },
      ]),
    });
    const { document } = await manifestAt(env, name);
    assert.deepEqual(document.layers, [
      { mediaType: layerTypes.tar, size: one.byteLength, digest: ids[0] },
      { mediaType: layerTypes.gzip, size: gzipped.byteLength, digest: digestOf(gzipped) },
    ]);
    assert.equal(document.config.digest, digestOf(Buffer.from(config)));
    assert.deepEqual(await diffIds(env, name), ids);
    assert.equal((await readAll(env, name)).length, 4);
  });

  it('zstd layers, for which Docker has no name, come out plain, from any offset', async (t) => {
    const { layers, ids, config } = await parts();
    const [one, two] = layers;
    assert.ok(one && two);
    const { env, name } = await archive(t, {
      'c.json': config,
      '1': zstdCompressSync(one),
      '2': two,
      'manifest.json': JSON.stringify([{ Config: 'c.json', Layers: ['1', '2'] }]),
    });
    const { document } = await manifestAt(env, name);
    assert.deepEqual(document.layers[0], { mediaType: layerTypes.tar, size: one.byteLength, digest: ids[0] });
    await using source = await locate(name).openSource(env);
    await source.getManifest();
    const blob = { mediaType: '', digest: digestOf(one), size: one.byteLength };
    assert.deepEqual(await buffer(await source.openBlob(blob, { start: 3, end: 700 })), one.subarray(3, 701));
    assert.deepEqual(await buffer(await source.openBlob(blob, { start: 1000 })), one.subarray(1000));
  });

  it('an image is chosen by name, position and digest', async (t) => {
    const { layers, config } = await parts();
    const [one, two] = layers;
    assert.ok(one && two);
    const other = JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf(two)] } });
    const { env, name } = await archive(t, {
      c1: config,
      c2: other,
      '1': one,
      '2': two,
      'manifest.json': JSON.stringify([
        { Config: 'c1', RepoTags: ['app:1'], Layers: ['1', '2'] },
        { Config: 'c2', RepoTags: ['docker.io/library/app:2', 'example.com/x/app:latest'], Layers: ['2'] },
      ]),
    });
    const first = await manifestAt(env, `${name}:app:1`);
    const second = await manifestAt(env, `${name}:@1`);
    assert.equal(first.document.layers.length, 2);
    assert.equal(second.document.layers.length, 1);
    for (const suffix of [':app:2', ':example.com/x/app', `@${second.digest}`]) {
      assert.equal((await manifestAt(env, `${name}${suffix}`)).digest, second.digest, suffix);
    }
    const pinned = locate(`${name}:@1`).pinned(first.digest as `sha256:${string}`);
    assert.ok(pinned);
    assert.equal((await manifestAt(env, pinned.format())).digest, first.digest);
    await assert.rejects(manifestAt(env, name), { code: 'AMBIGUOUS_IMAGE' });
    await assert.rejects(manifestAt(env, `${name}:@2`), { code: 'IMAGE_NOT_FOUND' });
    await assert.rejects(manifestAt(env, `${name}:app:3`), { code: 'IMAGE_NOT_FOUND' });
    for (const suffix of ['', ':app:1', ':@1', `@${second.digest}`]) {
      const location = locate(`${name}${suffix}`);
      assert.equal(locate(location.format()).format(), location.format());
    }
  });

  it('the dialect before manifest.json has its config made, as Docker makes it', async (t) => {
    const { layers, ids } = await parts();
    const [one, two] = layers;
    assert.ok(one && two);
    const base = {
      id: 'b',
      created: '2014-01-01T00:00:00Z',
      container_config: { Cmd: ['/bin/sh', '-c', 'ADD x'] },
      Size: 5,
    };
    const top = {
      id: 't',
      parent: 'b',
      created: '2014-01-02T00:00:00Z',
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['run'] },
    };
    const { env, name } = await archive(t, {
      'b/VERSION': '1.0',
      'b/json': JSON.stringify(base),
      'b/layer.tar': one,
      't/VERSION': '1.0',
      't/json': JSON.stringify(top),
      't/layer.tar': two,
      repositories: JSON.stringify({ app: { '1': 't', latest: 't' } }),
    });
    const { document } = await manifestAt(env, `${name}:app`);
    assert.deepEqual(
      document.layers.map(({ digest }) => digest),
      ids,
    );
    await using source = await openVerifiedSource(locate(name), env);
    await source.getManifest();
    const made: unknown = JSON.parse(await text(await source.openBlob(document.config)));
    assert.deepEqual(made, {
      architecture: 'amd64',
      config: { Cmd: ['run'] },
      created: '2014-01-02T00:00:00Z',
      history: [
        { created: '2014-01-01T00:00:00Z', created_by: '/bin/sh -c ADD x' },
        { created: '2014-01-02T00:00:00Z' },
      ],
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: ids },
    });
  });

  it('the OCI layout of a newer docker save is taken where it is whole', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    const digests = await writeKinds(layout);
    const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
      manifests: Array<{ digest: string }>;
    };
    const image = await fixtureImage({
      platform: { os: 'linux', architecture: 'amd64' },
      layers: [{ 'etc/shared': 'the same in all' }, { 'etc/own': 'x'.repeat(3000) }],
    });
    const entry = index.manifests.find(({ digest }) => digest === digests.list);
    assert.ok(entry);
    const blobs: Record<string, Uint8Array> = {};
    for (const hex of await readdir(join(layout, 'blobs/sha256'))) {
      blobs[`blobs/sha256/${hex}`] = await readFile(join(layout, 'blobs/sha256', hex));
    }
    const files = {
      ...blobs,
      'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
      'index.json': JSON.stringify({
        schemaVersion: 2,
        manifests: [
          {
            ...entry,
            annotations: {
              'io.containerd.image.name': 'docker.io/library/app:1',
              'org.opencontainers.image.ref.name': '1',
            },
          },
        ],
      }),
      'manifest.json': JSON.stringify([
        {
          Config: `blobs/sha256/${encodedOf(image.config.digest)}`,
          RepoTags: ['app:1'],
          Layers: image.layers.map(({ digest }) => `blobs/sha256/${encodedOf(digest)}`),
        },
      ]),
    };
    const whole = join(env.folder, 'whole.tar');
    await writeFile(whole, await tarOf(files));
    assert.equal((await manifestAt(env, `docker-archive:${whole}:app:1`)).digest, digests.list);
    assert.equal((await manifestAt(env, `docker-archive:${whole}`)).digest, digests.list);
    assert.deepEqual(await readAll(env, `docker-archive:${whole}`), await readAll(env, `oci:${layout}:list`));
    assert.equal((await manifestAt(env, `docker-archive:${whole}:@0`)).document.mediaType.includes('docker'), true);
    // a platform is left out: what is there is still an image
    const partial = join(env.folder, 'partial.tar');
    const arm = (await fixtureImage({ platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } })).manifest;
    const { [`blobs/sha256/${encodedOf(arm.digest)}`]: left, ...rest } = files as Record<string, string | Uint8Array>;
    assert.ok(left);
    await writeFile(partial, await tarOf(rest));
    const { document } = await manifestAt(env, `docker-archive:${partial}:app:1`);
    assert.equal(document.config.digest, image.config.digest);
    assert.deepEqual(await diffIds(env, `docker-archive:${partial}`), await diffIds(env, `oci:${layout}:image`));
  });

  it('compressed archives and standard input give the same image, and leave nothing behind', async (t) => {
    const { layers, config } = await parts();
    const { env, path, name } = await archive(t, {
      c: config,
      '1': layers[0] ?? '',
      '2': layers[1] ?? '',
      'manifest.json': JSON.stringify([{ Config: 'c', Layers: ['1', '2'] }]),
    });
    const plain = await readFile(path);
    const expected = (await manifestAt(env, name)).digest;
    await writeFile(`${path}.gz`, gzipSync(plain));
    await writeFile(`${path}.zst`, zstdCompressSync(plain));
    for (const ending of ['gz', 'zst']) assert.equal((await manifestAt(env, `${name}.${ending}`)).digest, expected);
    const piped = { ...env, standardInput: () => createReadStream(`${path}.gz`) };
    assert.equal((await manifestAt(piped, 'docker-archive:-')).digest, expected);
    assert.equal(locate('docker-archive:-').pinned(digestOf(plain)), undefined);
    await writeFile(`${path}.cut`, gzipSync(plain).subarray(0, 200));
    await assert.rejects(manifestAt(env, `${name}.cut`), { code: 'TRUNCATED_GZIP', message: /a\.tar\.cut/ });
    await assert.rejects(manifestAt(env, `${name}.absent`), { code: 'ARCHIVE_NOT_FOUND' });
  });

  it('archives that contradict themselves are refused', async (t) => {
    const { layers, config } = await parts();
    const [one, two] = layers;
    assert.ok(one && two);
    const good = { c: config, '1': one, '2': two };
    const item = (more: object) => JSON.stringify([{ Config: 'c', Layers: ['1', '2'], ...more }]);
    const cases: Array<[string, Record<string, string | Uint8Array>, RegExp]> = [
      ['a layer too few', { ...good, 'manifest.json': item({ Layers: ['1'] }) }, /2 layers, manifest.json 1/],
      ['a layer twice', { ...good, 'manifest.json': item({ Layers: ['1', '1'] }) }, /said to be both/],
      ['no such layer', { ...good, 'manifest.json': item({ Layers: ['1', '3'] }) }, /layer 3 is not there/],
      ['no such config', { ...good, 'manifest.json': item({ Config: 'x' }) }, /config x is not there/],
      ['no list', { ...good, 'manifest.json': '{}' }, /no list of images/],
      ['no object', { ...good, 'manifest.json': '[1]' }, /entry 0/],
      ['no documents', good, /neither/],
      ['another gzip layer', { ...good, '2': gzipSync(one), 'manifest.json': item({}) }, /has the digest/],
      [
        'a chain without end',
        { repositories: '{"a":{"b":"x"}}', 'x/json': '{"parent":"x"}', 'x/layer.tar': one },
        /more than/,
      ],
    ];
    for (const [what, files, message] of cases) {
      const { env, name } = await archive(t, files);
      await assert.rejects(manifestAt(env, name), { kind: 'integrity', message }, what);
    }
    // plain layers are read only when they are wanted, and then they are checked
    const { env, name } = await archive(t, { ...good, '2': one, 'manifest.json': item({}) });
    await assert.rejects(readAll(env, name), { code: 'DIGEST_MISMATCH' });
  });
});

describe('writing docker archives', () => {
  it('the IDs of the folders of old are those of containers/image', () => {
    const layers = legacyLayers(
      Buffer.from(
        '{"architecture":"amd64","config":{"Cmd":["x"],"Labels":{"a":"<b>&"}},"created":"2024-01-01T00:00:00Z","os":"linux"}',
      ),
      [
        'sha256:9c73302086862dcbefa048c0295bd6546d84bc9c2be2970d4ff7dfafdb82691f',
        'sha256:53a705e688f6e823ca430ced377d33ecb9e91368ec21145cb5ebecf1dd1218ea',
      ],
    );
    assert.deepEqual(
      layers.map(({ id }) => id),
      [
        'be589a0d1de53655b02c971a2060eeb6220cf33cc2c9ee59b082bf7a5ab5d9b1',
        '3645a2b7e38083cf44f4ac02b98760eac49956e39956a8f18c6ebbce196540b7',
      ],
    );
    assert.equal(
      Buffer.from(layers[0]?.json ?? []).toString(),
      '{"id":"be589a0d1de53655b02c971a2060eeb6220cf33cc2c9ee59b082bf7a5ab5d9b1"}',
    );
  });

  it('what is written is read back, the same bytes every time, whatever the compression of the layers', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    await writeKinds(layout);
    const files = ['image', 'zstd', 'image'].map((kind, at) => [kind, join(env.folder, `${at}.tar`)] as const);
    for (const [kind, file] of files) await copy(env, `oci:${layout}:${kind}`, `docker-archive:${file}:app:1`);
    const [first, ...others] = await Promise.all(files.map(([, file]) => readFile(file)));
    assert.ok(first);
    for (const other of others) assert.deepEqual(other, first);
    const name = `docker-archive:${files[0]?.[1]}:app:1`;
    assert.deepEqual(await diffIds(env, name), await diffIds(env, `oci:${layout}:image`));
    assert.equal(await configDigest(env, name), await configDigest(env, `oci:${layout}:image`));
    assert.deepEqual(
      (await readdir(env.folder)).sort(),
      ['0.tar', '1.tar', '2.tar', 'layout', 'store'].filter((one) => existsSync(join(env.folder, one))),
    );
  });

  it('more tags are more names of the one image', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    await writeKinds(layout);
    const file = join(env.folder, 'a.tar');
    const location = locate(`docker-archive:${file}:app:1`);
    await using source = await openVerifiedSource(locate(`oci:${layout}:image`), env);
    await using destination = await location.openDestination(env);
    const root = await source.getManifest();
    const { namedBy } = await import('../../src/transports/named-content.ts');
    for (const blob of namedBy(root).blobs) {
      await destination.putBlob({ descriptor: blob, open: () => source.openBlob(blob) });
    }
    await destination.commit(root);
    await destination.tag?.(root, '2');
    const manifest = JSON.parse((await run('tar', ['xOf', file, 'manifest.json'])).stdout) as Array<{
      RepoTags: string[];
    }>;
    assert.deepEqual(manifest[0]?.RepoTags, ['docker.io/library/app:1', 'docker.io/library/app:2']);
    const repositories = JSON.parse((await run('tar', ['xOf', file, 'repositories'])).stdout) as Record<string, object>;
    assert.deepEqual(Object.keys(repositories['docker.io/library/app'] ?? {}), ['1', '2']);
  });

  it('images in one archive share blobs, and those of one config are one', async (t) => {
    const env = await testEnv(t);
    const { layers, ids, config } = await parts();
    const small = JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: [ids[0]] } });
    const plain = layers.map((bytes, at) => ({
      diffId: ids[at] ?? digestOf(bytes),
      size: bytes.byteLength,
      open: () => Readable.from([bytes]),
    }));
    const path = join(env.folder, 'many.tar');
    const tag = (name: string) => parseReference(name);
    await packDockerArchive(
      [
        { config: Buffer.from(config), layers: plain, tags: [tag('a:1')] },
        { config: Buffer.from(small), layers: plain.slice(0, 1), tags: [tag('b:1')] },
        { config: Buffer.from(config), layers: plain, tags: [tag('a:2'), tag('a:1')] },
      ],
      createWriteStream(path),
    );
    const names = (await run('tar', ['tf', path])).stdout.trim().split('\n');
    assert.equal(new Set(names).size, names.length);
    assert.equal(names.filter((name) => /^[0-9a-f]{64}\.tar$/.test(name)).length, 2);
    const manifest = JSON.parse((await run('tar', ['xOf', path, 'manifest.json'])).stdout) as Array<{
      RepoTags: string[];
    }>;
    assert.deepEqual(
      manifest.map(({ RepoTags }) => RepoTags),
      [['docker.io/library/a:1', 'docker.io/library/a:2'], ['docker.io/library/b:1']],
    );
    for (const name of ['a:1', 'a:2', 'b:1']) await readAll(env, `docker-archive:${path}:${name}`);
  });

  it('refuses what does not fit, and leaves no file', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    await writeKinds(layout);
    const file = join(env.folder, 'a.tar');
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
    const wrong = blobOf(
      image.config.mediaType,
      Buffer.from(JSON.stringify({ rootfs: { diff_ids: [digestOf(Buffer.from('x'))] } })),
    );
    // as BuildKit's attestations are, whose configs are those of images
    const statement = blobOf('application/vnd.in-toto+json', Buffer.from('{}'));
    const stated = blobOf(
      image.config.mediaType,
      Buffer.from(JSON.stringify({ rootfs: { diff_ids: [statement.digest] } })),
    );
    await writeFixtureLayout(join(env.folder, 'odd'), {
      odd: { ...image, config: wrong, manifest: manifestOf(wrong, image.layers) },
      statement: { ...image, config: stated, layers: [statement], manifest: manifestOf(stated, [statement]) },
    });
    for (const [from, code] of [
      [`oci:${layout}:artifact`, 'NOT_AN_IMAGE'],
      [`oci:${join(env.folder, 'odd')}:statement`, 'NOT_AN_IMAGE'],
      [`oci:${join(env.folder, 'odd')}:odd`, 'DIFF_ID_MISMATCH'],
    ] as const) {
      await assert.rejects(copy(env, from, `docker-archive:${file}`), { code });
      assert.equal(existsSync(file), false);
    }
    await writeFile(file, 'mine');
    await assert.rejects(copy(env, `oci:${layout}:image`, `docker-archive:${file}`), { code: 'ARCHIVE_EXISTS' });
    assert.equal(await readFile(file, 'utf8'), 'mine');
    assert.throws(() => locate(`docker-archive:${file}:app@${digestOf(Buffer.from(''))}`), {
      code: 'INVALID_IMAGE_NAME',
    });
  });

  it('of several who write the same archive at once, one does', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    await writeKinds(layout);
    const path = join(env.folder, 'a.tar');
    const written = ['1', '2', '3'].map((tag) => copy(env, `oci:${layout}:image`, `docker-archive:${path}:app:${tag}`));
    const outcomes = await Promise.allSettled(written);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.deepEqual(
      failed.map(({ reason }) => (reason as { code?: string }).code),
      ['ARCHIVE_EXISTS', 'ARCHIVE_EXISTS'],
    );
    assert.deepEqual(
      (await readdir(env.folder)).filter((name) => name.startsWith('a.tar')),
      ['a.tar'],
    );
  });

  it('a symbolic link stays one, and a long name is no trouble', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    await writeKinds(layout);
    await symlink(`${'n'.repeat(250)}.tar`, join(env.folder, 'link'));
    await copy(env, `oci:${layout}:image`, `docker-archive:${join(env.folder, 'link')}:app:1`);
    assert.ok((await lstat(join(env.folder, 'link'))).isSymbolicLink());
    const at = `docker-archive:${join(env.folder, `${'n'.repeat(250)}.tar`)}`;
    assert.deepEqual(await diffIds(env, at), await diffIds(env, `oci:${layout}:image`));
  });

  it('writes to standard output, and leaves it open', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    await writeKinds(layout);
    const file = join(env.folder, 'out.tar');
    const output = createWriteStream(file);
    await copy({ ...env, standardOutput: () => output } as TestEnv, `oci:${layout}:image`, 'docker-archive:-:app:1');
    assert.equal(output.writableEnded, false);
    await new Promise((resolve) => output.end(resolve));
    await copy(env, `oci:${layout}:image`, `docker-archive:${join(env.folder, 'b.tar')}:app:1`);
    assert.deepEqual(await readFile(file), await readFile(join(env.folder, 'b.tar')));
  });

  it('a blob that is not what it should be is not kept', async (t) => {
    const env = await testEnv(t);
    await using destination = await locate(`docker-archive:${join(env.folder, 'a.tar')}`).openDestination(env);
    const digester = createDigester();
    digester.update(Buffer.from('right'));
    const descriptor = { mediaType: layerTypes.tar, digest: digester.digest(), size: 5 };
    for (const bytes of ['wrong', 'righ', 'right?']) {
      await assert.rejects(destination.putBlob({ descriptor, open: async () => Readable.from([Buffer.from(bytes)]) }), {
        code: 'DIGEST_MISMATCH',
      });
    }
    assert.equal(await destination.hasBlob(descriptor), false);
  });
});
