import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  blobOf,
  type FixtureBlob,
  type FixtureImage,
  fixtureImage,
  fixtureIndex,
  pushFixtureBlob,
  pushFixtureManifest,
} from '../../fixtures/images.ts';
import { decompress } from '../../src/compression/decompress.ts';
import type { CopyChanges } from '../../src/copy/copy-request.ts';
import { plannedDigest } from '../../src/copy/plan.ts';
import { jweUnwrapper, jweWrapper } from '../../src/encryption/jwe.ts';
import type { LayerEncryption } from '../../src/encryption/layer-encryption.ts';
import { ConflictError } from '../../src/foundation/errors.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { parseIndex } from '../../src/oci/image-index.ts';
import { type ImageManifest, parseImageManifest } from '../../src/oci/manifest.ts';
import { isIndexType, mediaTypes } from '../../src/oci/media-types.ts';
import { type CopyTaking, copyImage } from '../../src/operations/copy-image.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { ecPair } from '../encryption/support.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { type ImageRegistry, imageRegistry } from './image-registry.ts';

const alice = ecPair();
const bob = ecPair();
const forAlice: LayerEncryption = { recipients: [jweWrapper([alice.publicKey])], layers: [], keys: [] };
const asAlice: LayerEncryption = { recipients: [], layers: [], keys: [jweUnwrapper([alice.privateKey])] };
const asBob: LayerEncryption = { recipients: [], layers: [], keys: [jweUnwrapper([bob.privateKey])] };
const gzipEncrypted = `${mediaTypes.ociLayerGzip}+encrypted`;

const pick = ({ mediaType, digest, size }: FixtureBlob) => ({ mediaType, digest, size });

function imagesOf(format: 'oci' | 'docker'): Promise<FixtureImage[]> {
  return Promise.all(
    ['amd64', 'arm64'].map((architecture) =>
      fixtureImage({
        format,
        platform: { os: 'linux', architecture },
        layers: [{ shared: 'the same in all'.repeat(500) }, { own: architecture.repeat(3000) }],
      }),
    ),
  );
}

function attestationOf(image: FixtureImage): FixtureImage {
  const statement = blobOf(mediaTypes.inToto, Buffer.from(`{"subject":"${image.manifest.digest}"}`));
  const config = blobOf(mediaTypes.ociConfig, Buffer.from('{"architecture":"unknown","os":"unknown"}'));
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: pick(config),
    layers: [{ ...pick(statement), annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v1' } }],
  };
  const manifest = blobOf(mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  return { platform: { os: 'unknown', architecture: 'unknown' }, manifest, config, layers: [statement] };
}

interface Scene extends ImageRegistry {
  readonly env: TestEnv;
  readonly images: readonly FixtureImage[];
}

/** `src/app:multi` is an index of two images. */
async function scene(t: TestContext, format: 'oci' | 'docker' = 'oci'): Promise<Scene> {
  const env = await testEnv(t);
  const images = await imagesOf(format);
  return { ...(await imageRegistry(t, images, format)), env, images };
}

interface Options extends CopyChanges {
  readonly dryRun?: boolean;
  readonly take?: CopyTaking;
  /** A location of another kind. */
  readonly place?: string;
}

function copy({ env, host }: Scene, from: string, to: string, { dryRun = false, take, place, ...changes }: Options) {
  return copyImage(env, {
    source: locate(`docker://${host}/${from}`),
    destination: locate(place ?? `docker://${host}/${to}`),
    take: take ?? { select: 'all', unselected: 'keep' },
    tags: [],
    dryRun,
    ...changes,
  });
}

/** The images below a name, with the plain bytes of layers that are not encrypted. */
async function read({ env, host }: Scene, name: string) {
  await using source = await openVerifiedSource(locate(`docker://${host}/${name}`), env);
  const root = await source.getManifest();
  const digests = isIndexType(root.mediaType) ? parseIndex(root).manifests.map(({ digest }) => digest) : [root.digest];
  const images: ImageManifest[] = [];
  const tars: Buffer[][] = [];
  for (const digest of digests) {
    const image = parseImageManifest(await source.getManifest(digest));
    images.push(image);
    const plain = image.layers.filter(({ mediaType }) => !mediaType.endsWith('+encrypted'));
    tars.push(
      await Promise.all(plain.map(async (layer) => buffer(Readable.from(decompress(await source.openBlob(layer)))))),
    );
  }
  return { root, digests, images, tars };
}

const plainOf = (images: readonly FixtureImage[]): Buffer[][] =>
  images.map((image) => image.layers.map((layer) => gunzipSync(layer.bytes)));
const digestsOf = (images: readonly FixtureImage[]): Digest[] => images.map(({ manifest }) => manifest.digest);
const typesOf = (images: readonly ImageManifest[]): string[][] =>
  images.map(({ layers }) => layers.map(({ mediaType }) => mediaType));
const writes = (requests: readonly string[]): string[] =>
  requests.filter((request) => /^(PUT|POST|PATCH)/.test(request));

/** The blobs in the local store. */
async function kept(env: TestEnv): Promise<string[]> {
  return readdir(join(env.folder, 'store', 'blobs', 'sha256')).catch(() => []);
}

describe('copying with encryption', () => {
  it('encrypts every layer of every image once, and gives the very image back when it is decrypted', async (t) => {
    const setup = await scene(t);
    const { result, plan } = await copy(setup, 'src/app:multi', 'dst/app:enc', { encryption: forAlice });
    assert.equal(plannedDigest(plan), undefined);
    assert.equal(result?.encrypted, 3);
    assert.equal(result?.decrypted, undefined);
    assert.equal(plan.changed.length, 3, 'signatures of the index and of both images would break');
    const { images } = await read(setup, 'dst/app:enc');
    assert.deepEqual(typesOf(images), [
      [gzipEncrypted, gzipEncrypted],
      [gzipEncrypted, gzipEncrypted],
    ]);
    assert.equal(images[0]?.layers[0]?.digest, images[1]?.layers[0]?.digest);
    const names = Object.keys(images[0]?.layers[0]?.annotations ?? {}).sort();
    assert.deepEqual(names, ['org.opencontainers.image.enc.keys.jwe', 'org.opencontainers.image.enc.pubopts']);

    const back = await copy(setup, 'dst/app:enc', 'dst/app:plain', { encryption: asAlice });
    assert.equal(back.result?.decrypted, 3);
    const plain = await read(setup, 'dst/app:plain');
    assert.deepEqual(plain.digests, digestsOf(setup.images));
    assert.deepEqual(plain.tars, plainOf(setup.images));
    assert.deepEqual(await kept(setup.env), []);
  });

  it('makes OCI images of Docker images, and says so', async (t) => {
    const setup = await scene(t, 'docker');
    const { plan } = await copy(setup, 'src/app:multi', 'dst/app:enc', { encryption: forAlice });
    assert.match(plan.notes.join('\n'), /linux\/amd64: converted to .*oci.*, 2 layers encrypted/);
    const { root, images } = await read(setup, 'dst/app:enc');
    assert.equal(root.mediaType, mediaTypes.ociIndex);
    assert.deepEqual(typesOf(images)[0], [gzipEncrypted, gzipEncrypted]);
    await copy(setup, 'dst/app:enc', 'dst/app:plain', { encryption: asAlice, format: 'docker' });
    assert.deepEqual((await read(setup, 'dst/app:plain')).tars, plainOf(setup.images));
  });

  it('encrypts the layers that are named, and refuses those that are not there', async (t) => {
    const setup = await scene(t);
    const plain = mediaTypes.ociLayerGzip;
    for (const [layers, types] of [
      [[0], [gzipEncrypted, plain]],
      [[-1], [plain, gzipEncrypted]],
      [
        [1, -2],
        [gzipEncrypted, gzipEncrypted],
      ],
    ] as const) {
      await copy(setup, 'src/app:multi', 'dst/app:some', { encryption: { ...forAlice, layers } });
      const { images } = await read(setup, 'dst/app:some');
      for (const some of typesOf(images)) assert.deepEqual(some, types);
    }
    setup.requests.length = 0;
    for (const wrong of [2, -3]) {
      const encryption = { ...forAlice, layers: [0, wrong] };
      const refused = { code: 'NO_SUCH_LAYER', message: new RegExp(`no layer ${wrong} .*there are 2 layers`) };
      await assert.rejects(copy(setup, 'src/app:multi', 'dst/app:wrong', { encryption }), refused);
    }
    assert.deepEqual(writes(setup.requests), []);
  });

  it('tells that images which an index names, and which are not copied, are not encrypted', async (t) => {
    const setup = await scene(t);
    for (const [select, unselected, noted] of [
      ['none', 'keep', 1],
      [{ platforms: [{ os: 'linux', architecture: 'amd64' }] }, 'keep', 1],
      [{ platforms: [{ os: 'linux', architecture: 'amd64' }] }, 'strip', 0],
      ['all', 'keep', 0],
    ] as const) {
      const take = { select, unselected };
      const { plan } = await copy(setup, 'src/app:multi', 'dst/app:1', { encryption: forAlice, dryRun: true, take });
      const notes = plan.notes.filter((note) => /only images that are copied are encrypted/.test(note));
      assert.equal(notes.length, noted, JSON.stringify(take));
    }
  });

  it('tells in a dry run what it would do, and does nothing', async (t) => {
    const setup = await scene(t);
    const { plan, result } = await copy(setup, 'src/app:multi', 'dst/app:1', { encryption: forAlice, dryRun: true });
    assert.equal(result, undefined);
    assert.equal(plannedDigest(plan), undefined);
    assert.deepEqual(
      plan.steps.filter(({ kind }) => kind === 'encrypt').map((step) => 'layer' in step && step.layer.digest),
      [...new Set(setup.images.flatMap((image) => image.layers.map(({ digest }) => digest)))],
    );
    assert.match(plan.changes.join('\n'), /linux\/arm64: 2 layers encrypted, so its digest changes from sha256:/);
    assert.deepEqual(writes(setup.requests), []);
    const shown = JSON.stringify(plan.steps, (_, value: unknown) => (value instanceof Map ? [...value] : value));
    assert.doesNotMatch(shown, /recipients|PRIVATE|"d":/);
  });

  it('refuses to change digests that are to be preserved, before anything is sent', async (t) => {
    const setup = await scene(t);
    const changes = { encryption: forAlice, preserveDigests: true };
    await assert.rejects(copy(setup, 'src/app:multi', 'dst/app:1', changes), (thrown) => {
      assert.ok(thrown instanceof ConflictError);
      assert.equal(thrown.code, 'DIGESTS_WOULD_CHANGE');
      assert.match(thrown.message, /layers encrypted/);
      return true;
    });
    assert.deepEqual(writes(setup.requests), []);
  });

  it('remembers nothing: every run encrypts anew, and an older result is not taken for this one', async (t) => {
    const setup = await scene(t);
    const roots = new Set<string | undefined>();
    for (let run = 0; run < 2; run += 1) {
      const { result } = await copy(setup, 'src/app:multi', 'dst/app:enc', { encryption: forAlice });
      assert.equal(result?.encrypted, 3);
      roots.add(result?.root.digest);
    }
    assert.equal(roots.size, 2);
    const compression = { format: 'zstd' } as const;
    await copy(setup, 'src/app:multi', 'dst/app:zstd', { compression });
    const { result } = await copy(setup, 'src/app:multi', 'dst/app:zstd', { compression, encryption: forAlice });
    assert.equal(result?.encrypted, 3);
    const plain = await copy(setup, 'src/app:multi', 'dst/app:zstd', { compression });
    assert.deepEqual(typesOf((await read(setup, 'dst/app:zstd')).images)[0], [
      mediaTypes.ociLayerZstd,
      mediaTypes.ociLayerZstd,
    ]);
    assert.equal(plain.result?.recompressed, 0);
  });

  it('compresses before it encrypts and after it decrypts, and zstd:chunked becomes zstd', async (t) => {
    const setup = await scene(t);
    const zstd = `${mediaTypes.ociLayerZstd}+encrypted`;
    const compression = { format: 'zstd:chunked' } as const;
    const { plan } = await copy(setup, 'src/app:multi', 'dst/app:enc', { encryption: forAlice, compression });
    assert.match(plan.notes.join('\n'), /zstd:chunked is of no use to encrypted layers/);
    const { images } = await read(setup, 'dst/app:enc');
    assert.deepEqual(typesOf(images)[0], [zstd, zstd]);
    assert.doesNotMatch(JSON.stringify(images[0]?.layers), /zstd-chunked/);

    // what is encrypted already is not compressed
    await copy(setup, 'dst/app:enc', 'dst/app:same', { compression: { format: 'gzip' } });
    assert.deepEqual(typesOf((await read(setup, 'dst/app:same')).images)[0], [zstd, zstd]);

    const gzip = { format: 'gzip' } as const;
    await copy(setup, 'dst/app:enc', 'dst/app:plain', { encryption: asAlice, compression: gzip });
    const back = await read(setup, 'dst/app:plain');
    assert.deepEqual(typesOf(back.images)[0], [mediaTypes.ociLayerGzip, mediaTypes.ociLayerGzip]);
    assert.deepEqual(back.tars, plainOf(setup.images));
  });

  it('adds compression variants that are encrypted like the rest', async (t) => {
    const setup = await scene(t);
    await copy(setup, 'src/app:multi', 'dst/app:enc', { encryption: forAlice, addCompression: [{ format: 'zstd' }] });
    const zstd = `${mediaTypes.ociLayerZstd}+encrypted`;
    assert.deepEqual(typesOf((await read(setup, 'dst/app:enc')).images), [
      [gzipEncrypted, gzipEncrypted],
      [gzipEncrypted, gzipEncrypted],
      [zstd, zstd],
      [zstd, zstd],
    ]);
    const { result } = await copy(setup, 'dst/app:enc', 'dst/app:plain', { encryption: asAlice });
    assert.equal(result?.decrypted, 6);
    assert.deepEqual((await read(setup, 'dst/app:plain')).tars, [...plainOf(setup.images), ...plainOf(setup.images)]);
  });

  it('leaves encrypted layers alone, and gives them further recipients with a key that opens them', async (t) => {
    const setup = await scene(t);
    await copy(setup, 'src/app:multi', 'dst/app:enc', { encryption: forAlice });
    const first = await read(setup, 'dst/app:enc');
    const forBob: LayerEncryption = { ...forAlice, recipients: [jweWrapper([bob.publicKey])] };
    const again = await copy(setup, 'dst/app:enc', 'dst/app:again', { encryption: forBob });
    assert.equal(again.result?.root.digest, first.root.digest);
    assert.match(again.plan.notes.join('\n'), /layer 1 is encrypted already and gets no further recipients/);

    setup.requests.length = 0;
    const more = await copy(setup, 'dst/app:enc', 'dst/app:both', { encryption: { ...forBob, keys: asAlice.keys } });
    assert.equal(more.result?.encrypted, undefined);
    assert.equal(setup.requests.filter((request) => /^(POST|PATCH)|PUT .*\/blobs\//.test(request)).length, 0);
    const both = await read(setup, 'dst/app:both');
    assert.notEqual(both.root.digest, first.root.digest);
    assert.deepEqual(
      both.images.map(({ layers }) => layers.map(({ digest }) => digest)),
      first.images.map(({ layers }) => layers.map(({ digest }) => digest)),
    );
    for (const encryption of [asAlice, asBob]) {
      await copy(setup, 'dst/app:both', 'dst/app:plain', { encryption });
      assert.deepEqual((await read(setup, 'dst/app:plain')).digests, digestsOf(setup.images));
    }
    await assert.rejects(copy(setup, 'dst/app:enc', 'dst/app:x', { encryption: { ...forAlice, keys: asBob.keys } }), {
      code: 'NO_KEY_FITS',
    });
  });

  it('changes nothing of a plain image that it has a key for', async (t) => {
    const setup = await scene(t);
    const { result } = await copy(setup, 'src/app:multi', 'dst/app:1', { encryption: asAlice, preserveDigests: true });
    assert.equal(result?.root.digest, fixtureIndex(setup.images).digest);
  });

  it('refuses a key that does not fit, before anything is sent', async (t) => {
    const setup = await scene(t);
    await copy(setup, 'src/app:multi', 'dst/app:enc', { encryption: forAlice });
    setup.requests.length = 0;
    for (const dryRun of [true, false]) {
      const changes = { encryption: asBob, dryRun };
      await assert.rejects(copy(setup, 'dst/app:enc', 'dst/app:x', changes), { code: 'NO_KEY_FITS', side: 'source' });
    }
    assert.deepEqual(writes(setup.requests), []);
  });

  it('never lets damaged layers through: neither their bytes nor the name', async (t) => {
    const setup = await scene(t);
    await copy(setup, 'src/app:multi', 'dst/app:enc', { encryption: forAlice });
    const [image] = (await read(setup, 'dst/app:enc')).images;
    const layer = image?.layers[1];
    assert.ok(image !== undefined && layer !== undefined);
    await using source = await openVerifiedSource(locate(`docker://${setup.host}/dst/app:enc`), setup.env);
    const bytes = Buffer.from(await source.readBlob(layer, 1 << 20));
    const damaged = Buffer.from(bytes);
    damaged[0] = (damaged[0] ?? 0) ^ 1;
    for (const [tag, wrong] of [
      ['damaged', damaged],
      ['cut', bytes.subarray(0, -1)],
      ['longer', Buffer.concat([bytes, Buffer.alloc(1)])],
    ] as const) {
      // registry and digests are content with it: only the HMAC can tell
      const blob = blobOf(layer.mediaType, wrong);
      await pushFixtureBlob(setup.url, 'dst/app', blob);
      const descriptors = [image.layers[0], { ...layer, ...pick(blob) }];
      const document = { schemaVersion: 2, mediaType: image.mediaType, config: image.config, layers: descriptors };
      await pushFixtureManifest(
        setup.url,
        'dst/app',
        blobOf(image.mediaType, Buffer.from(JSON.stringify(document))),
        tag,
      );
      setup.requests.length = 0;
      await assert.rejects(copy(setup, `dst/app:${tag}`, 'out/app:1', { encryption: asAlice }), {
        code: 'HMAC_MISMATCH',
        kind: 'integrity',
        side: 'source',
      });
      assert.deepEqual(
        setup.requests.filter((request) => /PUT .*\/manifests\//.test(request)),
        [],
        tag,
      );
      assert.deepEqual(await kept(setup.env), [], tag);
    }
  });

  it('has no Docker images with encrypted layers, and no archives that load them', async (t) => {
    const setup = await scene(t);
    await copy(setup, 'src/app:multi', 'dst/app:enc', { encryption: forAlice });
    const place = `docker-archive:${join(setup.env.folder, 'a.tar')}`;
    setup.requests.length = 0;
    for (const [from, changes] of [
      ['src/app:multi', { encryption: forAlice, format: 'docker' }],
      ['src/app:multi', { encryption: forAlice, place }],
      ['dst/app:enc', { format: 'docker' }],
      ['dst/app:enc', { place }],
    ] as const) {
      await assert.rejects(copy(setup, from, 'dst/app:x', changes), { code: 'ENCRYPTED_LAYER', kind: 'unsupported' });
    }
    assert.deepEqual(writes(setup.requests), []);
    assert.deepEqual(
      (await readdir(setup.env.folder)).filter((name) => name.includes('a.tar')),
      [],
    );
    await copy(setup, 'dst/app:enc', 'dst/app:x', { place, encryption: asAlice });
  });

  it('keeps attestations readable and says so, and refuses to take other artifacts for encrypted', async (t) => {
    const setup = await scene(t);
    const attestations = setup.images.map(attestationOf);
    for (const { config, layers, manifest } of attestations) {
      for (const blob of [config, ...layers]) await pushFixtureBlob(setup.url, 'src/app', blob);
      await pushFixtureManifest(setup.url, 'src/app', manifest);
    }
    const index = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [
        ...setup.images.map((image) => ({ ...pick(image.manifest), platform: image.platform })),
        ...attestations.map((attestation, at) => ({
          ...pick(attestation.manifest),
          platform: attestation.platform,
          annotations: {
            'vnd.docker.reference.type': 'attestation-manifest',
            'vnd.docker.reference.digest': setup.images[at]?.manifest.digest ?? '',
          },
        })),
      ],
    };
    const root = blobOf(mediaTypes.ociIndex, Buffer.from(JSON.stringify(index)));
    await pushFixtureManifest(setup.url, 'src/app', root, 'attested');
    const { plan } = await copy(setup, 'src/app:attested', 'dst/app:enc', {
      encryption: { ...forAlice, layers: [-2] },
    });
    assert.equal(
      plan.notes.filter((note) => /attestation .* is no image, so it is not encrypted/.test(note)).length,
      2,
    );
    assert.equal(typesOf((await read(setup, 'dst/app:enc')).images)[2]?.[0], mediaTypes.inToto);

    const chart = blobOf('application/vnd.cncf.helm.chart.content.v1.tar+gzip', Buffer.from('chart'));
    const config = blobOf('application/vnd.cncf.helm.config.v1+json', Buffer.from('{}'));
    for (const blob of [chart, config]) await pushFixtureBlob(setup.url, 'src/app', blob);
    const document = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: pick(config),
      layers: [pick(chart)],
    };
    const artifact = blobOf(mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
    await pushFixtureManifest(setup.url, 'src/app', artifact, 'chart');
    await assert.rejects(copy(setup, 'src/app:chart', 'dst/app:x', { encryption: forAlice }), {
      code: 'NOTHING_TO_ENCRYPT',
    });
  });
});
