import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasUserInfo, redact, redactName } from '../../src/foundation/redaction.ts';

describe('redact', () => {
  const cases = [
    ['https://me:hunter2@quay.io/v2/', 'https://***@quay.io/v2/'],
    ['https://me:hunt@er2@quay.io/v2/', 'https://***@quay.io/v2/'],
    ['"me:hunter2@quay.io:5000/a:1" is wrong', '"***@quay.io:5000/a:1" is wrong'],
    ['unknown command "me:hunt@er2@quay.io"', 'unknown command "***@quay.io"'],
    ['write docker://me:hunter2@quay.io/a@sha256:0123', 'write docker://***@quay.io/a@sha256:0123'],
    ['docker:me:hunter2@quay.io/a', 'docker:***@quay.io/a'],
    ['Authorization: Bearer abcdef.ghi-jk', 'Authorization: Bearer ***'],
    ['authorization: Basic bWU6aHVudGVyMg==', 'authorization: Basic ***'],
    ['https://x/y?token=secret&a=b', 'https://x/y?token=***&a=b'],
    ['https://x/y?X-Amz-Signature=0123&b=1', 'https://x/y?X-Amz-Signature=***&b=1'],
    ['refresh_token=abc', 'refresh_token=***'],
    ['https://x/upload?_state=opaque', 'https://x/upload?_state=***'],
  ] as const;
  for (const [text, safe] of cases) it(text.replace(/[a-z0-9]{6,}/gi, '...'), () => assert.equal(redact(text), safe));

  it('leaves everything else alone', () => {
    const text = 'cannot read the manifest quay.io/me/app@sha256:0123 (401): basic access was refused';
    assert.equal(redact(text), text.replace('basic access', 'basic ***'));
    for (const same of [
      'linux/arm64 at docker://a/b:c',
      'docker://busybox:1@sha256:0123 and busybox:1@sha512:4567',
      '"[::1]:5000/a@sha256:0123", [::1]:5000/a:1',
      'cannot open oci:node@20:latest and dir:me@home',
      'no key for pgp:me@example.com',
      'containers-storage:[vfs@/tmp/a+/tmp/b]me/app:1',
      'issued to https://github.com/me/app/.github/workflows/ci.yml@refs/heads/main by me@example.com',
      'at file:///srv/node_modules/@me/app@1/index.js:12:3',
    ])
      assert.equal(redact(same), same);
  });
});

describe('user info in front of a name', () => {
  for (const [name, safe] of [
    ['me:hunter2@quay.io/a', '***@quay.io/a'],
    ['me:hun/t:er@2@quay.io:5000/a:1', '***@quay.io:5000/a:1'],
    ['docker://me:hun/ter2@quay.io/a', 'docker://***@quay.io/a'],
    ['containers-storage:me:hunter2@quay.io/a', 'containers-storage:***@quay.io/a'],
    ['me:hunter2@quay.io/a:1@sha256:0123', '***@quay.io/a:1@sha256:0123'],
    ['ghp_0123@quay.io/a:1@sha256:0123', '***@quay.io/a:1@sha256:0123'],
    ['docker://ghp_0123@localhost/a@typo', 'docker://***@localhost/a@typo'],
    ['ghp_0123@[::1]:5000/a', '***@[::1]:5000/a'],
  ] as const) {
    it(`is taken out: ${safe}`, () => {
      assert.equal(hasUserInfo(name), true);
      assert.equal(redactName(name), safe);
    });
  }

  for (const name of [
    'busybox:1@sha256:0123',
    'localhost:5000/a@typo',
    'quay.io/a:1@typo',
    '[::1]:5000/a@typo',
    'me@quay.io',
    '@quay.io:1',
    'oci:node@20',
    'oci:node@20.1/a',
    'a/b@c.d/e',
    'busybox@typo/a',
    'quay.io:5000/a:1',
  ]) {
    it(`is not there: ${name}`, () => {
      assert.equal(hasUserInfo(name), false);
      assert.equal(redactName(name), name);
    });
  }
});

it('one long word is looked through once, not once from each of its letters, which would take an hour', () => {
  const word = `${'a'.repeat(1_000_000)}@`;
  assert.equal(redact(word), word);
});
