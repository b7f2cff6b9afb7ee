import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectInstances } from '../../src/copy/select-instances.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { ImageIndex, IndexEntry } from '../../src/oci/image-index.ts';
import { mediaTypes, zstdAnnotation } from '../../src/oci/media-types.ts';
import { parsePlatform } from '../../src/oci/platform.ts';

const host = { os: 'linux', architecture: 'amd64' };

function entry(name: string, more: Partial<IndexEntry> = {}): IndexEntry {
  return { mediaType: mediaTypes.ociManifest, digest: digestOf(Buffer.from(name)), size: name.length, ...more };
}

const select = (manifests: readonly IndexEntry[], ...platforms: string[]): readonly IndexEntry[] => {
  const index: ImageIndex = { mediaType: mediaTypes.ociIndex, manifests };
  return selectInstances(index, { platforms: platforms.map(parsePlatform) }, host);
};

const arm64 = { os: 'linux', architecture: 'arm64' };

test('artifacts stand for no platform', () => {
  const image = entry('image', { platform: arm64 });
  const artifact = entry('text', { artifactType: 'text/plain' });
  assert.deepEqual(select([artifact, image], 'linux/arm64'), [image]);
  assert.throws(() => select([image, artifact], 'linux/s390x'), { code: 'NO_IMAGE_FOR_PLATFORM' });
  assert.throws(() => select([artifact], 'linux/arm64'), { code: 'NO_IMAGE_FOR_PLATFORM' });
});

test('of entries without a platform the one is taken that stands in for it, not all of them', () => {
  const [one, other] = [entry('one'), entry('other')];
  const artifact = entry('text', { artifactType: 'text/plain' });
  const image = entry('image', { platform: arm64 });
  assert.deepEqual(select([artifact, one, other, image], 'linux/s390x'), [one]);
  assert.deepEqual(select([artifact, one, other, image], 'linux/s390x', 'linux/arm64'), [one, image]);
});

test('a platform comes with its compression variants and its attestations', () => {
  const gzip = entry('gzip', { platform: arm64 });
  const zstd = entry('zstd', { platform: arm64, annotations: { [zstdAnnotation]: 'true' } });
  const attestation = entry('attestation', {
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': gzip.digest,
    },
  });
  const index = [gzip, entry('amd64', { platform: host }), attestation, zstd];
  assert.deepEqual(select(index, 'linux/arm64'), [gzip, attestation, zstd]);
});
