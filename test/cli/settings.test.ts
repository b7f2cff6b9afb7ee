import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { settingsOf } from '../../src/cli/settings.ts';
import { UsageError } from '../../src/foundation/errors.ts';

const plain = {
  authfile: undefined,
  creds: undefined,
  token: undefined,
  noCreds: false,
  certDir: undefined,
  tlsVerify: undefined,
};

describe('settingsOf', () => {
  it('has the defaults of the peers where a command lacks the flags', () => {
    assert.deepEqual(settingsOf({}), {
      json: false,
      quiet: false,
      logLevel: 'warn',
      progress: 'auto',
      dryRun: false,
      parallel: undefined,
      registry: plain,
      destination: plain,
      policy: undefined,
      registriesD: undefined,
      places: { source: {}, destination: {} },
      retry: { maxRetries: 3, delayMs: undefined },
    });
  });

  it('has absolute folders of shared blobs, and what a daemon of each side needs', () => {
    const { places } = settingsOf({
      'src-shared-blob-dir': 'sh',
      'dest-daemon-host': 'tcp://far',
      'dest-cert-dir': 'certs',
      'tls-verify': false,
    });
    assert.deepEqual(places, {
      source: { sharedBlobDir: join(process.cwd(), 'sh'), tlsVerify: false },
      destination: { daemonHost: 'tcp://far', certDir: 'certs', tlsVerify: false },
    });
    const both = { sharedBlobDir: '/sh', daemonHost: 'unix:///d.sock' };
    assert.deepEqual(settingsOf({ 'shared-blob-dir': '/sh', 'daemon-host': 'unix:///d.sock' }).places, {
      source: both,
      destination: both,
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

  it('takes for each side what is said for it, else what is said for both', () => {
    const { registry, destination } = settingsOf({
      creds: 'both:1',
      authfile: 'both.json',
      'cert-dir': 'both',
      'tls-verify': true,
      'src-creds': 'one:1',
      'src-cert-dir': 'one',
      'dest-authfile': 'other.json',
      'dest-tls-verify': false,
    });
    const both = { ...plain, authfile: 'both.json', creds: 'both:1', certDir: 'both', tlsVerify: true };
    assert.deepEqual(registry, { ...both, creds: 'one:1', certDir: 'one' });
    assert.deepEqual(destination, { ...both, authfile: 'other.json', tlsVerify: false });
  });

  it('takes A and B of a comparison for the two sides', () => {
    const { registry, destination, places } = settingsOf({
      creds: 'both:1',
      'tls-verify': true,
      'a-creds': 'one:1',
      'b-tls-verify': false,
      'shared-blob-dir': '/sh',
    });
    assert.deepEqual(registry, { ...plain, creds: 'one:1', tlsVerify: true });
    assert.deepEqual(destination, { ...plain, creds: 'both:1', tlsVerify: false });
    assert.deepEqual(places.destination, { sharedBlobDir: '/sh', tlsVerify: false });
    assert.throws(
      () => settingsOf({ 'b-creds': 'a:b', 'b-no-creds': true }),
      /^UsageError: --b-creds and --b-no-creds /,
    );
  });

  it('knows both sides as one where they do not differ', () => {
    const same = settingsOf({ creds: 'me:1', 'src-creds': 'you:2', 'dest-creds': 'you:2' });
    assert.equal(same.registry, same.destination);
    const different = settingsOf({ creds: 'me:1', 'dest-creds': 'you:2' });
    assert.notEqual(different.registry, different.destination);
  });

  it('lets what proves who we are be replaced for one side as a whole', () => {
    const { registry, destination } = settingsOf({ creds: 'me:1', 'src-no-creds': true, 'dest-registry-token': 'abc' });
    assert.deepEqual(registry, { ...plain, noCreds: true });
    assert.deepEqual(destination, { ...plain, token: 'abc' });
    const named = settingsOf({ 'dest-username': 'me', 'dest-password': 'a:b' });
    assert.equal(named.destination.creds, 'me:a:b');
    assert.equal(named.registry.creds, undefined);
    assert.equal(settingsOf({ username: 'me' }).registry.creds, undefined, 'that is a flag of login');
  });

  it('takes an empty token for none, and credentials beside a token', () => {
    const { registry, destination } = settingsOf({
      creds: 'me:1',
      'src-registry-token': '',
      'dest-registry-token': 'abc',
      'dest-creds': 'you:2',
    });
    assert.deepEqual(registry, { ...plain, creds: 'me:1' });
    assert.deepEqual(destination, { ...plain, creds: 'you:2', token: 'abc' });
  });

  it('takes an empty file of credentials or folder of certificates for none, as the peers do', () => {
    const { registry, destination } = settingsOf({
      authfile: '/both',
      'cert-dir': '',
      'src-authfile': '',
      'dest-authfile': '/there',
      'dest-cert-dir': '',
    });
    assert.deepEqual(registry, { ...plain, authfile: '/both' });
    assert.deepEqual(destination, { ...plain, authfile: '/there' });
  });

  it('refuses contradictions within a side, and names the flags', () => {
    const contradictions: Array<[Record<string, unknown>, RegExp]> = [
      [{ 'src-creds': 'a:b', 'src-no-creds': true }, /^--src-creds and --src-no-creds exclude each other$/],
      [{ 'dest-creds': 'a:b', 'dest-username': 'a', 'dest-password': 'b' }, /^--dest-creds and --dest-username /],
      [{ 'src-registry-token': 'x', 'src-no-creds': true }, /^--src-registry-token and --src-no-creds /],
      [{ 'src-username': 'a' }, /^--src-username and --src-password are of use together only$/],
    ];
    for (const [flags, message] of contradictions) {
      assert.throws(
        () => settingsOf(flags),
        (thrown: unknown) =>
          thrown instanceof UsageError && thrown.code === 'CONFLICTING_FLAGS' && message.test(thrown.message),
      );
    }
  });
});
