import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { redact } from '../../src/foundation/redaction.ts';

describe('redact', () => {
  const cases = [
    ['https://me:hunter2@quay.io/v2/', 'https://***@quay.io/v2/'],
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
    assert.equal(redact('linux/arm64 at docker://a/b:c'), 'linux/arm64 at docker://a/b:c');
  });
});
