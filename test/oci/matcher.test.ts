import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageIndex, IndexEntry } from '../../src/oci/image-index.ts';
import {
  allOf,
  anyOf,
  attestationSubject,
  byAnnotation,
  byDigest,
  byPlatform,
  isAttestation,
  type Matcher,
  withAttestations,
} from '../../src/oci/matcher.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import { digest, entry } from './support.ts';

const windows = (version: string, ...features: string[]): IndexEntry =>
  entry(`win ${version}`, undefined, {
    platform: {
      architecture: 'amd64',
      os: 'windows',
      'os.version': version,
      ...(features.length > 0 ? { 'os.features': features } : {}),
    },
  });

function attestation(of: string, name = `attestation of ${of}`): IndexEntry {
  return entry(name, 'unknown/unknown', {
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': digest(of) },
  });
}

const arm = entry('arm', 'linux/arm64/v8', { annotations: { a: '1' } });
const amd = entry('amd', 'linux/amd64');
const all = [amd, arm, windows('10', 'win32k', 'x'), windows('11'), entry('bare')];

const matches: ReadonlyArray<readonly [name: string, matcher: Matcher, positions: number[]]> = [
  ['digest', byDigest(digest('arm')), [1]],
  ['platform', byPlatform({ os: 'linux', architecture: 'arm64' }), [1]],
  ['platform by another name', byPlatform({ os: 'linux', architecture: 'x86_64' }), [0]],
  ['platform of any version', byPlatform({ os: 'windows', architecture: 'amd64' }), [2, 3]],
  ['platform of one version', byPlatform({ os: 'windows', architecture: 'amd64', osVersion: '11' }), [3]],
  ['platform with a feature', byPlatform({ os: 'windows', architecture: 'amd64', osFeatures: ['win32k'] }), [2]],
  [
    'platform with a feature that none has',
    byPlatform({ os: 'windows', architecture: 'amd64', osFeatures: ['win32k', 'y'] }),
    [],
  ],
  ['annotation', byAnnotation('a'), [1]],
  ['annotation with its value', byAnnotation('a', '1'), [1]],
  ['annotation with another value', byAnnotation('a', '2'), []],
  ['annotation that every object seems to have', byAnnotation('constructor'), []],
  ['all of', allOf(byAnnotation('a'), byDigest(digest('arm'))), [1]],
  ['all of, contradicting', allOf(byAnnotation('a'), byDigest(digest('amd'))), []],
  ['all of nothing', allOf(), [0, 1, 2, 3, 4]],
  ['any of', anyOf(byAnnotation('a'), byDigest(digest('amd'))), [0, 1]],
  ['any of nothing', anyOf(), []],
];

for (const [name, matcher, positions] of matches) {
  test(`match by ${name}`, () => {
    assert.deepEqual(
      all.flatMap((one, at) => (matcher(one) ? [at] : [])),
      positions,
    );
  });
}

test('what an attestation is, and of what', () => {
  assert.ok(isAttestation(attestation('amd')));
  assert.equal(attestationSubject(attestation('amd')), digest('amd'));
  const artifact = entry('x', undefined, { artifactType: mediaTypes.dockerAttestation });
  assert.ok(isAttestation(artifact));
  assert.equal(attestationSubject(artifact), undefined);
  const dangling = entry('x', undefined, {
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': 'nonsense' },
  });
  assert.ok(isAttestation(dangling));
  assert.equal(attestationSubject(dangling), undefined);
  for (const image of [
    amd,
    entry('u', 'unknown/unknown'),
    entry('x', undefined, { annotations: { 'vnd.docker.reference.type': 'other' } }),
  ]) {
    assert.ok(!isAttestation(image));
    assert.equal(
      attestationSubject({
        ...image,
        annotations: { ...image.annotations, 'vnd.docker.reference.digest': digest('amd') },
      }),
      undefined,
    );
  }
});

test('the attestations of what is chosen come along, in the order of the index', () => {
  const [ofArm, second, ofAmd] = [attestation('arm'), attestation('arm', 'second'), attestation('amd')];
  const index: ImageIndex = {
    mediaType: mediaTypes.ociIndex,
    manifests: [ofArm, amd, arm, ofAmd, second, attestation('nobody')],
  };
  assert.deepEqual(withAttestations(index, [arm]), [ofArm, arm, second]);
  assert.deepEqual(withAttestations(index, [arm, amd]), [ofArm, amd, arm, ofAmd, second]);
  assert.deepEqual(withAttestations(index, [ofAmd]), [ofAmd]);
  assert.deepEqual(withAttestations(index, []), []);
});

test('of two entries with one digest only the chosen one is taken', () => {
  const [v6, v7] = [entry('same', 'linux/arm/v6'), entry('same', 'linux/arm/v7')];
  const index: ImageIndex = { mediaType: mediaTypes.ociIndex, manifests: [v6, v7, attestation('same')] };
  assert.deepEqual(withAttestations(index, [v7]), [v7, attestation('same')]);
});
