import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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
  pushFixtureImage,
  pushFixtureManifest,
} from '../../fixtures/images.ts';
import { decompress } from '../../src/compression/decompress.ts';
import { executePlan } from '../../src/copy/execute-plan.ts';
import { type CopyPlan, isNothingToDo, plannedDigest } from '../../src/copy/plan.ts';
import { type CopyRequest, planCopy } from '../../src/copy/plan-copy.ts';
import { ConflictError, RegistryError, UnsupportedError } from '../../src/foundation/errors.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { type ImageIndex, parseIndex } from '../../src/oci/image-index.ts';
import { type ImageManifest, parseImageManifest } from '../../src/oci/manifest.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import { startRegistry } from '../../src/registry-server/server.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource, type VerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { artifact } from './artifact.ts';
import { type ImageRegistry, imageRegistry } from './image-registry.ts';

const zstdAnnotation = { 'io.github.containers.compression.zstd': 'true' };

async function twoImages(format: 'oci' | 'docker' = 'oci'): Promise<FixtureImage[]> {
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

function attestationOf(image: FixtureImage, more: object = {}): FixtureImage {
  const statement = blobOf('application/vnd.in-toto+json', Buffer.from(`{"subject":"${image.manifest.digest}"}`));
  const config = blobOf(mediaTypes.ociConfig, Buffer.from('{"architecture":"unknown","os":"unknown"}'));
  const manifest = blobOf(
    mediaTypes.ociManifest,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: pick(config),
        layers: [
          { ...pick(statement), annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v1' } },
        ],
        ...more,
      }),
    ),
  );
  return { platform: { os: 'unknown', architecture: 'unknown' }, manifest, config, layers: [statement] };
}

const pick = ({ mediaType, digest, size }: FixtureBlob) => ({ mediaType, digest, size });

function attestedIndex(images: readonly FixtureImage[], attestations: readonly FixtureImage[]): FixtureBlob {
  return blobOf(
    mediaTypes.ociIndex,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: [
          ...images.map((image) => ({ ...pick(image.manifest), platform: image.platform })),
          ...attestations.map((attestation, at) => ({
            ...pick(attestation.manifest),
            platform: attestation.platform,
            annotations: {
              'vnd.docker.reference.type': 'attestation-manifest',
              'vnd.docker.reference.digest': images[at]?.manifest.digest ?? '',
            },
          })),
        ],
      }),
    ),
  );
}

interface Setup extends ImageRegistry {
  readonly env: TestEnv;
  readonly images: readonly FixtureImage[];
}

async function setUp(t: TestContext, format: 'oci' | 'docker' = 'oci'): Promise<Setup> {
  const env = await testEnv(t);
  const images = await twoImages(format);
  const registry = await imageRegistry(t, images, format);
  const attestations = images.map((image) => attestationOf(image));
  for (const attestation of format === 'oci' ? attestations : []) {
    for (const blob of [attestation.config, ...attestation.layers])
      await pushFixtureBlob(registry.url, 'src/app', blob);
    await pushFixtureManifest(registry.url, 'src/app', attestation.manifest);
  }
  if (format === 'oci') {
    await pushFixtureManifest(registry.url, 'src/app', attestedIndex(images, attestations), 'attested');
  }
  registry.requests.length = 0;
  return { ...registry, env, images };
}

async function copy({ env, host }: Setup, from: string, to: string, options: Partial<CopyRequest>) {
  const location = locate(`docker://${host}/${to}`);
  await using source = await openVerifiedSource(locate(`docker://${host}/${from}`), env);
  await using destination = await location.openDestination(env);
  const store = env.store();
  const plan: CopyPlan = await planCopy({
    source,
    destination,
    location,
    select: 'all',
    unselected: 'keep',
    host: env.host,
    store,
    ...options,
  });
  return { plan, result: await executePlan(env.session, plan, source, destination, { store }) };
}

interface Read {
  readonly index: ImageIndex;
  readonly images: readonly ImageManifest[];
  /** Plain bytes of every layer. */
  readonly tars: ReadonlyArray<readonly Buffer[]>;
}

async function read({ env, host }: Setup, name: string): Promise<Read> {
  await using source = await openVerifiedSource(locate(`docker://${host}/${name}`), env);
  const index = parseIndex(await source.getManifest());
  const images: ImageManifest[] = [];
  const tars: Buffer[][] = [];
  for (const { digest } of index.manifests) {
    const image = parseImageManifest(await source.getManifest(digest));
    images.push(image);
    tars.push(await Promise.all(image.layers.map((layer) => plainBytes(source, layer))));
  }
  return { index, images, tars };
}

async function plainBytes(source: VerifiedSource, layer: ImageManifest['layers'][number]): Promise<Buffer> {
  return buffer(Readable.from(decompress(await source.openBlob(layer))));
}

const plainOf = (images: readonly FixtureImage[]): Buffer[][] =>
  images.map((image) => image.layers.map((layer) => gunzipSync(layer.bytes)));

describe('copying with another compression', () => {
  for (const [format, mediaType] of [
    ['zstd', mediaTypes.ociLayerZstd],
    ['zstd:chunked', mediaTypes.ociLayerZstd],
    ['none', mediaTypes.ociLayerTar],
  ] as const) {
    it(`makes every layer ${format}, with the same content, configs and platforms`, async (t) => {
      const setup = await setUp(t);
      const { result, plan } = await copy(setup, 'src/app:multi', 'dst/app:1', { compression: { format } });
      assert.equal(plannedDigest(plan), undefined);
      assert.equal(result.recompressed, 3);
      const { index, images, tars } = await read(setup, 'dst/app:1');
      assert.deepEqual(tars, plainOf(setup.images));
      assert.deepEqual(
        index.manifests.map((entry) => entry.platform?.architecture),
        ['amd64', 'arm64'],
      );
      for (const image of images) for (const layer of image.layers) assert.equal(layer.mediaType, mediaType);
      assert.deepEqual(
        images.map((image) => image.config.digest),
        setup.images.map((image) => image.config.digest),
      );
      for (const entry of index.manifests)
        assert.deepEqual(entry.annotations, format === 'none' ? undefined : zstdAnnotation);
    });
  }

  it('makes zstd of OCI images whose layers have the types of Docker', async (t) => {
    const setup = await setUp(t);
    const image = setup.images[0] ?? assert.fail();
    const document = JSON.parse(image.manifest.bytes.toString()) as { layers: Array<{ mediaType: string }> };
    for (const layer of document.layers) layer.mediaType = mediaTypes.dockerLayerGzip;
    const manifest = blobOf(mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
    await pushFixtureManifest(setup.url, 'src/app', manifest);
    await pushFixtureManifest(setup.url, 'src/app', fixtureIndex([{ ...image, manifest }]), 'docker-types');
    await copy(setup, 'src/app:docker-types', 'dst/app:1', { addCompression: [{ format: 'zstd' }] });
    const { images, tars } = await read(setup, 'dst/app:1');
    const types = images.map(({ layers }) => [...new Set(layers.map((layer) => layer.mediaType))]);
    assert.deepEqual(types, [[mediaTypes.dockerLayerGzip], [mediaTypes.ociLayerZstd]]);
    assert.deepEqual(tars[1], tars[0]);
  });

  for (const program of ['bzip2', 'xz']) {
    const isHere = spawnSync(program, ['--version']).error === undefined;
    it(`compresses anew what is ${program}`, { skip: !isHere && `there is no ${program} here` }, async (t) => {
      const setup = await setUp(t);
      const image = setup.images[0] ?? assert.fail();
      const packed = image.layers.map(({ bytes }) =>
        blobOf(mediaTypes.ociLayerTar, spawnSync(program, ['-c'], { input: gunzipSync(bytes) }).stdout),
      );
      for (const layer of packed) await pushFixtureBlob(setup.url, 'src/app', layer);
      const document = { ...(JSON.parse(image.manifest.bytes.toString()) as object), layers: packed.map(pick) };
      const manifest = blobOf(mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
      await pushFixtureManifest(setup.url, 'src/app', manifest);
      await pushFixtureManifest(setup.url, 'src/app', fixtureIndex([{ ...image, manifest }]), program);
      await copy(setup, `src/app:${program}`, 'dst/app:1', { compression: { format: 'gzip' } });
      assert.deepEqual((await read(setup, 'dst/app:1')).tars, plainOf([image]));
    });
  }

  it('leaves layers alone that are in the wanted form, and so every byte', async (t) => {
    const setup = await setUp(t);
    const { result } = await copy(setup, 'src/app:multi', 'dst/app:1', { compression: { format: 'gzip' } });
    assert.equal(result.recompressed, 0);
    assert.equal(result.root.digest, fixtureIndex(setup.images).digest);
  });

  it('takes the annotation of zstd away with the zstd', async (t) => {
    const setup = await setUp(t);
    await copy(setup, 'src/app:multi', 'dst/app:zstd', { compression: { format: 'zstd' } });
    await copy(setup, 'dst/app:zstd', 'dst/app:gzip', { compression: { format: 'gzip' } });
    const { index, tars } = await read(setup, 'dst/app:gzip');
    assert.deepEqual(tars, plainOf(setup.images));
    assert.deepEqual(
      index.manifests.map((entry) => entry.annotations),
      [undefined, undefined],
    );
  });

  it('has nothing to do the second time, and asks one question for that', async (t) => {
    const setup = await setUp(t);
    await copy(setup, 'src/app:multi', 'dst/app:1', { compression: { format: 'zstd' } });
    setup.requests.length = 0;
    const { plan, result } = await copy(setup, 'src/app:multi', 'dst/app:1', { compression: { format: 'zstd' } });
    assert.equal(isNothingToDo(plan), true);
    assert.equal(result.root.digest, plannedDigest(plan));
    assert.deepEqual(setup.requests, ['GET /v2/src/app/manifests/multi', 'HEAD /v2/dst/app/manifests/1']);
  });

  it('compresses nothing for another repository: what was made is mounted', async (t) => {
    const setup = await setUp(t);
    await copy(setup, 'src/app:multi', 'dst/app:1', { compression: { format: 'zstd' } });
    const { plan, result } = await copy(setup, 'src/app:multi', 'other/app:1', { compression: { format: 'zstd' } });
    assert.equal(result.recompressed, 0);
    assert.equal(result.copied, 0);
    assert.notEqual(plannedDigest(plan), undefined);
    assert.deepEqual((await read(setup, 'other/app:1')).tars, plainOf(setup.images));
  });

  it('makes what was promised again where a mount is refused', async (t) => {
    const setup = await setUp(t);
    const first = await copy(setup, 'src/app:multi', 'dst/app:1', { compression: { format: 'zstd' } });
    const { registry, repository } = first.plan.repository ?? { registry: '', repository: '' };
    // another registry under the same name, as far as the knowledge goes: it has nothing
    const other = await startRegistry({ storage: 'memory' });
    t.after(() => other.close());
    const digests = (await read(setup, 'dst/app:1')).images.flatMap((image) =>
      image.layers.map((layer) => layer.digest),
    );
    setup.env.store().knowledge.rememberBlobs(other.host, repository, digests);
    assert.equal(registry, setup.host);
    const location = locate(`docker://${other.host}/x/app:1`);
    await using source = await openVerifiedSource(locate(`docker://${setup.host}/src/app:multi`), setup.env);
    await using destination = await location.openDestination(setup.env);
    const store = setup.env.store();
    const compression = { format: 'zstd' } as const;
    const base = { select: 'all', unselected: 'keep', host: setup.env.host } as const;
    const plan = await planCopy({ source, destination, location, store, compression, ...base });
    const result = await executePlan(setup.env.session, plan, source, destination, { store });
    assert.equal(result.root.digest, first.result.root.digest);
    assert.deepEqual((await read({ ...setup, host: other.host }, 'x/app:1')).tars, plainOf(setup.images));
  });

  it('keeps what it compressed when it fails, and only sends it the next time', async (t) => {
    const setup = await setUp(t);
    const location = locate(`docker://${setup.host}/dst/app:1`);
    await using source = await openVerifiedSource(locate(`docker://${setup.host}/src/app:multi`), setup.env);
    await using destination = await location.openDestination(setup.env);
    const store = setup.env.store();
    const compression = { format: 'zstd' } as const;
    const request = { source, destination, location, store, compression, select: 'all', unselected: 'keep' } as const;
    const failing = {
      ...destination,
      putBlob: async () => {
        throw new RegistryError('the registry is full', { code: 'FULL' });
      },
      [Symbol.asyncDispose]: async () => {},
    };
    const plan = await planCopy({ ...request, host: setup.env.host });
    await assert.rejects(executePlan(setup.env.session, plan, source, failing, { store }), RegistryError);
    await store.collectGarbage();
    const again = await planCopy({ ...request, host: setup.env.host });
    const kinds = again.steps.map((step) => step.kind);
    // as many as had been compressed before the failure; at least the first
    assert.ok(kinds.includes('copy'));
    const result = await executePlan(setup.env.session, again, source, destination, { store });
    assert.ok(result.recompressed < 3);
    assert.deepEqual((await read(setup, 'dst/app:1')).tars, plainOf(setup.images));
    await store.collectGarbage();
    const made = (await read(setup, 'dst/app:1')).images.flatMap((image) => image.layers);
    for (const layer of made) assert.equal(await store.content.has(layer.digest), false);
  });

  it('makes OCI images of Docker ones for zstd, and says so', async (t) => {
    const setup = await setUp(t, 'docker');
    const { plan } = await copy(setup, 'src/app:multi', 'dst/app:1', { compression: { format: 'zstd' } });
    const { index, images, tars } = await read(setup, 'dst/app:1');
    assert.equal(index.mediaType, mediaTypes.ociIndex);
    for (const image of images) {
      assert.equal(image.mediaType, mediaTypes.ociManifest);
      assert.deepEqual(
        image.layers.map((layer) => layer.mediaType),
        [mediaTypes.ociLayerZstd, mediaTypes.ociLayerZstd],
      );
    }
    assert.deepEqual(tars, plainOf(setup.images));
    assert.ok(plan.notes.some((note) => note.includes('converted to application/vnd.oci.image.manifest.v1+json')));
  });

  it('refuses zstd in Docker images before it changes anything', async (t) => {
    const setup = await setUp(t);
    await assert.rejects(
      copy(setup, 'src/app:multi', 'dst/app:1', { compression: { format: 'zstd' }, format: 'docker' }),
      (thrown: unknown) => thrown instanceof UnsupportedError && thrown.code === 'COMPRESSION_NOT_IN_FORMAT',
    );
    assert.deepEqual(
      setup.requests.filter((request) => !/^(GET|HEAD) /.test(request)),
      [],
    );
  });

  it('refuses up front what would change a digest that must stay', async (t) => {
    const setup = await setUp(t);
    for (const options of [{ compression: { format: 'zstd' } }, { format: 'docker' }] as const) {
      await assert.rejects(
        copy(setup, 'src/app:multi', 'dst/app:1', { ...options, preserveDigests: true }),
        (thrown: unknown) => thrown instanceof ConflictError && thrown.code === 'DIGESTS_WOULD_CHANGE',
      );
    }
    assert.deepEqual(
      setup.requests.filter((request) => !/^(GET|HEAD) /.test(request)),
      [],
    );
    const { result } = await copy(setup, 'src/app:multi', 'dst/app:1', { preserveDigests: true });
    assert.equal(result.root.digest, fixtureIndex(setup.images).digest);
  });
});

describe('compression variants', () => {
  it('come behind all others, annotated, one a platform', async (t) => {
    const setup = await setUp(t);
    const { plan } = await copy(setup, 'src/app:multi', 'dst/app:1', { addCompression: [{ format: 'zstd' }] });
    assert.equal(plan.variants, 2);
    const { index, tars } = await read(setup, 'dst/app:1');
    assert.deepEqual(
      index.manifests.map((entry) => [entry.platform?.architecture, entry.annotations]),
      [
        ['amd64', undefined],
        ['arm64', undefined],
        ['amd64', zstdAnnotation],
        ['arm64', zstdAnnotation],
      ],
    );
    assert.deepEqual(
      index.manifests.slice(0, 2).map((entry) => entry.digest),
      setup.images.map((image) => image.manifest.digest),
    );
    assert.deepEqual(tars, [...plainOf(setup.images), ...plainOf(setup.images)]);
  });

  it('are not made twice', async (t) => {
    const setup = await setUp(t);
    const options = { addCompression: [{ format: 'zstd' }, { format: 'gzip' }] } as const;
    const first = await copy(setup, 'src/app:multi', 'dst/app:1', options);
    const second = await copy(setup, 'dst/app:1', 'dst/app:2', options);
    assert.equal(second.result.root.digest, first.result.root.digest);
  });

  /** amd64 is zstd without saying so in the index, as images are that were tied together later; arm64 is gzip. */
  async function mixed(t: TestContext): Promise<Setup> {
    const setup = await setUp(t);
    const chosen = { select: { platforms: [{ os: 'linux', architecture: 'amd64' }] }, unselected: 'strip' } as const;
    const made = await copy(setup, 'src/app:multi', 'src/app:zstd', { ...chosen, compression: { format: 'zstd' } });
    const [entry] = parseIndex(made.result.root).manifests;
    const [, arm64] = setup.images;
    assert.ok(entry && arm64);
    const manifests = [
      { ...pick(entry as FixtureBlob), platform: { os: 'linux', architecture: 'amd64' } },
      { ...pick(arm64.manifest), platform: arm64.platform },
    ];
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
    const bytes = Buffer.from(JSON.stringify(index));
    await pushFixtureManifest(setup.url, 'src/app', blobOf(mediaTypes.ociIndex, bytes), 'mixed');
    return setup;
  }

  const shapeOf = ({ index, images }: Read) =>
    index.manifests.map((entry, at) => [
      entry.platform?.architecture,
      images[at]?.layers.every((layer) => layer.mediaType === mediaTypes.ociLayerZstd) ? 'zstd' : 'gzip',
      entry.annotations?.['io.github.containers.compression.zstd'] === 'true' ? 'marked' : '',
    ]);

  it('are added to what the instances become, not to what they were', async (t) => {
    const setup = await mixed(t);
    const options = { compression: { format: 'gzip' }, addCompression: [{ format: 'zstd' }] } as const;
    await copy(setup, 'src/app:mixed', 'dst/app:1', options);
    const read1 = await read(setup, 'dst/app:1');
    assert.deepEqual(shapeOf(read1), [
      ['amd64', 'gzip', ''],
      ['arm64', 'gzip', ''],
      ['amd64', 'zstd', 'marked'],
      ['arm64', 'zstd', 'marked'],
    ]);
    assert.deepEqual(read1.tars, [...plainOf(setup.images), ...plainOf(setup.images)]);
  });

  it('come beside what says that it is zstd and becomes gzip', async (t) => {
    const setup = await setUp(t);
    await copy(setup, 'src/app:multi', 'src/app:both', { addCompression: [{ format: 'zstd' }] });
    const options = { compression: { format: 'gzip' }, addCompression: [{ format: 'zstd' }] } as const;
    await copy(setup, 'src/app:both', 'dst/app:1', options);
    assert.deepEqual(shapeOf(await read(setup, 'dst/app:1')), [
      ['amd64', 'gzip', ''],
      ['arm64', 'gzip', ''],
      ['amd64', 'gzip', ''],
      ['arm64', 'gzip', ''],
      ['amd64', 'zstd', 'marked'],
      ['arm64', 'zstd', 'marked'],
    ]);
  });

  it('come beside instances that are zstd already, which the index says then', async (t) => {
    const setup = await mixed(t);
    await copy(setup, 'src/app:mixed', 'dst/app:1', { compression: { format: 'zstd' } });
    assert.deepEqual(shapeOf(await read(setup, 'dst/app:1')), [
      ['amd64', 'zstd', 'marked'],
      ['arm64', 'zstd', 'marked'],
    ]);
    await copy(setup, 'src/app:mixed', 'dst/app:2', { addCompression: [{ format: 'zstd' }, { format: 'gzip' }] });
    assert.deepEqual(shapeOf(await read(setup, 'dst/app:2')), [
      ['arm64', 'gzip', ''],
      ['amd64', 'zstd', 'marked'],
      ['arm64', 'zstd', 'marked'],
    ]);
    const kept = await copy(setup, 'src/app:zstd', 'dst/app:3', {
      preserveDigests: true,
      compression: { format: 'zstd' },
    });
    assert.equal(kept.result.root.digest, kept.plan.original.digest);
  });

  it('are not made twice of zstd:chunked, nor where everything becomes that very form', async (t) => {
    const setup = await setUp(t);
    const options = { addCompression: [{ format: 'zstd' }, { format: 'zstd:chunked' }] } as const;
    const first = await copy(setup, 'src/app:multi', 'dst/app:1', options);
    const second = await copy(setup, 'dst/app:1', 'dst/app:2', options);
    assert.equal(second.result.root.digest, first.result.root.digest);
    assert.equal(first.plan.variants, 4);
    const all = { compression: { format: 'zstd' }, addCompression: [{ format: 'zstd' }] } as const;
    await copy(setup, 'src/app:multi', 'dst/app:3', all);
    assert.equal((await read(setup, 'dst/app:3')).index.manifests.length, 2);
  });

  it('are made of images, not of artifacts that stand before them', async (t) => {
    const setup = await setUp(t);
    const [image] = setup.images;
    assert.ok(image);
    const sbom = artifact('application/x-sbom', 'all that is in it');
    await pushFixtureImage(setup.url, 'src/app', sbom);
    // neither names a platform, which is one and the same to the choice of what is missing
    const manifests = [pick(sbom.manifest), pick(image.manifest)];
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
    await pushFixtureManifest(setup.url, 'src/app', blobOf(mediaTypes.ociIndex, bytes), 'artifact');
    const { plan } = await copy(setup, 'src/app:artifact', 'dst/app:1', { addCompression: [{ format: 'zstd' }] });
    assert.equal(plan.variants, 1);
    const { index, images } = await read(setup, 'dst/app:1');
    assert.deepEqual(
      index.manifests.map((entry) => entry.annotations),
      [undefined, undefined, zstdAnnotation],
    );
    assert.equal(images[2]?.config.digest, image.config.digest);
  });

  it('are never made of attestations, which go on to speak of the first instance', async (t) => {
    const setup = await setUp(t);
    await copy(setup, 'src/app:attested', 'dst/app:1', { addCompression: [{ format: 'zstd' }] });
    const { index } = await read(setup, 'dst/app:1');
    assert.deepEqual(
      index.manifests.map((entry) => [
        entry.platform?.architecture,
        entry.annotations?.['vnd.docker.reference.digest'],
      ]),
      [
        ['amd64', undefined],
        ['arm64', undefined],
        ['unknown', setup.images[0]?.manifest.digest],
        ['unknown', setup.images[1]?.manifest.digest],
        ['amd64', undefined],
        ['arm64', undefined],
      ],
    );
  });
});

describe('attestations', () => {
  it('follow the image when its digest changes', async (t) => {
    const setup = await setUp(t);
    const { plan } = await copy(setup, 'src/app:attested', 'dst/app:1', { compression: { format: 'zstd' } });
    const { index } = await read(setup, 'dst/app:1');
    const digestOf = (architecture: string): Digest | undefined =>
      index.manifests.find((entry) => entry.platform?.architecture === architecture)?.digest;
    const subjects = index.manifests.flatMap((entry) => entry.annotations?.['vnd.docker.reference.digest'] ?? []);
    assert.deepEqual(subjects, [digestOf('amd64'), digestOf('arm64')]);
    // in the order of the source, as with the peers
    const order = index.manifests.map((entry) => entry.platform?.architecture);
    assert.deepEqual(order, ['amd64', 'arm64', 'unknown', 'unknown']);
    assert.equal(plan.notes.filter((note) => note.startsWith('attestation ')).length, 2);
  });

  it('carry nothing along of what their subject was', async (t) => {
    const setup = await setUp(t);
    const [image] = setup.images;
    assert.ok(image);
    const data = Buffer.from(image.manifest.bytes).toString('base64');
    const attestation = attestationOf(image, { subject: { ...pick(image.manifest), data, annotations: { k: 'v' } } });
    await pushFixtureManifest(setup.url, 'src/app', attestation.manifest);
    await pushFixtureManifest(setup.url, 'src/app', attestedIndex([image], [attestation]), 'subject');
    await copy(setup, 'src/app:subject', 'dst/app:1', { compression: { format: 'zstd' } });
    const { index, images } = await read(setup, 'dst/app:1');
    const { mediaType, digest, size } = index.manifests[0] ?? {};
    assert.deepEqual(images[1]?.subject, { mediaType, digest, size, annotations: { k: 'v' } });
  });

  it('go where they are not wanted', async (t) => {
    const setup = await setUp(t);
    const { plan } = await copy(setup, 'src/app:attested', 'dst/app:1', { attestations: 'drop' });
    const { index } = await read(setup, 'dst/app:1');
    assert.deepEqual(
      index.manifests.map((entry) => entry.digest),
      setup.images.map((image) => image.manifest.digest),
    );
    assert.equal(plan.notes.filter((note) => /^attestation .*: dropped$/.test(note)).length, 2);
  });

  it('stop a copy that would change what they speak of', async (t) => {
    const setup = await setUp(t);
    await assert.rejects(
      copy(setup, 'src/app:attested', 'dst/app:1', { compression: { format: 'zstd' }, attestations: 'fail' }),
      (thrown: unknown) => thrown instanceof ConflictError && thrown.code === 'ATTESTATION_WOULD_DANGLE',
    );
    const { result } = await copy(setup, 'src/app:attested', 'dst/app:1', { attestations: 'fail' });
    assert.equal((await read(setup, 'dst/app:1')).index.manifests.length, 4);
    assert.equal(result.recompressed, 0);
  });
});

describe('a copy to a layout', () => {
  it('compresses there too', async (t) => {
    const setup = await setUp(t);
    const location = locate(`oci:${join(setup.env.folder, 'layout')}:x`);
    await using source = await openVerifiedSource(locate(`docker://${setup.host}/src/app:multi`), setup.env);
    await using destination = await location.openDestination(setup.env);
    const store = setup.env.store();
    const compression = { format: 'zstd' } as const;
    const base = { select: 'all', unselected: 'keep', host: setup.env.host } as const;
    const plan = await planCopy({ source, destination, location, store, compression, ...base });
    const { root } = await executePlan(setup.env.session, plan, source, destination, { store });
    await using written = await openVerifiedSource(location, setup.env);
    assert.equal((await written.getManifest()).digest, root.digest);
    for (const { digest } of parseIndex(root).manifests) {
      for (const layer of parseImageManifest(await written.getManifest(digest)).layers)
        await plainBytes(written, layer);
    }
  });
});
