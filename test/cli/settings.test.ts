import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settingsOf } from '../../src/cli/settings.ts';
import { UsageError } from '../../src/foundation/errors.ts';

describe('settingsOf', () => {
  it('has the defaults of the peers where a command lacks the flags', () => {
    assert.deepEqual(settingsOf({}), {
      json: false,
      quiet: false,
      logLevel: 'warn',
      progress: 'auto',
      parallel: undefined,
      registry: { authfile: undefined, creds: undefined, certDir: undefined, tlsVerify: undefined },
      retry: { maxRetries: 3, delayMs: undefined },
    });
  });

  it('tells apart that TLS is verified by default and on demand', () => {
    assert.equal(settingsOf({}).registry.tlsVerify, undefined);
    assert.equal(settingsOf({ 'tls-verify': true }).registry.tlsVerify, true);
    assert.equal(settingsOf({ 'tls-verify': false }).registry.tlsVerify, false);
    assert.equal(settingsOf({ insecure: true }).registry.tlsVerify, false);
    assert.equal(settingsOf({ insecure: false, 'tls-verify': true }).registry.tlsVerify, true);
  });

  it('refuses --insecure beside --tls-verify, in the words of the peers', () => {
    for (const given of [true, false]) {
      assert.throws(
        () => settingsOf({ insecure: true, 'tls-verify': given }),
        (thrown: unknown) =>
          thrown instanceof UsageError && thrown.message === '--insecure may not be used with --tls-verify',
      );
    }
  });
});
