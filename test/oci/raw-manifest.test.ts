import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { assertUnambiguous, guessManifestType, MAX_MANIFEST_BYTES, rawManifest } from '../../src/oci/manifest.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import { thrownBy } from './support.ts';

const { ociIndex, ociManifest, dockerList, dockerManifest, dockerSchema1, dockerSchema1Signed } = mediaTypes;
const bytesOf = (document: unknown): Uint8Array =>
  Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
const config = (mediaType: string) => ({ mediaType, digest: digestOf(Buffer.from('c')), size: 1 });

const guesses: ReadonlyArray<readonly [document: unknown, type: string]> = [
  [{ mediaType: ociIndex }, ociIndex],
  [{ mediaType: ociManifest }, ociManifest],
  [{ mediaType: dockerList }, dockerList],
  [{ mediaType: dockerManifest }, dockerManifest],
  [{ mediaType: dockerManifest, schemaVersion: 1 }, dockerManifest],
  [{ schemaVersion: 1 }, dockerSchema1],
  [{ schemaVersion: 1, signatures: null }, dockerSchema1],
  [{ schemaVersion: 1, signatures: [{}] }, dockerSchema1Signed],
  [{ schemaVersion: 1, mediaType: 'application/x' }, dockerSchema1],
  [{ schemaVersion: 2, config: config(mediaTypes.ociConfig) }, ociManifest],
  [{ schemaVersion: 2, config: config(mediaTypes.dockerConfig) }, dockerManifest],
  [{ schemaVersion: 2, manifests: [{}] }, ociIndex],
  [{ schemaVersion: 2, manifests: [] }, ociIndex],
  [{ schemaVersion: 2, manifests: [], layers: [] }, ociManifest],
  [{ schemaVersion: 2, manifests: [{}], config: config('application/x') }, ''],
  [{ schemaVersion: 2, manifests: [{}], config: config(mediaTypes.ociConfig) }, ociManifest],
  [{ schemaVersion: 2, config: config('application/x'), layers: [] }, ociManifest],
  [{ schemaVersion: 2 }, ociManifest],
  [{ schemaVersion: 2, mediaType: 'application/x', manifests: [{}] }, ociIndex],
  [{ schemaVersion: 3 }, ''],
  [{ schemaVersion: '2' }, ''],
  [{}, ''],
  [[], ''],
  ['5', ''],
  ['no json', ''],
  ['{"mediaType":5,"schemaVersion":2}', ociManifest],
];

for (const [document, type] of guesses) {
  test(`${JSON.stringify(document).slice(0, 100)} is guessed to be ${type || 'nothing known'}`, () => {
    assert.equal(guessManifestType(bytesOf(document)), type);
  });
}

test('bytes, type and digest', () => {
  const bytes = bytesOf({ schemaVersion: 2, manifests: [] });
  for (const declared of [
    ociIndex,
    `${ociIndex}; charset=utf-8`,
    ociIndex.toUpperCase(),
    undefined,
    '',
    'application/json',
    'text/plain',
  ]) {
    const manifest = rawManifest(bytes, declared);
    assert.equal(manifest.bytes, bytes);
    assert.deepEqual([manifest.mediaType, manifest.digest], [ociIndex, digestOf(bytes)]);
  }
  assert.equal(rawManifest(bytes, dockerList).mediaType, dockerList);
});

const refused: ReadonlyArray<
  readonly [name: string, document: unknown, declared: string | undefined, code: string, message: RegExp]
> = [
  ['truncated', '{"schemaVersion":2,"manifests":[{"med', ociIndex, 'MALFORMED_JSON', /cut off/],
  ['HTML', '<!DOCTYPE html>', 'text/html', 'MALFORMED_JSON', /looks like HTML/],
  ['empty', '', ociIndex, 'MALFORMED_JSON', /it is empty/],
  [
    'no manifest',
    { hello: 1 },
    'application/json',
    'UNKNOWN_MANIFEST_TYPE',
    /is no manifest: its type cannot be told$/,
  ],
  [
    'a type of its own',
    { mediaType: 'application/x' },
    undefined,
    'UNKNOWN_MANIFEST_TYPE',
    /unknown media type "application\/x"$/,
  ],
  [
    'an unknown declared type',
    { a: 1 },
    'application/x',
    'UNKNOWN_MANIFEST_TYPE',
    /unknown media type application\/x$/,
  ],
  ['a list', [1], undefined, 'UNKNOWN_MANIFEST_TYPE', /is no manifest/],
  ['schema 1', { schemaVersion: 1, fsLayers: [] }, undefined, 'SCHEMA1', /schema 1, which sheaf does not read/],
  ['schema 1 as declared', { schemaVersion: 1 }, dockerSchema1Signed, 'SCHEMA1', /schema 1/],
  [
    'an index with layers',
    { schemaVersion: 2, mediaType: ociIndex, manifests: [], layers: [], config: {} },
    ociIndex,
    'AMBIGUOUS_MANIFEST',
    /^rejecting ambiguous manifest, unexpected fields \["layers" "config"\] in supposedly application\/vnd\.oci\.image\.index/,
  ],
  ['a list with config', { manifests: [], config: null }, dockerList, 'AMBIGUOUS_MANIFEST', /\["config"\]/],
  [
    'a manifest with manifests',
    { config: {}, layers: [], manifests: [] },
    ociManifest,
    'AMBIGUOUS_MANIFEST',
    /\["manifests"\]/,
  ],
  [
    'a manifest with Manifests',
    { config: {}, layers: [], Manifests: [] },
    dockerManifest,
    'AMBIGUOUS_MANIFEST',
    /\["Manifests"\]/,
  ],
  [
    'a manifest with fsLayers',
    { config: {}, layers: [], FSLAYERS: [] },
    ociManifest,
    'AMBIGUOUS_MANIFEST',
    /\["FSLAYERS"\]/,
  ],
  [
    'a manifest with history',
    { config: {}, layers: [], history: [] },
    ociManifest,
    'AMBIGUOUS_MANIFEST',
    /\["history"\]/,
  ],
  ['a long s', { manifests: [], layerſ: [] }, ociIndex, 'AMBIGUOUS_MANIFEST', /\["layerſ"\]/],
  [
    'two types',
    { mediaType: ociIndex, manifests: [] },
    dockerList,
    'AMBIGUOUS_MANIFEST',
    /calls itself "application\/vnd\.oci\.image\.index/,
  ],
  ['an index as a manifest', { mediaType: ociIndex }, ociManifest, 'AMBIGUOUS_MANIFEST', /calls itself/],
  ['an odd type of its own', { mediaType: 5, manifests: [] }, ociIndex, 'AMBIGUOUS_MANIFEST', /calls itself 5/],
  [
    'another spelling',
    { Manifests: [] },
    ociIndex,
    'AMBIGUOUS_MANIFEST',
    /the member "Manifests", which some programs read as "manifests"/,
  ],
  [
    'another spelling of a lesser one',
    { manifests: [], MediaType: 'x' },
    ociIndex,
    'AMBIGUOUS_MANIFEST',
    /"MediaType".*as "mediaType"/,
  ],
  ['twice the same', '{"manifests":[],"manifests":[{}]}', ociIndex, 'DUPLICATE_KEY', /"manifests" stands twice/],
];

for (const [name, document, declared, code, message] of refused) {
  test(`refused: ${name}`, () => {
    const bytes = bytesOf(document);
    const error = thrownBy(() => rawManifest(bytes, declared));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.equal(error.kind, code === 'SCHEMA1' ? 'unsupported' : 'integrity');
    assert.ok(error.message.includes(digestOf(bytes)), 'it says which manifest');
  });
}

test('4 MiB are read, one byte more is not', () => {
  const frame = '{"schemaVersion":2,"manifests":[],"x":""}';
  const most = frame.replace('""', `"${'a'.repeat(MAX_MANIFEST_BYTES - frame.length)}"`);
  assert.equal(rawManifest(Buffer.from(most)).bytes.byteLength, MAX_MANIFEST_BYTES);
  const error = thrownBy(() => rawManifest(Buffer.from(`${most} `)));
  assert.equal(error.code, 'MANIFEST_TOO_LARGE');
  assert.match(error.message, /4194305 bytes/);
});

test('the guard takes bytes or what was parsed of them, and nothing is wrong with what is no object', () => {
  assert.throws(() => assertUnambiguous(bytesOf({ layers: [] }), ociIndex), { code: 'AMBIGUOUS_MANIFEST' });
  assert.throws(() => assertUnambiguous({ layers: [] }, ociIndex), { code: 'AMBIGUOUS_MANIFEST' });
  for (const fine of [{ manifests: [] }, { manifests: null, annotations: {}, x: { layers: 1 } }, [], 'x', null]) {
    assert.doesNotThrow(() => assertUnambiguous(fine, ociIndex));
  }
  assert.doesNotThrow(() => assertUnambiguous({ config: {}, layers: [], mediaType: '' }, ociManifest));
});
