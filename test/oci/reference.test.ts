import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/foundation/errors.ts';
import type { Digest } from '../../src/oci/digest.ts';
import {
  familiarReference,
  formatReference,
  parseReference,
  parseRepositoryName,
  type Reference,
  sameRepository,
  withDefaultTag,
} from '../../src/oci/reference.ts';

const hex = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const sha256: Digest = `sha256:${hex}`;
const sha512: Digest = `sha512:${hex}${hex}`;
const long = 'a'.repeat(255);

const good: ReadonlyArray<readonly [text: string, reference: Reference, familiar?: string]> = [
  ['busybox', { registry: 'docker.io', repository: 'library/busybox' }],
  ['busybox:1.36', { registry: 'docker.io', repository: 'library/busybox', tag: '1.36' }],
  [`busybox@${sha256}`, { registry: 'docker.io', repository: 'library/busybox', digest: sha256 }],
  [`busybox:1@${sha512}`, { registry: 'docker.io', repository: 'library/busybox', tag: '1', digest: sha512 }],
  ['library/busybox', { registry: 'docker.io', repository: 'library/busybox' }, 'busybox'],
  ['docker.io/busybox', { registry: 'docker.io', repository: 'library/busybox' }, 'busybox'],
  ['docker.io/library/busybox:1', { registry: 'docker.io', repository: 'library/busybox', tag: '1' }, 'busybox:1'],
  ['index.docker.io/busybox', { registry: 'docker.io', repository: 'library/busybox' }, 'busybox'],
  ['index.docker.io/a/b', { registry: 'docker.io', repository: 'a/b' }, 'a/b'],
  ['a/b/c', { registry: 'docker.io', repository: 'a/b/c' }],
  ['library/a/b', { registry: 'docker.io', repository: 'library/a/b' }],
  ['quay.io/a', { registry: 'quay.io', repository: 'a' }],
  ['quay.io/a/b:c', { registry: 'quay.io', repository: 'a/b', tag: 'c' }],
  ['localhost/a', { registry: 'localhost', repository: 'a' }],
  ['localhost:5000/a:b', { registry: 'localhost:5000', repository: 'a', tag: 'b' }],
  ['host:5000/a', { registry: 'host:5000', repository: 'a' }],
  ['host:0/a', { registry: 'host:0', repository: 'a' }],
  ['host:65535/a', { registry: 'host:65535', repository: 'a' }],
  ['127.0.0.1:5000/a/b', { registry: '127.0.0.1:5000', repository: 'a/b' }],
  ['[::1]/a', { registry: '[::1]', repository: 'a' }],
  ['[::1]:5000/a:b', { registry: '[::1]:5000', repository: 'a', tag: 'b' }],
  [`[2001:DB8::1]:5000/a@${sha256}`, { registry: '[2001:DB8::1]:5000', repository: 'a', digest: sha256 }],
  ['Host/a', { registry: 'Host', repository: 'a' }],
  ['EXAMPLE.com/a', { registry: 'EXAMPLE.com', repository: 'a' }],
  ['a--b.example.com/a', { registry: 'a--b.example.com', repository: 'a' }],
  // "foo" is no host, so this is a path of two parts at Docker's
  ['foo/bar', { registry: 'docker.io', repository: 'foo/bar' }],
  ['foo:5000', { registry: 'docker.io', repository: 'library/foo', tag: '5000' }],
  ['a.b', { registry: 'docker.io', repository: 'library/a.b' }],
  ['a_b', { registry: 'docker.io', repository: 'library/a_b' }],
  ['a__b', { registry: 'docker.io', repository: 'library/a__b' }],
  ['a---b', { registry: 'docker.io', repository: 'library/a---b' }],
  ['q.io/a.b/c_d/e__f/g-h', { registry: 'q.io', repository: 'a.b/c_d/e__f/g-h' }],
  ['a:_x.Y-1', { registry: 'docker.io', repository: 'library/a', tag: '_x.Y-1' }],
  [`a:${'t'.repeat(128)}`, { registry: 'docker.io', repository: 'library/a', tag: 't'.repeat(128) }],
  [`q.io/${long}`, { registry: 'q.io', repository: long }],
  [hex.slice(1), { registry: 'docker.io', repository: `library/${hex.slice(1)}` }],
  [`q.io/${hex}`, { registry: 'q.io', repository: hex }],
  // shortened, these would be read as something else
  ['docker.io/localhost/x', { registry: 'docker.io', repository: 'localhost/x' }, 'docker.io/localhost/x'],
  ['docker.io/a.b/x', { registry: 'docker.io', repository: 'a.b/x' }, 'docker.io/a.b/x'],
  [`docker.io/${hex}`, { registry: 'docker.io', repository: `library/${hex}` }, `docker.io/library/${hex}`],
];

for (const [text, expected, familiar = text] of good) {
  test(`${text.slice(0, 60)} is ${expected.registry} ${expected.repository.slice(0, 40)}`, () => {
    const parsed = parseReference(text);
    assert.deepEqual(parsed, expected);
    assert.equal(familiarReference(parsed), familiar);
    assert.deepEqual(parseReference(formatReference(parsed)), expected);
    assert.deepEqual(parseReference(familiarReference(parsed)), expected);
  });
}

const bad: ReadonlyArray<readonly [text: string, problem: RegExp, hint?: RegExp]> = [
  ['', /it is empty/],
  [hex, /cannot be named with 64 hexadecimal digits/, /repository@sha256:e3b0c4/],
  ['Busybox', /repository name \(Busybox\) must be lowercase/, /^Write busybox\.$/],
  ['quay.io/Foo/Bar:Tag', /repository name \(Foo\/Bar\) must be lowercase/, /^Write quay\.io\/foo\/bar:Tag\.$/],
  ['A.io/A:A', /repository name \(A\) must be lowercase/, /^Write A\.io\/a:A\.$/],
  ['Busy box', /"Busy box" cannot be a part/, /^Use lower-case/],
  ['Ä', /"Ä" cannot be a part/, /^Use lower-case/],
  ['Busybox:-1', /must be lowercase/, /^Use lower-case/],
  ['https://quay.io/a', /has no "https:\/\/" in front/, /^Leave "https:\/\/" away\.$/],
  ['docker://busybox', /has no "docker:\/\/" in front/],
  ['quay.io/', /names no repository/],
  [':tag', /names no repository/],
  [`@${sha256}`, /names no repository/],
  ['/a', /it looks like a path/],
  ['a//b', /a part of the repository name is empty/],
  ['a/b/', /a part of the repository name is empty/],
  ['a:', /there is nothing after the ":"/],
  ['a:-x', /"-x" cannot be a tag/],
  ['a:.x', /"\.x" cannot be a tag/],
  ['a:b:c', /"b:c" cannot be a tag/],
  ['a:b/c', /"b\/c" cannot be a tag|"b" is not a port number/],
  ['a:ä', /"ä" cannot be a tag/],
  [`a:${'t'.repeat(129)}`, /the tag has 129 characters/],
  ['a b', /"a b" cannot be a part of a repository name/],
  [' a', /cannot be a part/],
  ['a\n', /cannot be a part/],
  ['-a', /"-a" cannot be a part/],
  ['a-', /"a-" cannot be a part/],
  ['a..b', /"a\.\.b" cannot be a part/],
  ['a___b', /"a___b" cannot be a part/],
  ['a._b', /"a\._b" cannot be a part/],
  ['a/../b', /"\.\." cannot be a part/],
  ['é', /cannot be a part/],
  ['-bad.example/a', /"-bad\.example" is not the name of a registry/],
  ['bad-.example/a', /is not the name of a registry/],
  ['a..example/a', /is not the name of a registry/],
  ['[::1/a', /is not the name of a registry/],
  ['[::g]/a', /is not the name of a registry/],
  ['[::1]x:5/a', /is not the name of a registry/],
  ['host:/a', /"" is not a port number/],
  ['host:65536/a', /"65536" is not a port number/],
  ['host:123456/a', /is not a port number/],
  ['host:5x/a', /"5x" is not a port number/],
  ['host:5:6/a', /is not the name of a registry/],
  [`a${long}`, /must not be more than 255 characters, it has 264/],
  [`q.io/a${long}`, /must not be more than 255 characters, it has 256/],
  ['a@', /invalid digest ""/],
  ['a@sha256:abc', /it has 3 hexadecimal digits instead of 64/],
  [`a@${sha256}@${sha256}`, /invalid digest/],
  [`a@md5:${hex}`, /the algorithm "md5"/],
  [`a@sha256:${hex.toUpperCase()}`, /must be lower-case/, /lower-case hexadecimal digits/],
  ['quay.io', /^$/],
];

for (const [text, problem, hint] of bad) {
  if (text === 'quay.io') continue; // a name with a point in it: an image at Docker's
  test(`refused: ${JSON.stringify(text.slice(0, 50))}`, () => {
    assert.throws(
      () => parseReference(text),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.equal(error.code, 'INVALID_REFERENCE');
        assert.ok(error.message.startsWith(`invalid reference format "${text.slice(0, 250)}`), error.message);
        assert.match(error.message, problem);
        if (hint !== undefined) assert.match(error.hint ?? '', hint);
        return true;
      },
    );
  });
}

test('a host name alone is an image at Docker’s', () => {
  assert.deepEqual(parseReference('quay.io'), { registry: 'docker.io', repository: 'library/quay.io' });
});

test('hostile names are refused in no time', () => {
  const started = process.cpuUsage();
  for (const text of [
    'a-'.repeat(50_000),
    `${'a.'.repeat(50_000)}-/x`,
    `${'a_'.repeat(50_000)}!`,
    '['.repeat(100_000),
  ]) {
    assert.throws(() => parseReference(text), { code: 'INVALID_REFERENCE' });
  }
  assert.ok(process.cpuUsage(started).user < 1_000_000);
});

test('a password in front of a name is shown nowhere', () => {
  for (const text of [
    'alice:hunter2@127.0.0.1:5000/a:1',
    'alice:hunter2@quay.io/a',
    'hunter2@quay.io/a',
    'alice:hun/ter2@hunter2@quay.io/a:1',
    `alice:hunter2@quay.io/a:1@${sha256}`,
    'https://alice:hunter2@quay.io/a',
  ]) {
    assert.throws(
      () => parseReference(text),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /^invalid reference format "(https:\/\/)?\*\*\*@(quay|127)/);
        assert.match(error.message, text.startsWith('https') ? /in front/ : /credentials do not belong in a name/);
        assert.doesNotMatch(`${error.stack} ${error.hint} ${String(error.cause)}`, /ter2/);
        return true;
      },
    );
  }
});

test('the default tag is added to what has neither tag nor digest', () => {
  assert.equal(withDefaultTag(parseReference('a')).tag, 'latest');
  assert.equal(withDefaultTag(parseReference('a:b')).tag, 'b');
  assert.equal(withDefaultTag(parseReference(`a@${sha256}`)).tag, undefined);
});

test('repository names have neither tag nor digest', () => {
  assert.deepEqual(parseRepositoryName('q.io:5000/a'), { registry: 'q.io:5000', repository: 'a' });
  assert.throws(() => parseRepositoryName('q.io/a:b'), {
    code: 'INVALID_REFERENCE',
    message: /it has a tag/,
    hint: 'Write q.io/a.',
  });
  assert.throws(() => parseRepositoryName(`a@${sha256}`), { message: /it has a digest/, hint: 'Write a.' });
  assert.throws(() => parseRepositoryName('A'), { message: /lowercase/ });
});

test('same repository', () => {
  assert.ok(sameRepository(parseReference('busybox:1'), parseReference(`docker.io/library/busybox@${sha256}`)));
  assert.ok(!sameRepository(parseReference('q.io/a'), parseReference('q.io/b')));
  assert.ok(!sameRepository(parseReference('q.io/a'), parseReference('r.io/a')));
});
