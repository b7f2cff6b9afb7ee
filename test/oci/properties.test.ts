/** What must hold for every document, tried with many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convertImageManifest } from '../../src/oci/convert-manifest.ts';
import { diffIndexes, isDifferent } from '../../src/oci/diff-indexes.ts';
import { applyEdits } from '../../src/oci/edits.ts';
import { convertIndex, encodeIndex, type ImageIndex, parseIndex, sameIndexContent } from '../../src/oci/image-index.ts';
import { encodeGoJson, type JsonValue, parseJson } from '../../src/oci/json.ts';
import { encodeImageManifest, parseImageManifest, rawManifest } from '../../src/oci/manifest.ts';
import { type IndexType, type ManifestType, mediaTypes } from '../../src/oci/media-types.ts';
import { familiarReference, formatReference, parseReference } from '../../src/oci/reference.ts';
import { json, type Random, randomEdit, randomFrom, randomImage, randomIndex } from './generate.ts';
import { deepFreeze } from './support.ts';

const runs = 300;

/** Runs `check` with many seeds; a failure names its seed. */
function always(name: string, check: (random: Random) => void): void {
  test(name, () => {
    for (let seed = 1; seed <= runs; seed += 1) {
      try {
        check(randomFrom(seed * 7919));
      } catch (cause) {
        throw new Error(`with seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
    }
  });
}

const other = (index: ImageIndex): IndexType =>
  index.mediaType === mediaTypes.ociIndex ? mediaTypes.dockerList : mediaTypes.ociIndex;

/** JSON as `encoding/json` would have it, made from JSON.stringify by the rules alone. */
function escaped(value: JsonValue): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

always('JSON: what is written is read as it was, and is what Go writes', (random) => {
  const value = json(random, 5);
  const text = encodeGoJson(value);
  assert.equal(text, escaped(value));
  assert.deepEqual(parseJson(Buffer.from(text), 'it'), value);
});

always('indexes: what is written is read as it was', (random) => {
  const index = deepFreeze(randomIndex(random));
  const encoded = encodeIndex(index);
  assert.deepEqual(parseIndex(encoded), index);
  assert.deepEqual(rawManifest(encoded.bytes), encoded);
  assert.ok(sameIndexContent(parseIndex(encoded), index));
});

always('manifests: what is written is read as it was', (random) => {
  const manifest = deepFreeze(randomImage(random));
  const encoded = encodeImageManifest(manifest);
  assert.deepEqual(parseImageManifest(encoded), manifest);
  assert.deepEqual(rawManifest(encoded.bytes), encoded);
});

always(
  'conversion of an index: entries stay in number and order, nothing goes without a word, twice is once',
  (random) => {
    const index = deepFreeze(randomIndex(random));
    const there = convertIndex(index, other(index));
    assert.deepEqual(
      there.index.manifests.map(({ mediaType, digest, size, urls }) => [mediaType, digest, size, urls]),
      index.manifests.map(({ mediaType, digest, size, urls }) => [mediaType, digest, size, urls]),
    );
    assert.deepEqual(convertIndex(there.index, there.index.mediaType), { index: there.index, losses: [] });
    assert.deepEqual(parseIndex(encodeIndex(there.index)), there.index);
    const back = convertIndex(there.index, index.mediaType).index;
    const before = convertIndex(index, index.mediaType);
    assert.deepEqual(before.losses, []);
    assert.equal(sameIndexContent(back, before.index), there.losses.length === 0, there.losses.join('\n'));
  },
);

always('conversion of an image: digests stay, nothing goes without a word', (random) => {
  const manifest = deepFreeze(randomImage(random));
  const to: ManifestType =
    manifest.mediaType === mediaTypes.ociManifest ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const there = convertImageManifest(manifest, to);
  const digests = ({ config, layers }: typeof manifest) =>
    [config, ...layers].map((one) => [one.digest, one.size, one.urls]);
  assert.deepEqual(digests(there.manifest), digests(manifest));
  assert.deepEqual(parseImageManifest(encodeImageManifest(there.manifest)), there.manifest);
  const back = convertImageManifest(there.manifest, manifest.mediaType);
  assert.deepEqual(back.losses, []);
  const same = encodeImageManifest(back.manifest).digest === encodeImageManifest(manifest).digest;
  assert.equal(same, there.losses.length === 0, there.losses.join('\n'));
});

always('edits: nothing given is changed, and the same edits give the same index', (random) => {
  let index: ImageIndex = deepFreeze(randomIndex(random));
  const start = index;
  const edits = Array.from({ length: 8 }, () => {
    const edit = deepFreeze(randomEdit(random, index));
    const next = applyEdits(index, [edit]);
    const before = index.manifests.length;
    if (edit.op === 'remove')
      assert.ok(next.manifests.length < before && next.manifests.every((one) => one.digest !== edit.digest));
    if (edit.op === 'add') assert.equal(next.manifests.at(-1)?.digest, edit.entry.digest);
    if (edit.op.startsWith('annotate')) assert.equal(next.manifests.length, before);
    index = deepFreeze(next);
    return edit;
  });
  assert.deepEqual(applyEdits(start, edits), index);
  const { index: ready } = convertIndex(index, index.mediaType);
  assert.ok(sameIndexContent(parseIndex(encodeIndex(ready)), ready));
});

always('equality: each edit that is seen in the bytes is seen, and none else', (random) => {
  const index = randomIndex(random);
  const { index: edited } = convertIndex(applyEdits(index, [randomEdit(random, index)]), index.mediaType);
  const { index: before } = convertIndex(index, index.mediaType);
  assert.equal(sameIndexContent(before, edited), encodeIndex(before).digest === encodeIndex(edited).digest);
});

always('references: the full and the short form name the same', (random) => {
  const component = () => `${random.pick(['a', 'b1', '0'])}${random.pick(['', '-x', '__y', '.z', '---9'])}`;
  const registry = random.pick([
    '',
    'docker.io/',
    'q.io/',
    'localhost/',
    'h:1/',
    '[::1]:5/',
    'index.docker.io/',
    'UPPER/',
  ]);
  const path = Array.from({ length: 1 + random.whole(3) }, component).join('/');
  const tag = random.pick(['', ':t', ':_1.2-3']);
  const digest = random.pick(['', `@sha256:${'0a'.repeat(32)}`, `@sha512:${'0a'.repeat(64)}`]);
  const reference = parseReference(`${registry}${path}${tag}${digest}`);
  assert.deepEqual(parseReference(formatReference(reference)), reference);
  assert.deepEqual(parseReference(familiarReference(reference)), reference);
  assert.ok(familiarReference(reference).length <= formatReference(reference).length);
});

always('differences: each instance is told once, and nothing is where the content is the same', (random) => {
  const a = deepFreeze(randomIndex(random));
  const b = deepFreeze(
    random.pick([randomIndex(random), applyEdits(a, [randomEdit(random, a)]), parseIndex(encodeIndex(a))]),
  );
  const diff = diffIndexes(a, b);
  const sorted = (index: ImageIndex): string[] => index.manifests.map((entry) => JSON.stringify(entry)).sort();
  const sides = (side: 'a' | 'b') =>
    diff.instances.flatMap((one) => (side in one ? [one[side as keyof typeof one]] : []));
  assert.deepEqual(
    sides('a')
      .map((entry) => JSON.stringify(entry))
      .sort(),
    sorted(a),
  );
  assert.deepEqual(
    sides('b')
      .map((entry) => JSON.stringify(entry))
      .sort(),
    sorted(b),
  );
  assert.equal(!isDifferent(diff), sameIndexContent(a, b));
  assert.equal(isDifferent(diff), isDifferent(diffIndexes(b, a)));
});
