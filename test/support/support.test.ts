/** The helpers that start things, tested by themselves: a test that leans on them should fail for its own reasons. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { basicHeader } from './auth.ts';
import { selfSignedCertificate } from './certificate.ts';
import { http } from './http.ts';
import { isolatedPeers, skipWithout } from './peers.ts';
import { leasePort } from './ports.ts';
import { realRegistry, realRegistryUser, withRegistry } from './registry.ts';
import { seedImage, seedIndex } from './seed.ts';

const needsRegistry = { skip: skipWithout('registry') };

test('a real registry', needsRegistry, async (t) => {
  const registry = await realRegistry(t);
  const image = await seedImage(registry, 'team/app', { tag: 'v1' });
  await seedIndex(registry, 'team/app', [image], { tag: 'index' });
  const read = await http(`${registry.url}/v2/team/app/manifests/v1`, { headers: { accept: image.mediaType } });
  assert.deepEqual(read.body, image.bytes);
});

test('a real registry that asks who is there', needsRegistry, async (t) => {
  const registry = await realRegistry(t, { htpasswd: true });
  const url = `${registry.url}/v2/`;
  assert.equal((await http(url)).status, 401);
  const { username, password } = realRegistryUser;
  assert.equal((await http(url, { headers: { authorization: basicHeader(username, password) } })).status, 200);
  assert.equal((await http(url, { headers: { authorization: basicHeader(username, 'x') } })).status, 401);
});

test('a real registry with TLS', needsRegistry, async (t) => {
  const tls = selfSignedCertificate();
  const registry = await realRegistry(t, { tls });
  assert.equal((await http(`${registry.url}/v2/`, { ca: tls.cert })).status, 200);
});

test('real registries stop with their test', needsRegistry, async (t) => {
  let url = '';
  await t.test('inner', async (inner) => {
    ({ url } = await realRegistry(inner));
    assert.equal((await http(`${url}/v2/`)).status, 200);
  });
  await assert.rejects(http(`${url}/v2/`), { code: 'ECONNREFUSED' });
});

test('a port is leased to one at a time', async (t) => {
  const candidates = await freePorts(t);
  let first = 0;
  await t.test('both are taken', async (inner) => {
    first = await leasePort(inner, candidates);
    const second = await leasePort(inner, candidates);
    assert.deepEqual([first, second], candidates);
  });
  assert.equal(await leasePort(t, candidates), first, 'given back');
});

test('a lease of a process that is gone is taken over, and a port that somebody uses is not leased', async (t) => {
  const [stale = 0, busy = 0] = await freePorts(t);
  const folder = join(tmpdir(), 'sheaf-test-ports');
  mkdirSync(folder, { recursive: true });
  // no process has the greatest number there is
  writeFileSync(join(folder, String(stale)), '4194304');
  const registry = await withRegistry(t, { port: busy });
  assert.equal(await leasePort(t, [registry.port, stale]), stale);
  assert.equal(existsSync(join(folder, String(busy))), false);
});

/** Two ports that nobody listens on. */
async function freePorts(t: TestContext): Promise<[number, number]> {
  const registries = await Promise.all([withRegistry(t), withRegistry(t)]);
  await Promise.all(registries.map((registry) => registry.close()));
  const [first, second] = registries.map((registry) => registry.port);
  return [first ?? 0, second ?? 0];
}

test('peers have a home of their own', { skip: skipWithout('crane') }, async (t) => {
  const peers = await isolatedPeers(t);
  const registry = await withRegistry(t, { port: await leasePort(t) });
  await seedImage(registry, 'team/app', { tag: 'v1' });
  assert.equal(await peers.ok('crane', ['ls', `${registry.host}/team/app`]), 'v1\n');
  const login = ['auth', 'login', registry.host, '-u', 'a', '--password-stdin'];
  await peers.ok('crane', login, { input: 'secret' });
  assert.ok(existsSync(join(peers.folder, '.docker', 'config.json')));
  const failed = await peers.run('crane', ['ls', `${registry.host}/no/such`]);
  assert.notEqual(failed.code, 0);
  assert.match(failed.stderr, /NAME_UNKNOWN/);
  await assert.rejects(peers.ok('crane', ['no-such-command']), /crane no-such-command ended with/);
});
