import assert from 'node:assert/strict';
import { test } from 'node:test';
import { variableSuffix } from '../../src/credentials/environment.ts';
import { keychainKey, keysLongestFirst, parseLoginKey } from '../../src/credentials/registry-key.ts';
import { UsageError } from '../../src/foundation/errors.ts';

test('keys of a repository, the most specific first', () => {
  assert.deepEqual(keysLongestFirst('registry-1.docker.io', 'library/x'), [
    'docker.io/library/x',
    'docker.io/library',
    'docker.io',
  ]);
  assert.deepEqual(keysLongestFirst('r:5000', ''), ['r:5000']);
});

const keys: Array<[string, string | undefined]> = [
  ['quay.io', 'quay.io'],
  ['quay.io/team/app', 'quay.io/team/app'],
  ['127.0.0.1:5000', '127.0.0.1:5000'],
  ['[::1]:5000', '[::1]:5000'],
  ['localhost', 'localhost'],
  [' quay.io ', 'quay.io'],
  ['https://quay.io', 'quay.io'],
  ['https://quay.io/', 'quay.io'],
  ['https://index.docker.io/v1/', 'docker.io'],
  ['http://r.example:80/v2', 'r.example:80'],
  ['index.docker.io', 'docker.io'],
  ['registry-1.docker.io/team', 'docker.io/team'],
  ['', undefined],
  ['https://', undefined],
  ['ftp://quay.io', undefined],
  ['docker://quay.io', undefined],
  ['user@quay.io', undefined],
  ['quay.io/team@sha256', undefined],
  ['quay.io/team/app:1', undefined],
  ['quay.io//app', undefined],
  ['quay.io/', undefined],
  ['quay.io/Team', undefined],
  ['quay.io:port', undefined],
  ['a b', undefined],
];

for (const [text, expected] of keys) {
  test(`login key ${JSON.stringify(text)}`, () => {
    if (expected !== undefined) return assert.equal(parseLoginKey(text), expected);
    assert.throws(
      () => parseLoginKey(text),
      (thrown: unknown) => thrown instanceof UsageError && thrown.code === 'INVALID_REGISTRY',
    );
  });
}

test('a password in front of a registry is shown nowhere', () => {
  for (const text of ['me:hunter2@quay.io', 'https://me:hunter2@quay.io', 'me:hun/ter2@quay.io/team']) {
    assert.throws(
      () => parseLoginKey(text),
      (thrown: unknown) => {
        assert.ok(thrown instanceof UsageError);
        assert.match(thrown.message, /\*\*\*@quay\.io.*: credentials do not belong in a name$/);
        assert.match(thrown.hint ?? '', /--password-stdin/);
        assert.doesNotMatch(String(thrown.stack), /ter2/);
        return true;
      },
    );
  }
});

test('the keychain has one key for all spellings of a registry', () => {
  assert.equal(keychainKey('https://index.docker.io/v1/'), 'docker.io');
  assert.equal(keychainKey('https://r.example'), 'r.example');
  assert.equal(keychainKey('something else'), 'something else');
});

test('no two registries share environment variables', () => {
  const hosts = ['a.b.io', 'a-b.io', 'a--b.io', 'a.b', 'a:1', 'a.1', 'a-1', 'a.b:1', 'a-b:1', 'b.io:443', 'b.io.443'];
  assert.equal(new Set(hosts.map(variableSuffix)).size, hosts.length);
  assert.equal(variableSuffix('reg-1.example.com:5000'), 'REG__1_EXAMPLE_COM___5000');
  assert.equal(variableSuffix('registry-1.docker.io'), 'DOCKER_IO');
  assert.equal(variableSuffix('[::1]:5000'), undefined);
});
