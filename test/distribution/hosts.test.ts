import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiHost, isLoopback, parseUrl } from '../../src/distribution/hosts.ts';
import { withRegistry } from '../support/registry.ts';
import { testPool } from './pool.ts';

test('Docker Hub has another host for its API than its name says', () => {
  assert.equal(apiHost('docker.io'), 'registry-1.docker.io');
  assert.equal(apiHost('index.docker.io'), 'registry-1.docker.io');
  assert.equal(apiHost('127.0.0.1:5000'), '127.0.0.1:5000');
});

test('this machine itself', () => {
  for (const name of ['localhost', 'a.localhost', '127.0.0.1', '127.9.9.9', '[::1]', '::1'])
    assert.ok(isLoopback(name), name);
  for (const name of ['localhost.test', '128.0.0.1', '127.0.0.1.test', '[::2]', '10.0.0.1', 'notlocalhost']) {
    assert.ok(!isLoopback(name), name);
  }
});

test('relative and broken URLs', () => {
  const base = new URL('https://r.test/v2/a');
  assert.equal(parseUrl('/x?y', base)?.href, 'https://r.test/x?y');
  assert.equal(parseUrl('https://', base), undefined);
});

test('an IPv6 address as the host of a reference', async (t) => {
  const registry = await withRegistry(t, { host: '::1' });
  const { pool } = testPool(t);
  const client = pool.client(`[::1]:${registry.port}`);
  assert.equal(client, pool.client(`[::1]:${registry.port}`), 'one client a host');
  assert.equal(await client.repository('a').headManifest('v1'), undefined);
});
