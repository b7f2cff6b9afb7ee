import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createProxies, type ProxyServer } from '../../src/distribution/proxies.ts';
import { UsageError } from '../../src/foundation/errors.ts';
import { redact } from '../../src/foundation/redaction.ts';

type Variables = Readonly<Record<string, string>>;

function proxyOf(env: Variables, url = 'https://reg.test:5000'): ProxyServer | undefined {
  return createProxies(env)(new URL(url));
}

function addressOf(env: Variables, url?: string): string | undefined {
  const proxy = proxyOf(env, url);
  return proxy && `${proxy.protocol}//${proxy.host}`;
}

describe('the proxies of the environment', () => {
  it('are written in full, or without scheme, path and port', () => {
    for (const [value, address] of [
      ['http://proxy.test:3128', 'http://proxy.test:3128'],
      ['http://proxy.test:3128/path/?query', 'http://proxy.test:3128'],
      ['127.0.0.1:3128', 'http://127.0.0.1:3128'],
      ['localhost:3128', 'http://localhost:3128'],
      [' proxy.test ', 'http://proxy.test:80'],
      ['https://proxy.test', 'https://proxy.test:443'],
      ['socks5://proxy.test', 'socks5://proxy.test:1080'],
      ['socks5h://proxy.test:1', 'socks5://proxy.test:1'],
      ['[2001:db8::1]:3128', 'http://[2001:db8::1]:3128'],
    ] as const) {
      assert.equal(addressOf({ HTTPS_PROXY: value }), address);
    }
    assert.equal(proxyOf({ HTTPS_PROXY: '[2001:db8::1]:3128' })?.hostname, '2001:db8::1');
  });

  it('have logins', () => {
    const login = (value: string): string | undefined => {
      const found = proxyOf({ HTTPS_PROXY: value })?.login;
      return found && `${found.username.toString('latin1')} ${found.password.toString('latin1')}`;
    };
    assert.equal(login('user:pa%40ss@proxy.test'), 'user pa@ss');
    assert.equal(login('http://user:100%25%ff@proxy.test'), 'user 100%\xff');
    assert.equal(login('http://user@proxy.test'), 'user ');
    assert.equal(login('http://proxy.test'), undefined);
  });

  it('are one for https and one for http, with capital letters before others', () => {
    assert.equal(addressOf({ HTTP_PROXY: 'a.test' }), undefined);
    assert.equal(addressOf({ HTTPS_PROXY: 'a.test' }, 'http://reg.test'), undefined);
    assert.equal(addressOf({ http_proxy: 'a.test', HTTPS_PROXY: 'b.test' }, 'http://reg.test'), 'http://a.test:80');
    assert.equal(addressOf({ https_proxy: 'a.test', HTTPS_PROXY: 'b.test' }), 'http://b.test:80');
    assert.equal(addressOf({ https_proxy: 'a.test', HTTPS_PROXY: '' }), 'http://a.test:80');
  });

  it('are not for this machine, nor for what NO_PROXY names', () => {
    const env = { HTTPS_PROXY: 'a.test', no_proxy: '10.0.0.0/8,.direct.test:443' };
    for (const host of [
      'localhost:5000',
      '127.1.2.3',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '10.1.1.1:5000',
      'a.direct.test',
    ]) {
      assert.equal(addressOf(env, `https://${host}`), undefined, host);
    }
    for (const host of ['11.1.1.1', 'a.direct.test:5000']) assert.ok(addressOf(env, `https://${host}`), host);
  });

  it('are told when they make no sense, once they are needed, and without their secrets', () => {
    for (const value of [
      ' ',
      'foo://host',
      'ftp://host',
      'http://',
      'socks5://',
      'http://host:99999',
      ':::bad',
      'http://alice:secret%zz@host',
      'http://alice:sec/ret@host:1',
      'alice:sec#ret@@host:1:2',
    ]) {
      assert.throws(
        () => proxyOf({ https_proxy: value }),
        (error: unknown) => {
          assert.ok(error instanceof UsageError, value);
          assert.equal(error.code, 'PROXY');
          assert.match(error.message, /^https_proxy is "/);
          assert.doesNotMatch(`${error.message}${error.hint}`, /sec|ret|alice/, value);
          assert.equal(redact(error.hint ?? ''), error.hint, 'all of it is shown');
          return true;
        },
      );
      assert.equal(proxyOf({ https_proxy: value, NO_PROXY: '*' }), undefined);
      assert.equal(proxyOf({ https_proxy: value }, 'http://reg.test'), undefined);
    }
  });
});
