import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/foundation/errors.ts';
import { algorithmOf, createDigester, digestOf, encodedOf, isDigest, parseDigest } from '../../src/oci/digest.ts';

const hex = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('digests of the two algorithms are read', () => {
  for (const text of [`sha256:${hex}`, `sha512:${hex}${hex}`]) {
    assert.equal(parseDigest(text), text);
    assert.equal(isDigest(text), true);
  }
  assert.equal(algorithmOf(parseDigest(`sha512:${hex}${hex}`)), 'sha512');
  assert.equal(algorithmOf(parseDigest(`sha256:${hex}`)), 'sha256');
  assert.equal(encodedOf(parseDigest(`sha256:${hex}`)), hex);
  assert.equal(encodedOf(parseDigest(`sha512:${hex}${hex}`)), hex + hex);
});

const bad: ReadonlyArray<readonly [text: string, problem: RegExp]> = [
  ['', /no algorithm in front/],
  [hex, /no algorithm in front/],
  ['sha256:', /it has 0 hexadecimal digits instead of 64/],
  [`sha256:${hex.slice(1)}`, /it has 63 hexadecimal digits instead of 64/],
  [`sha256:${hex}0`, /it has 65 hexadecimal digits/],
  [`sha256:${hex.toUpperCase()}`, /must be lower-case/],
  [`SHA256:${hex}`, /the algorithm "SHA256" is neither/],
  [`sha256:${hex.slice(1)}g`, /no hexadecimal digits/],
  [`sha512:${hex}`, /it has 64 hexadecimal digits instead of 128/],
  [`md5:${hex.slice(32)}`, /the algorithm "md5" is neither sha256 nor sha512/],
  [`sha256:${hex}\n`, /no hexadecimal digits/],
  [` sha256:${hex}`, /the algorithm " sha256"/],
  [`sha256-${hex}`, /no algorithm/],
];

for (const [text, problem] of bad) {
  test(`refused: ${JSON.stringify(text.slice(0, 20))}, ${problem.source}`, () => {
    assert.equal(isDigest(text), false);
    assert.throws(
      () => parseDigest(text, 'instance'),
      (error) =>
        error instanceof UsageError &&
        error.code === 'INVALID_DIGEST' &&
        error.message.startsWith('invalid instance "') &&
        problem.test(error.message) &&
        /sha256: with 64/.test(error.hint ?? ''),
    );
  });
}

test('only texts are digests', () => {
  for (const value of [undefined, null, 5, {}, [`sha256:${hex}`]]) assert.equal(isDigest(value), false);
});

test('a very long text is not repeated in full', () => {
  assert.throws(
    () => parseDigest('x'.repeat(5000)),
    (error) => error instanceof UsageError && error.message.length < 300,
  );
});

test('digests of bytes, whole and piece by piece', () => {
  assert.equal(digestOf(new Uint8Array()), `sha256:${hex}`);
  assert.match(digestOf(Buffer.from('{}'), 'sha512'), /^sha512:27c74670adb75075/);
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const digester = createDigester(algorithm);
    for (const part of ['a', '', 'bc']) digester.update(Buffer.from(part));
    assert.equal(digester.digest(), digestOf(Buffer.from('abc'), algorithm));
  }
  assert.equal(createDigester().digest(), `sha256:${hex}`);
});
