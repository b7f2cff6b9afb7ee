/** What the interop tests read from: images, lists and artifacts of every sort, put into a registry. */
import {
  blobOf,
  type FixtureBlob,
  type FixtureImage,
  type FixturePlatform,
  fixtureImage,
  pushFixtureBlob,
  pushFixtureImage,
  pushFixtureManifest,
} from '../../fixtures/images.ts';

/** Eight platforms that people release for; the key is also the tag. */
export const eightPlatforms: Readonly<Record<string, FixturePlatform>> = {
  amd64: { os: 'linux', architecture: 'amd64' },
  arm64: { os: 'linux', architecture: 'arm64', variant: 'v8' },
  armv7: { os: 'linux', architecture: 'arm', variant: 'v7' },
  s390x: { os: 'linux', architecture: 's390x' },
  ppc64le: { os: 'linux', architecture: 'ppc64le' },
  386: { os: 'linux', architecture: '386' },
  riscv64: { os: 'linux', architecture: 'riscv64' },
  mips64le: { os: 'linux', architecture: 'mips64le' },
};

const ociIndex = 'application/vnd.oci.image.index.v1+json';
const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json';
const empty = blobOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'));

/** What {@link pushSources} put where. */
export interface Sources {
  /** `src/app:<key>`, OCI. */
  readonly images: Readonly<Record<string, FixtureImage>>;
  /** `src/docker:<key>`, Docker schema 2; amd64, arm64, s390x. */
  readonly docker: Readonly<Record<string, FixtureImage>>;
  /** `src/list:<key>`. */
  readonly lists: Readonly<Record<string, FixtureBlob>>;
  /** `src/app:artifact` and `src/app:referrer`. */
  readonly artifacts: Readonly<Record<string, FixtureBlob>>;
}

/** Puts everything into the registry at `url` below the repository `src`. The bytes are the same on every run. */
export async function pushSources(url: string): Promise<Sources> {
  const images = await imagesOf('oci', eightPlatforms);
  const { amd64, arm64, s390x } = eightPlatforms as Record<'amd64' | 'arm64' | 's390x', FixturePlatform>;
  const docker = await imagesOf('docker', { amd64, arm64, s390x });
  // one after the other in a repository: two uploads of one blob at once confuse CNCF distribution 2.8
  await Promise.all([
    pushAll(url, 'src/app', Object.entries(images)),
    pushAll(url, 'src/docker', Object.entries(docker)),
    pushAll(
      url,
      'src/list',
      [...Object.values(images), ...Object.values(docker)].map((image) => [undefined, image]),
    ),
  ]);
  await pushFixtureBlob(url, 'src/app', empty);
  const artifacts = artifactsOf(must(images, 'amd64'));
  await pushFixtureBlob(url, 'src/app', sbom);
  for (const [tag, manifest] of Object.entries(artifacts)) await pushFixtureManifest(url, 'src/app', manifest, tag);
  for (const [tag, odd] of Object.entries(oddImages(must(images, 'amd64')))) {
    for (const blob of odd.blobs) await pushFixtureBlob(url, 'src/app', blob);
    await pushFixtureManifest(url, 'src/app', odd.manifest, tag);
  }
  const { lists, needed } = listsOf(images, docker);
  for (const blob of needed.blobs) await pushFixtureBlob(url, 'src/list', blob);
  for (const manifest of needed.manifests) await pushFixtureManifest(url, 'src/list', manifest);
  for (const [tag, list] of Object.entries(lists)) await pushFixtureManifest(url, 'src/list', list, tag);
  return { images, docker, lists, artifacts };
}

async function pushAll(
  url: string,
  repository: string,
  images: ReadonlyArray<readonly [tag: string | undefined, image: FixtureImage]>,
): Promise<void> {
  for (const [tag, image] of images) await pushFixtureImage(url, repository, image, tag);
}

async function imagesOf(
  format: 'oci' | 'docker',
  platforms: Readonly<Record<string, FixturePlatform>>,
): Promise<Record<string, FixtureImage>> {
  const made = await Promise.all(
    Object.entries(platforms).map(async ([key, platform]) => [
      key,
      await fixtureImage({
        platform,
        format,
        // one layer that all share, one of its own
        layers: [
          { 'etc/base': 'the same everywhere\n' },
          { 'etc/platform': `${format} ${Object.values(platform).join('/')}\n` },
        ],
      }),
    ]),
  );
  return Object.fromEntries(made) as Record<string, FixtureImage>;
}

const sbom = blobOf('application/spdx+json', Buffer.from('{"spdxVersion":"SPDX-2.3"}\n'));

function artifactsOf(subject: FixtureImage): Record<string, FixtureBlob> {
  const artifact = {
    schemaVersion: 2,
    mediaType: ociManifest,
    artifactType: 'application/vnd.example.sbom',
    config: describe(empty),
    layers: [describe(sbom)],
  };
  return {
    artifact: document(ociManifest, artifact),
    referrer: document(ociManifest, {
      ...artifact,
      subject: describe(subject.manifest),
      annotations: { 'org.example.a': 'b' },
    }),
  };
}

/** Images whose manifests or configs say more, or less, than is usual. */
function oddImages({ layers }: FixtureImage): Record<string, { manifest: FixtureBlob; blobs: FixtureBlob[] }> {
  const [layer] = layers;
  if (layer === undefined) throw new Error('the fixture image has no layer');
  const image = (
    config: object,
    configType = 'application/vnd.oci.image.config.v1+json',
    members: object = { mediaType: ociManifest },
  ) => {
    const blob = blobOf(configType, Buffer.from(JSON.stringify(config)));
    const manifest = document(ociManifest, {
      schemaVersion: 2,
      ...members,
      config: describe(blob),
      layers: [describe(layer)],
    });
    return { manifest, blobs: [blob, layer] };
  };
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const windows = {
    architecture: 'amd64',
    os: 'windows',
    'os.version': '10.0.20348.1',
    'os.features': ['win32k'],
    rootfs,
  };
  return {
    windows: image(windows),
    variant: image({ architecture: 'amd64', variant: 'v3', os: 'linux', rootfs }),
    aliased: image({ architecture: 'aarch64', os: 'Linux', rootfs }),
    nameless: image({ rootfs }),
    'without-os': image({ architecture: 's390x', 'os.version': '3', rootfs }),
    untyped: image({ architecture: 'riscv64', os: 'linux', rootfs }, undefined, {}),
    annotated: image({ architecture: 'loong64', os: 'linux', rootfs }, undefined, {
      mediaType: ociManifest,
      annotations: { a: 'b' },
    }),
    chart: image({ name: 'chart', version: '1' }, 'application/vnd.cncf.helm.config.v1+json'),
  };
}

interface Needed {
  readonly blobs: FixtureBlob[];
  readonly manifests: FixtureBlob[];
}

function listsOf(
  images: Readonly<Record<string, FixtureImage>>,
  docker: Readonly<Record<string, FixtureImage>>,
): { lists: Record<string, FixtureBlob>; needed: Needed } {
  const needed: Needed = { blobs: [empty, sbom], manifests: [] };
  const entry = (key: string, more: object = {}, platform: Record<string, unknown> = {}): object => ({
    ...describe(must(images, key).manifest),
    ...more,
    platform: platformOf(must(images, key), platform),
  });
  const dockerEntry = (key: string, platform: Record<string, unknown> = {}): object => {
    const { mediaType, digest, size } = must(docker, key).manifest;
    return { mediaType, size, digest, platform: platformOf(must(docker, key), platform) };
  };
  const attested = ['amd64', 'arm64'].flatMap((key) => {
    const manifest = attestationOf(must(images, key), needed);
    return {
      ...describe(manifest),
      annotations: {
        'vnd.docker.reference.digest': must(images, key).manifest.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      },
      platform: { architecture: 'unknown', os: 'unknown' },
    };
  });
  const artifact = must(artifactsOf(must(images, 'amd64')), 'artifact');
  needed.manifests.push(artifact, index([entry('amd64')]));
  const lists: Record<string, FixtureBlob> = {
    four: index([
      entry('amd64', { annotations: { 'org.example.odd': '<a&b>', 'org.example.tier': 'gold' } }),
      entry('arm64', { annotations: { 'org.example.tier': 'silver' } }),
      entry('armv7'),
      entry('s390x'),
    ]),
    overlap: index([
      entry('ppc64le'),
      entry('amd64', { annotations: { 'org.example.from': 'overlap' } }),
      entry('386'),
      entry('s390x'),
    ]),
    annotated: index([entry('amd64'), entry('s390x')], { annotations: { 'org.opencontainers.image.version': '1.0' } }),
    attested: index([entry('amd64'), entry('arm64'), ...attested]),
    mixed: index([entry('amd64'), { ...describe(artifact), artifactType: 'application/vnd.example.sbom' }]),
    urls: index([entry('amd64', { urls: ['https://example.com/m'] }), entry('s390x')]),
    // artifacts of which the index says nothing
    hidden: index([entry('s390x'), describe(artifact), describe(must(images, 'amd64').manifest)]),
    half: index([
      { ...entry('amd64'), platform: { architecture: '', os: 'linux' } },
      { ...entry('arm64'), platform: { architecture: 'arm', os: '', variant: 'v7' } },
    ]),
    nested: index([entry('s390x'), describe(index([entry('amd64')]))]),
    data: index([
      { ...entry('amd64'), data: Buffer.from(must(images, 'amd64').manifest.bytes).toString('base64') },
      entry('s390x'),
    ]),
    unknown: index([{ ...entry('amd64'), 'org.example.unknown': [1] }, entry('s390x')], { 'org.example.top': true }),
    hollow: index([{ ...entry('amd64'), annotations: {}, urls: [], artifactType: '' }]),
    whole: index([entry('amd64'), entry('s390x')], {
      artifactType: 'application/vnd.example.release',
      subject: describe(must(images, 'arm64').manifest),
      annotations: { a: 'b' },
    }),
    // one manifest under two platforms
    twice: index([entry('arm64'), entry('arm64', {}, { variant: 'v9' }), entry('s390x')]),
    bare: index([describe(must(images, 'amd64').manifest), describe(must(images, 's390x').manifest)]),
    variants: index([
      entry('armv7', {}, { variant: 'v6' }),
      { ...entry('arm64'), platform: { architecture: 'arm64', os: 'linux' } },
      { ...entry('s390x'), platform: { architecture: 'arm', os: 'linux', variant: 'v7' } },
      entry('amd64'),
    ]),
    windows: index([
      entry(
        '386',
        {},
        { os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763.1', 'os.features': ['win32k'] },
      ),
      entry('ppc64le', {}, { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.1' }),
      entry('amd64'),
    ]),
    zstd: index([
      entry('amd64'),
      entry('386', { annotations: { 'io.github.containers.compression.zstd': 'true' } }, { architecture: 'amd64' }),
    ]),
    foreign: index([entry('s390x'), entry('ppc64le')]),
    docker: dockerListOf([
      dockerEntry('amd64', { features: ['sse4', 'avx'] }),
      dockerEntry('arm64'),
      dockerEntry('s390x', { 'os.version': '7.7', 'os.features': ['a', 'b'] }),
    ]),
    plain: dockerListOf([dockerEntry('amd64'), dockerEntry('arm64'), dockerEntry('s390x')]),
    pretty: {
      ...document(
        ociIndex,
        undefined,
        JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [entry('amd64'), entry('arm64')] }, null, 3),
      ),
    },
  };
  return { lists, needed };
}

/** In the order in which Go writes it, so that nothing but the content can differ when it is written anew. */
function platformOf({ platform }: FixtureImage, changes: Record<string, unknown>): object {
  const all: Record<string, unknown> = { ...platform, ...changes };
  const order = ['architecture', 'os', 'os.version', 'os.features', 'variant', 'features'];
  return Object.fromEntries(order.filter((member) => all[member] !== undefined).map((member) => [member, all[member]]));
}

/** An attestation of `image` as BuildKit writes it; the registry needs it and its blobs. */
function attestationOf(image: FixtureImage, needed: Needed): FixtureBlob {
  const statement = blobOf(
    'application/vnd.in-toto+json',
    Buffer.from(
      JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', subject: [{ digest: image.manifest.digest }] }),
    ),
  );
  const config = blobOf(
    'application/vnd.oci.image.config.v1+json',
    Buffer.from(
      JSON.stringify({
        architecture: 'unknown',
        os: 'unknown',
        config: {},
        rootfs: { type: 'layers', diff_ids: [statement.digest] },
      }),
    ),
  );
  const manifest = document(ociManifest, {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: describe(config),
    layers: [
      { ...describe(statement), annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' } },
    ],
  });
  needed.blobs.push(statement, config);
  needed.manifests.push(manifest);
  return manifest;
}

const index = (manifests: readonly object[], more: object = {}): FixtureBlob =>
  document(ociIndex, { schemaVersion: 2, mediaType: ociIndex, manifests, ...more });

const dockerListOf = (manifests: readonly object[]): FixtureBlob =>
  document(dockerList, { schemaVersion: 2, mediaType: dockerList, manifests });

function document(mediaType: string, value: unknown, text = goJson(value)): FixtureBlob {
  return blobOf(mediaType, Buffer.from(text));
}

/** Go writes <, > and & so that they do no harm in HTML. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
}

function describe({ mediaType, digest, size }: FixtureBlob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest, size };
}

/** The member of a fixture; the tests name only what is there. */
export function must<T>(from: Readonly<Record<string, T>>, key: string): T {
  const found = from[key];
  if (found === undefined) throw new Error(`the fixtures have no "${key}"`);
  return found;
}
