import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChallenges } from '../../src/distribution/challenge.ts';

test('one challenge with quoted and plain parameters', () => {
  assert.deepEqual(
    parseChallenges('Bearer realm="https://auth.test/token",service=registry.test,Scope="repository:a/b:pull,push"'),
    [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://auth.test/token', service: 'registry.test', scope: 'repository:a/b:pull,push' },
      },
    ],
  );
});

test('several challenges, in one header and in several', () => {
  assert.deepEqual(parseChallenges(['Basic realm="a, b", Bearer realm="c"', 'Negotiate']), [
    { scheme: 'basic', parameters: { realm: 'a, b' } },
    { scheme: 'bearer', parameters: { realm: 'c' } },
    { scheme: 'negotiate', parameters: {} },
  ]);
  assert.deepEqual(
    parseChallenges('Negotiate YWJj==, Basic realm=x').map((challenge) => challenge.scheme),
    ['negotiate', 'basic'],
  );
});

test('escapes, spaces, empty elements', () => {
  assert.deepEqual(parseChallenges(' ,, Basic  realm = "say \\"hi\\" \\\\" ,, charset="UTF-8" ,'), [
    { scheme: 'basic', parameters: { realm: 'say "hi" \\', charset: 'UTF-8' } },
  ]);
});

test('the first of a repeated parameter counts', () => {
  assert.equal(parseChallenges('Bearer realm="first",realm="second"')[0]?.parameters['realm'], 'first');
});

test('what makes no sense is left out', () => {
  assert.deepEqual(parseChallenges(undefined), []);
  assert.deepEqual(parseChallenges(''), []);
  assert.deepEqual(parseChallenges('"no scheme"'), []);
  assert.deepEqual(parseChallenges('Bearer realm="unfinished'), [{ scheme: 'bearer', parameters: {} }]);
});

test('no more than 16 KiB are looked at', () => {
  const huge = `Bearer realm="https://a.test/${'x'.repeat(20_000)}"`;
  assert.deepEqual(parseChallenges(huge), []);
  assert.deepEqual(parseChallenges(['Basic realm="a"', huge]), [{ scheme: 'basic', parameters: { realm: 'a' } }]);
  // nor does a hostile one take long
  const start = performance.now();
  parseChallenges(`Bearer ${'a="\\'.repeat(4000)}`);
  parseChallenges(`Bearer ${',a=b '.repeat(3000)}`);
  assert.ok(performance.now() - start < 1000);
});
