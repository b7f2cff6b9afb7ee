import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/foundation/errors.ts';
import { fullName, possibleNames, similarNames } from '../../src/store/list-names.ts';

const hex = 'a'.repeat(64);

// as buildah 1.43 names the lists that it makes
const shown: ReadonlyArray<readonly [typed: string, full: string]> = [
  ['foo', 'localhost/foo:latest'],
  ['foo/bar', 'localhost/foo/bar:latest'],
  ['foo:v1', 'localhost/foo:v1'],
  ['localhost/q', 'localhost/q:latest'],
  ['quay.io/x/y', 'quay.io/x/y:latest'],
  ['127.0.0.1:5000/x:1', '127.0.0.1:5000/x:1'],
  ['[::1]:5000/x', '[::1]:5000/x:latest'],
  ['docker.io/zed', 'docker.io/library/zed:latest'],
  ['docker.io/a/b', 'docker.io/a/b:latest'],
  ['Foo.io/x', 'Foo.io/x:latest'],
  [`foo@sha256:${hex}`, `localhost/foo@sha256:${hex}`],
];

for (const [typed, full] of shown) {
  test(`a list called ${typed} is ${full}`, () => {
    assert.equal(fullName(typed), full);
    assert.equal(possibleNames(typed)[0], full);
    assert.equal(fullName(full), full);
  });
}

test('a short name may also mean one of docker.io', () => {
  assert.deepEqual(possibleNames('zed'), ['localhost/zed:latest', 'docker.io/library/zed:latest']);
  assert.deepEqual(possibleNames('quay.io/zed'), ['quay.io/zed:latest']);
});

test('what cannot be a name is refused when given and unknown when looked for', () => {
  for (const bad of ['', 'UPPER', 'a b', 'foo:', hex]) {
    assert.throws(
      () => fullName(bad),
      (thrown) =>
        thrown instanceof UsageError && thrown.code === 'INVALID_REFERENCE' && !thrown.message.includes('localhost'),
      bad,
    );
    assert.deepEqual(possibleNames(bad), [], bad);
  }
});

test('similar names are near, nearest first', () => {
  const names = [
    'localhost/release:latest',
    'localhost/rebase:latest',
    'quay.io/other/thing:1',
    'localhost/releases:latest',
  ];
  assert.deepEqual(similarNames('relase', names), [
    'localhost/release:latest',
    'localhost/rebase:latest',
    'localhost/releases:latest',
  ]);
  assert.deepEqual(similarNames('something-else', names), []);
});
