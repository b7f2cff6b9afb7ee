import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  convertIndex,
  emptyIndex,
  encodeIndex,
  type ImageIndex,
  parseIndex,
  preferredIndexType,
} from '../../src/oci/image-index.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import type { Platform } from '../../src/oci/platform.ts';
import { deepFreeze, digest, entry, raw } from './support.ts';

const { ociIndex, dockerList, ociManifest } = mediaTypes;
const plain: ImageIndex = { mediaType: dockerList, manifests: [entry('a', 'linux/amd64')] };
const withFeatures: Platform = { architecture: 'amd64', os: 'linux', features: ['sse4'] };

const preferences: ReadonlyArray<readonly [name: string, index: ImageIndex, type: string]> = [
  ['an empty index', emptyIndex(ociIndex), dockerList],
  ['entries', plain, ociIndex],
  ['features', { ...plain, manifests: [entry('a', undefined, { platform: withFeatures })] }, dockerList],
  [
    'no features',
    { ...plain, manifests: [entry('a', undefined, { platform: { ...withFeatures, features: [] } })] },
    ociIndex,
  ],
  [
    'features and an annotation',
    { ...plain, manifests: [entry('a', undefined, { platform: withFeatures, annotations: { a: '' } })] },
    ociIndex,
  ],
  [
    'features and an artifact type',
    { ...plain, manifests: [entry('a', undefined, { platform: withFeatures, artifactType: 'x' })] },
    ociIndex,
  ],
  [
    'features and data',
    { ...plain, manifests: [entry('a', undefined, { platform: withFeatures, data: 'e30=' })] },
    ociIndex,
  ],
  [
    'features and an empty annotation map',
    { ...plain, manifests: [entry('a', undefined, { platform: withFeatures, annotations: {} })] },
    dockerList,
  ],
  ['an annotated empty index', { ...emptyIndex(dockerList), annotations: { a: 'b' } }, ociIndex],
  ['an artifact type on an empty index', { ...emptyIndex(dockerList), artifactType: 'x' }, ociIndex],
  ['a subject on an empty index', { ...emptyIndex(dockerList), subject: entry('s') }, ociIndex],
  [
    'an empty annotation map on an empty index',
    { ...emptyIndex(dockerList), annotations: {}, artifactType: '' },
    dockerList,
  ],
  ['urls', { ...plain, manifests: [entry('a', 'linux/amd64', { urls: ['u'] })] }, ociIndex],
];

for (const [name, index, type] of preferences) {
  test(`the peers choose ${type === ociIndex ? 'OCI' : 'Docker'} for ${name}`, () => {
    assert.equal(preferredIndexType(index), type);
  });
}

test('OCI to Docker: every loss is named with its entry', () => {
  const index: ImageIndex = deepFreeze({
    mediaType: ociIndex,
    artifactType: 'application/t',
    subject: entry('subject'),
    annotations: { one: '1', two: '2' },
    unknown: { 'x-kept': 1 },
    manifests: [
      entry('a', 'linux/arm64/v8', {
        annotations: { note: 'n' },
        data: 'e30=',
        artifactType: 'application/a',
        urls: ['u'],
        unknown: { 'x-kept': 2 },
      }),
      entry('b'),
      entry('c', 'unknown/unknown', {
        annotations: {
          'vnd.docker.reference.type': 'attestation-manifest',
          'vnd.docker.reference.digest': digest('a'),
        },
      }),
      entry('e', 'linux/amd64'),
    ],
  });
  const { index: converted, losses } = convertIndex(index, dockerList);
  const [a, c] = [`linux/arm64/v8 ${digest('a')}`, `unknown/unknown ${digest('c')}`];
  assert.deepEqual(losses, [
    'the index: no place in a Docker manifest list for the artifact type "application/t"',
    `the index: no place in a Docker manifest list for the subject ${digest('subject')}`,
    'the index: no place in a Docker manifest list for the annotations "one", "two"',
    `${a}: no place in a Docker manifest list for the artifact type "application/a"`,
    `${a}: no place in a Docker manifest list for the annotation "note"`,
    `${a}: no place in a Docker manifest list for the embedded content`,
    `${c}: no place in a Docker manifest list for the annotations "vnd.docker.reference.type", "vnd.docker.reference.digest"`,
    `${c}: no place in a Docker manifest list for its meaning as an attestation`,
  ]);
  assert.deepEqual(converted, {
    mediaType: dockerList,
    manifests: [
      entry('a', 'linux/arm64/v8', { urls: ['u'], unknown: { 'x-kept': 2 } }),
      { ...entry('b'), platform: { architecture: '', os: '' } },
      entry('c', 'unknown/unknown'),
      entry('e', 'linux/amd64'),
    ],
    unknown: { 'x-kept': 1 },
  });
  // an OCI manifest stays one inside a Docker list
  assert.ok(converted.manifests.every((one) => one.mediaType === ociManifest));
});

test('Docker to OCI: the CPU features go, a platform without values goes, urls stay', () => {
  const index: ImageIndex = deepFreeze({
    mediaType: dockerList,
    manifests: [
      entry('a', undefined, { platform: { ...withFeatures, 'os.version': '1', 'os.features': ['f'] }, urls: ['u'] }),
      entry('b', undefined, { platform: { architecture: '', os: '' } }),
      entry('c', undefined, { platform: { architecture: '', os: '', features: ['x', 'y'] } }),
    ],
  });
  const { index: converted, losses } = convertIndex(index, ociIndex);
  assert.deepEqual(converted, {
    mediaType: ociIndex,
    manifests: [
      entry('a', undefined, {
        platform: { architecture: 'amd64', os: 'linux', 'os.version': '1', 'os.features': ['f'] },
        urls: ['u'],
      }),
      entry('b'),
      entry('c'),
    ],
  });
  assert.deepEqual(losses, [
    `linux/amd64 ${digest('a')}: no place in an OCI image index for the platform feature "sse4"`,
    `unknown/unknown ${digest('c')}: no place in an OCI image index for the platform features "x", "y"`,
  ]);
});

test('to its own type: only what that type cannot say goes', () => {
  const edited: ImageIndex = {
    mediaType: ociIndex,
    annotations: { a: 'b' },
    manifests: [entry('a', undefined, { platform: withFeatures, annotations: { x: 'y' } })],
  };
  const { index, losses } = convertIndex(edited, ociIndex);
  assert.deepEqual(index, { ...edited, manifests: [entry('a', 'linux/amd64', { annotations: { x: 'y' } })] });
  assert.equal(losses.length, 1);
  assert.deepEqual(convertIndex(index, ociIndex), { index, losses: [] });
  assert.deepEqual(convertIndex(plain, dockerList), { index: plain, losses: [] });
});

test('members that a document should not have had do not become members of the other format', () => {
  const list = parseIndex(
    raw(
      { manifests: [{ ...entry('a', 'linux/amd64'), annotations: 5, 'x-kept': 1 }], annotations: 6, subject: 7 },
      dockerList,
    ),
  );
  const { index, losses } = convertIndex(list, ociIndex);
  assert.deepEqual(losses, [
    'the index: no place in an OCI image index for the members "annotations", "subject" of the other format',
    `linux/amd64 ${digest('a')}: no place in an OCI image index for the member "annotations" of the other format`,
  ]);
  assert.deepEqual(parseIndex(encodeIndex(index)), {
    mediaType: ociIndex,
    manifests: [entry('a', 'linux/amd64', { unknown: { 'x-kept': 1 } })],
  });
  const oci = parseIndex(
    raw({ manifests: [{ ...entry('a'), platform: { architecture: 'a', os: 'o', features: 5 } }] }, ociIndex),
  );
  assert.deepEqual(oci.manifests[0]?.platform?.unknown, { features: 5 });
  assert.equal(convertIndex(oci, dockerList).losses.length, 1);
  assert.deepEqual(convertIndex(oci, ociIndex), { index: oci, losses: [] });
});

test('there and back: what is left is what both can say', () => {
  const index: ImageIndex = {
    mediaType: ociIndex,
    annotations: { gone: '' },
    manifests: [entry('a', 'linux/arm/v7', { annotations: { gone: '' }, urls: ['u'] }), entry('b')],
  };
  const docker = convertIndex(index, dockerList).index;
  assert.deepEqual(convertIndex(docker, ociIndex), {
    index: { mediaType: ociIndex, manifests: [entry('a', 'linux/arm/v7', { urls: ['u'] }), entry('b')] },
    losses: [],
  });
});
