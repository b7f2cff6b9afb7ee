import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { declaredCompression, detectCompression, mediaTypeWith } from '../../src/compression/detect.ts';
import { UnsupportedError } from '../../src/foundation/errors.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';

test('the first bytes tell the compression', () => {
  assert.equal(detectCompression(gzipSync('x')), 'gzip');
  assert.equal(detectCompression(zstdCompressSync('x')), 'zstd');
  assert.equal(detectCompression(Buffer.from('BZh91AY&SY')), 'bzip2');
  assert.equal(detectCompression(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])), 'xz');
  assert.equal(detectCompression(Buffer.from('./etc/passwd')), 'none');
});

test('every magic number of a skippable frame is zstd', () => {
  for (let last = 0x50; last <= 0x5f; last += 1) {
    assert.equal(detectCompression(Buffer.from([last, 0x2a, 0x4d, 0x18])), 'zstd');
  }
  assert.equal(detectCompression(Buffer.from([0x60, 0x2a, 0x4d, 0x18])), 'none');
});

test('beginnings that are too short are nothing', () => {
  for (const bytes of [
    [],
    [0x1f],
    [0x1f, 0x8b],
    [0x28, 0xb5, 0x2f],
    [0x50, 0x2a, 0x4d],
    [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  ]) {
    assert.equal(detectCompression(Buffer.from(bytes)), 'none');
  }
});

test('media types and annotations tell the compression of layers', () => {
  const declared = (mediaType: string, annotations = {}): string | undefined =>
    declaredCompression({ mediaType, annotations });
  assert.equal(declared(mediaTypes.ociLayerTar), 'none');
  assert.equal(declared(mediaTypes.ociLayerGzip), 'gzip');
  assert.equal(declared(mediaTypes.ociNondistributableZstd), 'zstd');
  assert.equal(declared(mediaTypes.dockerLayerTar), 'none');
  assert.equal(declared(mediaTypes.dockerForeignGzip), 'gzip');
  assert.equal(declared(mediaTypes.dockerLayerZstd), 'zstd');
  const toc = { 'io.github.containers.zstd-chunked.manifest-checksum': `sha256:${'0'.repeat(64)}` };
  assert.equal(declared(mediaTypes.ociLayerZstd, toc), 'zstd:chunked');
  assert.equal(declared(mediaTypes.ociLayerGzip, toc), 'gzip');
  for (const other of [
    mediaTypes.inToto,
    mediaTypes.ociConfig,
    `${mediaTypes.ociLayerGzip}+encrypted`,
    'text/plain',
    '',
  ]) {
    assert.equal(declared(other), undefined);
  }
});

test('a layer keeps its kind when its compression changes', () => {
  const cases = [
    [mediaTypes.ociLayerGzip, mediaTypes.ociLayerTar, mediaTypes.ociLayerGzip, mediaTypes.ociLayerZstd],
    [
      mediaTypes.ociNondistributableTar,
      mediaTypes.ociNondistributableTar,
      mediaTypes.ociNondistributableGzip,
      mediaTypes.ociNondistributableZstd,
    ],
    [mediaTypes.dockerLayerTar, mediaTypes.dockerLayerTar, mediaTypes.dockerLayerGzip, undefined],
    [mediaTypes.dockerLayerZstd, mediaTypes.dockerLayerTar, mediaTypes.dockerLayerGzip, undefined],
    [mediaTypes.dockerForeignGzip, mediaTypes.dockerForeignTar, mediaTypes.dockerForeignGzip, undefined],
  ] as const;
  for (const [from, none, gzip, zstd] of cases) {
    assert.equal(mediaTypeWith('none', from), none);
    assert.equal(mediaTypeWith('gzip', from), gzip);
    for (const format of ['zstd', 'zstd:chunked'] as const) {
      if (zstd !== undefined) assert.equal(mediaTypeWith(format, from), zstd);
      else {
        assert.throws(
          () => mediaTypeWith(format, from),
          (error) =>
            error instanceof UnsupportedError &&
            error.message === `${format} compression is not supported for type "${from}"`,
        );
      }
    }
  }
  assert.throws(
    () => mediaTypeWith('gzip', mediaTypes.inToto),
    (error) => error instanceof UnsupportedError && error.code === 'NOT_A_LAYER',
  );
});
