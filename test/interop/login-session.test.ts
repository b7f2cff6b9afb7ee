/**
 * Login, push, pull and logout as programs, against a real CNCF registry behind a forward proxy: TLS of a private authority
 * with client certificates, first with a password file, then with tokens that the registry verifies.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bearerAuth } from '../support/auth.ts';
import { certificateAuthority } from '../support/certificate.ts';
import { testFolder } from '../support/folders.ts';
import { type ForwardProxy, forwardProxy } from '../support/forward-proxy.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { realRegistry, realRegistryUser, withRegistry } from '../support/registry.ts';
import { seedImage } from '../support/seed.ts';
import { type TokenServer, tokenServer } from '../support/token-server.ts';
import { type Sheaf, sheafIn } from './tools.ts';

const { username, password } = realRegistryUser;
const users = { [username]: password };

interface World {
  /** `registry.test:1234`, which the proxy alone knows. */
  host: string;
  /** A registry on this machine, plain HTTP, that has `src/app:1`. */
  open: string;
  proxy: ForwardProxy;
  tokens: TokenServer | undefined;
  /** Has the authority and a client certificate where podman keeps them, and `open` as insecure in registries.conf. */
  sheaf: Sheaf;
  /** A folder with the certificates. */
  certDir: string;
}

async function world(t: TestContext, way: 'htpasswd' | 'token'): Promise<World> {
  const { authority, issue } = certificateAuthority();
  const tls = issue('registry.test');
  const tokens =
    way === 'token' ? await tokenServer(t, { users, tls: issue('tokens.test'), host: 'tokens.test' }) : undefined;
  const registry = await realRegistry(t, {
    tls,
    clientAuthority: authority,
    ...(tokens === undefined ? { htpasswd: true } : { token: tokens }),
  });
  const open = await withRegistry(t);
  await seedImage(open, 'src/app', { tag: '1' });
  const proxy = await forwardProxy(t, { 'registry.test': registry.port, 'tokens.test': tokens?.port ?? 0 });
  const host = `registry.test:${registry.port}`;
  const folder = await testFolder(t, '/tmp');
  const containers = join(folder, '.config', 'containers');
  const certDir = join(containers, 'certs.d', host);
  await mkdir(certDir, { recursive: true });
  const client = issue('client.test');
  await Promise.all([
    writeFile(join(containers, 'registries.conf'), `[[registry]]\nlocation = "${open.host}"\ninsecure = true\n`),
    writeFile(join(certDir, 'ca.crt'), authority.cert),
    writeFile(join(certDir, 'me.cert'), client.cert),
    writeFile(join(certDir, 'me.key'), client.key),
  ]);
  return { host, open: open.host, proxy, tokens, sheaf: sheafIn(folder, proxy.env), certDir };
}

for (const way of ['htpasswd', 'token'] as const) {
  test(`login, push, pull, logout through a proxy, with client certificates: ${way}`, {
    skip: skipWithout('registry'),
  }, async (t) => {
    const { host, open, proxy, tokens, sheaf, certDir } = await world(t, way);
    const image = `docker://${host}/team/app:1`;
    await sheaf.fails(4, 'manifest', 'inspect', image);
    await sheaf.fails(4, 'login', '-u', username, '-p', 'wrong', host);
    await sheaf.ok('login', '-u', username, '-p', password, host);

    await sheaf.ok('manifest', 'create', 'app', `docker://${open}/src/app:1`);
    const digest = await sheaf.ok('manifest', 'push', 'app', image);
    // everything comes back: index, manifest and blobs go to another registry
    await sheaf.ok('manifest', 'create', '--all', 'back', image);
    assert.equal(await sheaf.ok('manifest', 'push', 'back', `docker://${open}/back/app:1`), digest);

    await sheaf.ok('logout', host);
    await sheaf.fails(4, 'manifest', 'inspect', image);
    assert.deepEqual([...new Set(proxy.tunnels.map((target) => target.split(':', 1)[0]))].sort(), [
      'registry.test',
      ...(tokens === undefined ? [] : ['tokens.test']),
    ]);
    assert.deepEqual(proxy.plain, [], 'nothing left in plain text');
    if (tokens !== undefined) {
      const pushes = tokens.requests.filter(({ scopes }) => scopes.includes('repository:team/app:pull,push'));
      assert.equal(pushes.length, 1, 'a push gets one token');
      const given = tokens.requests.map(({ authorization }) => authorization);
      assert.ok(given.some((header) => header === undefined) && given.some((header) => header?.startsWith('Basic ')));
    }

    // without its certificates the registry does not even begin to talk
    const trusting = await testFolder(t);
    await writeFile(join(trusting, 'ca.crt'), await readFile(join(certDir, 'ca.crt')));
    const without = (folder: string) =>
      sheaf.fails(8, 'manifest', 'inspect', '--retry', '0', '--cert-dir', folder, image);
    assert.match((await without(trusting)).stderr, /cut before it answered|certificate required/);
    assert.match((await without(await testFolder(t))).stderr, /the certificate of registry\.test:\d+ /);
  });
}

test('podman and skopeo share their logins with sheaf through the same proxy and certificates', {
  skip: skipWithout('registry', 'podman', 'skopeo'),
}, async (t) => {
  const { host, open, proxy, sheaf, certDir } = await world(t, 'token');
  const peers = await isolatedPeers(t);
  const authfile = join(peers.folder, 'auth.json');
  const reach = ['--authfile', authfile, '--cert-dir', certDir];
  await peers.ok('podman', ['login', ...reach, '-u', username, '-p', password, host], { env: proxy.env });
  await sheaf.ok('manifest', 'create', 'app', `docker://${open}/src/app:1`);
  const digest = await sheaf.ok('manifest', 'push', '--authfile', authfile, 'app', `docker://${host}/team/app:1`);

  await sheaf.ok('logout', '--authfile', authfile, host);
  const inspect = ['inspect', '--raw', ...reach, `docker://${host}/team/app:1`];
  assert.notEqual((await peers.run('skopeo', inspect, { env: proxy.env })).code, 0);
  await sheaf.ok('login', '--authfile', authfile, '-u', username, '-p', password, host);
  const raw = await peers.ok('skopeo', inspect, { env: proxy.env });
  assert.equal(`sha256:${createHash('sha256').update(raw).digest('hex')}`, digest);
});

test('a token that stops working in the middle of a push is renewed, twice', async (t) => {
  const auth = await bearerAuth(t, { users });
  const registry = await withRegistry(t, { authorize: auth.authorize });
  const source = await withRegistry(t);
  await seedImage(source, 'src/app', { tag: '1', layers: ['a', 'b', 'c'] });
  const sheaf = sheafIn(await testFolder(t));
  await sheaf.ok('manifest', 'create', '--tls-verify=false', 'app', `docker://${source.host}/src/app:1`);
  for (const path of [/uploads/, /manifests/]) {
    registry.faults.on({ method: 'PUT', path, nth: 1 }, async (request, next) => {
      auth.revokeTokens();
      return next(request);
    });
  }
  const to = `docker://${registry.host}/team/app:1`;
  await sheaf.ok(
    'manifest',
    'push',
    '--tls-verify=false',
    '--retry',
    '0',
    '--creds',
    `${username}:${password}`,
    'app',
    to,
  );
  assert.equal(auth.tokenRequests.length, 3, 'the first one, and one after each loss');
  assert.ok(registry.faults.requests.some(({ method, status }) => method === 'PUT' && status === 201));
});
