import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeImageManifest, type ImageManifest, parseImageManifest } from '../../src/oci/manifest.ts';
import { emptyDescriptor, mediaTypes } from '../../src/oci/media-types.ts';
import { digest, raw, thrownBy } from './support.ts';

const { ociManifest, dockerManifest, ociConfig, dockerConfig, ociLayerGzip, dockerLayerGzip } = mediaTypes;
const d = digest('x');
const textOf = (manifest: ImageManifest): string => Buffer.from(encodeImageManifest(manifest).bytes).toString();

test('an OCI manifest with every member, in the order of Go', () => {
  const manifest: ImageManifest = {
    unknown: { 'x-top': 1 },
    annotations: { b: '2', a: '1' },
    subject: { mediaType: ociManifest, digest: d, size: 3 },
    layers: [
      { mediaType: ociLayerGzip, digest: d, size: 2, annotations: { l: '<' }, unknown: { 'x-layer': [] } },
      { mediaType: ociLayerGzip, digest: d, size: 2, urls: ['https://x.example/'] },
    ],
    config: emptyDescriptor,
    artifactType: 'application/t',
    mediaType: ociManifest,
  };
  assert.equal(
    textOf(manifest),
    `{"schemaVersion":2,"mediaType":"${ociManifest}","artifactType":"application/t","config":{"mediaType":"${mediaTypes.ociEmpty}",` +
      `"digest":"${emptyDescriptor.digest}","size":2,"data":"e30="},"layers":[{"mediaType":"${ociLayerGzip}","digest":"${d}","size":2,` +
      `"annotations":{"l":"\\u003c"},"x-layer":[]},{"mediaType":"${ociLayerGzip}","digest":"${d}","size":2,"urls":["https://x.example/"]}],` +
      `"subject":{"mediaType":"${ociManifest}","digest":"${d}","size":3},"annotations":{"a":"1","b":"2"},"x-top":1}`,
  );
  const encoded = encodeImageManifest(manifest);
  assert.deepEqual(parseImageManifest(encoded), manifest);
  assert.equal(encoded.mediaType, ociManifest);
});

test('a Docker manifest: size before digest, and only what Docker has', () => {
  const manifest: ImageManifest = {
    mediaType: dockerManifest,
    config: { mediaType: dockerConfig, digest: d, size: 1 },
    layers: [{ mediaType: dockerLayerGzip, digest: d, size: 2, urls: ['u'], unknown: { annotations: { a: 'b' } } }],
    unknown: { annotations: { kept: '' } },
  };
  assert.equal(
    textOf(manifest),
    `{"schemaVersion":2,"mediaType":"${dockerManifest}","config":{"mediaType":"${dockerConfig}","size":1,"digest":"${d}"},` +
      `"layers":[{"mediaType":"${dockerLayerGzip}","size":2,"digest":"${d}","urls":["u"],"annotations":{"a":"b"}}],"annotations":{"kept":""}}`,
  );
  assert.deepEqual(parseImageManifest(encodeImageManifest(manifest)), manifest);
  const lossy = textOf({
    ...manifest,
    unknown: {},
    layers: [],
    annotations: { lost: '1' },
    artifactType: 'lost',
    subject: manifest.config,
  });
  assert.ok(lossy.endsWith('"layers":[]}'), lossy);
});

test('no layers, in the ways of Go', () => {
  const config = { mediaType: ociConfig, digest: d, size: 1 };
  for (const layers of [null, []]) {
    assert.deepEqual(parseImageManifest(raw({ schemaVersion: 2, config, layers }, ociManifest)).layers, []);
  }
});

const config = { mediaType: ociConfig, digest: d, size: 1 };
const faults: ReadonlyArray<readonly [document: unknown, type: string, message: string]> = [
  [{ layers: [] }, ociManifest, 'config: expected a descriptor (an object), found nothing'],
  [{ config: null, layers: [] }, ociManifest, 'config: expected a descriptor (an object), found null'],
  [{ config }, ociManifest, 'layers: expected a list of descriptors, found nothing'],
  [{ config, layers: [{ ...config, digest: 'x' }] }, dockerManifest, 'layers[0].digest: expected a digest'],
  [{ config: { ...config, size: '1' }, layers: [] }, dockerManifest, 'config.size: expected a number of bytes'],
  [{ config, layers: [], annotations: { a: null } }, ociManifest, 'annotations.a: expected a text, found null'],
  [{ config, layers: [], subject: [] }, ociManifest, 'subject: expected a descriptor (an object), found a list'],
  [{ schemaVersion: 3, config, layers: [] }, ociManifest, 'schemaVersion: expected the number 2, found 3'],
];

for (const [document, type, message] of faults) {
  test(`malformed: ${message}`, () => {
    const given = raw(document, type);
    const error = thrownBy(() => parseImageManifest(given));
    assert.deepEqual([error.kind, error.code], ['integrity', 'MALFORMED_MANIFEST']);
    assert.ok(error.message.startsWith(`image manifest ${given.digest} is malformed: ${message}`), error.message);
  });
}

test('what is no manifest of an image', () => {
  assert.throws(() => parseImageManifest(raw({ manifests: [] }, mediaTypes.ociIndex)), {
    code: 'NOT_AN_IMAGE',
    kind: 'unsupported',
  });
  assert.throws(() => parseImageManifest(raw({}, mediaTypes.dockerSchema1)), { code: 'SCHEMA1', kind: 'unsupported' });
  assert.throws(() => parseImageManifest(raw({ config, layers: [], manifests: [] }, ociManifest)), {
    code: 'AMBIGUOUS_MANIFEST',
  });
  assert.throws(() => parseImageManifest(raw({ config, layers: [{ ...config, Urls: [] }] }, ociManifest)), {
    code: 'AMBIGUOUS_MANIFEST',
    message: /layers\[0\] has the member "Urls"/,
  });
});
