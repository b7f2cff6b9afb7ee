/** The bytes of sheaf against those of the peers: see fixtures/foreign/oci/README.md. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { applyEdits } from '../../src/oci/edits.ts';
import {
  convertIndex,
  emptyIndex,
  encodeIndex,
  type ImageIndex,
  parseIndex,
  preferredIndexType,
} from '../../src/oci/image-index.ts';
import { encodeImageManifest, guessManifestType, parseImageManifest, rawManifest } from '../../src/oci/manifest.ts';
import { emptyDescriptor, type IndexType, mediaTypes } from '../../src/oci/media-types.ts';
import { foreign } from './support.ts';

const { ociIndex, dockerList, ociManifest, dockerManifest } = mediaTypes;

const read = (name: string, type?: string) => rawManifest(Buffer.from(foreign(name)), type);
const textOf = (index: ImageIndex): string => Buffer.from(encodeIndex(index).bytes).toString();

const indexes: ReadonlyArray<readonly [name: string, type: IndexType]> = [
  ['buildah-index.json', ociIndex],
  ['buildah-empty-index.json', ociIndex],
  ['artifact-index.json', ociIndex],
  ['buildah-list.json', dockerList],
  ['buildah-features.json', dockerList],
  ['buildah-empty-list.json', dockerList],
];

for (const [name, type] of indexes) {
  test(`${name}: recognised, and written again byte for byte`, () => {
    assert.equal(guessManifestType(Buffer.from(foreign(name))), type);
    const raw = read(name);
    assert.deepEqual(encodeIndex(parseIndex(raw)), raw);
  });
}

for (const [name, type] of [
  ['image-oci.json', ociManifest],
  ['image-oci-again.json', ociManifest],
  ['artifact.json', ociManifest],
  ['image-docker.json', dockerManifest],
] as const) {
  test(`${name}: recognised, and written again byte for byte`, () => {
    const raw = read(name);
    assert.equal(raw.mediaType, type);
    assert.deepEqual(encodeImageManifest(parseImageManifest(raw)), raw);
  });
}

test('the peers choose the formats that they chose', () => {
  for (const name of [
    'buildah-index.json',
    'artifact-index.json',
    'buildah-features.json',
    'buildah-empty-list.json',
  ]) {
    const raw = read(name);
    assert.equal(preferredIndexType(parseIndex(raw)), raw.mediaType, name);
  }
});

test('the edits of buildah, done here, give the bytes of buildah', () => {
  const theirs = parseIndex(read('buildah-index.json'));
  const [amd64, arm64, arm7, win] = theirs.manifests;
  assert.ok(amd64 && arm64 && arm7 && win);
  const { mediaType, digest, size } = amd64;
  const bare = ({ annotations: _, ...one }: typeof amd64): typeof amd64 => one;
  const annotations = { ...arm64.annotations };
  const index = applyEdits(emptyIndex(ociIndex), [
    { op: 'add', entry: bare(amd64) },
    { op: 'add', entry: { ...bare(arm64), platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } } },
    { op: 'add', entry: { ...arm7, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } } },
    { op: 'add', entry: win },
    {
      op: 'annotate-entry',
      digest,
      set: { annotations: { z: 'last', html: '<a href="x">&amp;</a>,b' } },
    },
    {
      op: 'annotate-entry',
      digest,
      set: { annotations: { control: 'tab\tline\nbell\x07backspace\bpage\fescape\x1bdelete\x7fbackslash\\' } },
    },
    { op: 'annotate-entry', digest: arm64.digest, set: { annotations } },
    { op: 'annotate-entry', digest: arm7.digest, set: { osVersion: '6.1', osFeatures: ['f2', 'f1'], variant: 'v6' } },
    { op: 'annotate-index', annotations: { 'org.opencontainers.image.description': 'this & that' } },
    { op: 'annotate-index', annotations: { 'a.b': 'c' } },
    { op: 'annotate-index', subject: { mediaType, digest, size } },
  ]);
  assert.equal(textOf(index), foreign('buildah-index.json'));
  // the same list as Docker: buildah converts the images, too, so their digests and types are taken from there
  const docker = parseIndex(read('buildah-list.json'));
  const converted = convertIndex(index, dockerList);
  const manifests = converted.index.manifests.map((entry, at) => ({
    ...docker.manifests[at],
    platform: entry.platform,
  }));
  assert.deepEqual(manifests, docker.manifests);
  assert.equal(converted.losses.length, 4);
});

test('the features of buildah', () => {
  const theirs = parseIndex(read('buildah-features.json'));
  const [first, second] = theirs.manifests;
  assert.ok(first && second);
  const index = applyEdits(emptyIndex(ociIndex), [
    { op: 'add', entry: { ...first, platform: { os: 'linux', architecture: 'amd64' } } },
    { op: 'add', entry: second },
    { op: 'annotate-entry', digest: first.digest, set: { features: ['sse4', 'a<b'] } },
  ]);
  const { index: converted, losses } = convertIndex(index, preferredIndexType(index));
  assert.deepEqual(losses, []);
  assert.equal(textOf(converted), foreign('buildah-features.json'));
});

test('the artifact of buildah', () => {
  const content = Buffer.from('hello\n');
  const manifest = encodeImageManifest({
    mediaType: ociManifest,
    artifactType: 'application/x-greeting',
    config: emptyDescriptor,
    layers: [
      {
        mediaType: 'text/plain',
        digest: digestOf(content),
        size: content.byteLength,
        annotations: { 'org.opencontainers.image.title': 'hello.txt' },
      },
    ],
    annotations: { note: '<v>' },
  });
  assert.deepEqual(manifest, read('artifact.json'));
  const index = applyEdits(emptyIndex(ociIndex), [
    {
      op: 'add',
      entry: {
        mediaType: ociManifest,
        digest: manifest.digest,
        size: manifest.bytes.byteLength,
        annotations: { entry: '1' },
        artifactType: 'application/x-greeting',
      },
    },
  ]);
  assert.equal(textOf(index), foreign('artifact-index.json'));
});
