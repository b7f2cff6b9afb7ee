import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import {
  emptyDescriptor,
  isIndexType,
  isManifestType,
  isSchema1,
  mediaTypes,
  normalizeMediaType,
} from '../../src/oci/media-types.ts';

test('every media type belongs to at most one kind of document', () => {
  const kinds = Object.values(mediaTypes).map((type) => [
    type,
    isIndexType(type),
    isManifestType(type),
    isSchema1(type),
  ]);
  const of = (at: number) => kinds.filter((kind) => kind[at] === true).map(([type]) => type);
  assert.deepEqual(of(1), [mediaTypes.ociIndex, mediaTypes.dockerList]);
  assert.deepEqual(of(2), [mediaTypes.ociManifest, mediaTypes.dockerManifest]);
  assert.deepEqual(of(3), [mediaTypes.dockerSchema1, mediaTypes.dockerSchema1Signed]);
  assert.equal(new Set(Object.values(mediaTypes)).size, Object.values(mediaTypes).length);
});

test('a content type loses its parameters and its capitals', () => {
  for (const text of [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.oci.image.index.v1+json; charset=utf-8',
    ' Application/Vnd.OCI.image.index.v1+JSON ;x=y;z',
  ]) {
    assert.equal(normalizeMediaType(text), mediaTypes.ociIndex);
  }
  assert.equal(normalizeMediaType(''), '');
});

test('the empty descriptor describes what it carries', () => {
  const content = Buffer.from(emptyDescriptor.data ?? '', 'base64');
  assert.equal(content.toString(), '{}');
  assert.equal(emptyDescriptor.digest, digestOf(content));
  assert.equal(emptyDescriptor.size, content.byteLength);
});
