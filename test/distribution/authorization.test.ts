import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CredentialProvider, Credentials } from '../../src/distribution/registry-pool.ts';
import { parseRealm } from '../../src/distribution/token.ts';
import { AuthError, NotFoundError, RegistryError, UnsupportedError } from '../../src/foundation/errors.ts';
import type { RawManifest } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { basicAuth, basicHeader, bearerAuth } from '../support/auth.ts';
import { withRegistry } from '../support/registry.ts';
import { blobOf, bytesOf, type FakeServer, fakeServer, indexBytes, testPool } from './pool.ts';

const users = { alice: 'wonderland' };
const alice = { kind: 'basic', username: 'alice', password: 'wonderland' } as const satisfies Credentials;
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const manifest: RawManifest = { bytes: indexBytes(), mediaType: ociIndex, digest: digestOf(indexBytes()) };

test('basic: asked once, then sent along', async (t) => {
  const registry = await withRegistry(t, { authorize: basicAuth(users) });
  const asked: string[] = [];
  const { pool } = testPool(t, {
    credentials: async (host, repository) => {
      asked.push(`${host} ${repository}`);
      return alice;
    },
  });
  const client = pool.client(registry.host);
  await client.repository('a').putManifest('v1', manifest);
  await client.repository('a').headManifest('v1');
  await client.repository('b', 'push').uploadBlob(blobOf(bytesOf(10)));
  assert.equal(registry.faults.requests.filter((request) => request.status === 401).length, 1);
  assert.deepEqual(asked, [`${registry.host} a`, `${registry.host} b`]);
});

test('nobody is asked for credentials before the registry has asked', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t, { credentials: () => assert.fail('asked') });
  await pool.client(registry.host).repository('a').putManifest('v1', manifest);
});

test('basic: what is open to everybody stays so for who has no credentials', async (t) => {
  const closed = basicAuth(users);
  const registry = await withRegistry(t, {
    authorize: (access) => (access.repository === 'open' ? 'allow' : closed(access)),
  });
  const { pool } = testPool(t);
  const client = pool.client(registry.host);
  await assert.rejects(client.repository('closed').headManifest('v1'), AuthError);
  assert.equal(await client.repository('open').headManifest('v1'), undefined);
  await assert.rejects(client.repository('closed').headManifest('v1'), AuthError);
});

test('basic: no credentials, wrong credentials', async (t) => {
  const registry = await withRegistry(t, { authorize: basicAuth(users) });
  const anonymous = testPool(t);
  await assert.rejects(anonymous.pool.client(registry.host).repository('a').getManifest('v1'), (error: AuthError) => {
    assert.ok(error instanceof AuthError);
    assert.equal(error.code, 'UNAUTHORIZED');
    assert.match(error.message, /wants a user name and a password/);
    assert.match(error.hint ?? '', /sheaf login 127\.0\.0\.1/);
    return true;
  });
  registry.faults.reset();
  const wrong = testPool(t, { creds: { username: 'alice', password: 'queen-of-hearts' } });
  await assert.rejects(wrong.pool.client(registry.host).repository('a').getManifest('v1'), (error: AuthError) => {
    assert.ok(error instanceof AuthError);
    assert.ok(!`${error.message} ${error.hint}`.includes('queen-of-hearts'));
    return true;
  });
  assert.equal(registry.faults.requests.length, 2, 'no third try');
  assert.deepEqual(wrong.waits, []);
});

test('bearer: 50 requests side by side fetch one token', async (t) => {
  const auth = await bearerAuth(t, { users });
  const registry = await withRegistry(t, { authorize: auth.authorize });
  const { pool } = testPool(t, { credentials: async () => alice });
  const repository = pool.client(registry.host).repository('team/app', 'push');
  const work = Array.from({ length: 50 }, (_, at) => repository.headBlob(blobOf(bytesOf(at + 1)).descriptor.digest));
  assert.equal((await Promise.all(work)).length, 50);
  assert.equal(auth.tokenRequests.length, 1);
  assert.deepEqual(auth.tokenRequests[0]?.scopes, ['repository:team/app:pull,push']);
  assert.equal(auth.tokenRequests[0]?.service, 'registry.test');
  assert.equal(auth.tokenRequests[0]?.fields.get('account'), 'alice');
  const refused = registry.faults.requests.filter((request) => request.status === 401).length;
  assert.ok(refused <= 24, `${refused} requests met a 401: more than were under way at once`);
  // whoever comes later has a token from the start
  await repository.putManifest('v1', manifest);
  await pool.client(registry.host).repository('team/other').headManifest('v1');
  assert.equal(registry.faults.requests.filter((request) => request.status === 401).length, refused);
  assert.equal(auth.tokenRequests.length, 2);
});

test('bearer: anonymous pull, and what that does not allow', async (t) => {
  const auth = await bearerAuth(t, { users });
  const registry = await withRegistry(t, { authorize: auth.authorize });
  const { pool } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  assert.equal(await repository.headManifest('v1'), undefined);
  await assert.rejects(repository.putManifest('v1', manifest), (error: AuthError) => {
    assert.ok(error instanceof AuthError);
    assert.match(error.hint ?? '', /Log in/);
    return true;
  });
  assert.ok(registry.faults.requests.length <= 4);
});

test('bearer: wrong credentials are told by the token server', async (t) => {
  const auth = await bearerAuth(t, { users });
  const registry = await withRegistry(t, { authorize: auth.authorize });
  const { pool, waits } = testPool(t, { creds: { username: 'alice', password: 'wrong-secret' } });
  await assert.rejects(pool.client(registry.host).repository('a').getManifest('v1'), (error: AuthError) => {
    assert.ok(error instanceof AuthError);
    assert.match(error.message, /refuses the login for user "alice".*incorrect username or password/);
    assert.ok(!error.message.includes('wrong-secret'));
    return true;
  });
  assert.deepEqual(waits, []);
});

test('bearer: an identity token goes into a form, and the answer may call it access_token', async (t) => {
  const auth = await bearerAuth(t, { users, refreshToken: 'refresh-me', member: 'access_token' });
  const registry = await withRegistry(t, { authorize: auth.authorize });
  const { pool } = testPool(t, { credentials: async () => ({ kind: 'identity-token', token: 'refresh-me' }) });
  await pool.client(registry.host).repository('a').putManifest('v1', manifest);
  const [request] = auth.tokenRequests;
  assert.equal(request?.method, 'POST');
  assert.deepEqual(Object.fromEntries(request?.fields ?? []), {
    service: 'registry.test',
    scope: 'repository:a:pull,push',
    grant_type: 'refresh_token',
    refresh_token: 'refresh-me',
    client_id: 'sheaf',
  });
  assert.equal(request?.authorization, undefined);
  await pool
    .client(registry.host)
    .repository('a')
    .mountBlob(blobOf(bytesOf(1)).descriptor.digest, 'b');
  assert.deepEqual(auth.tokenRequests[1]?.fields.getAll('scope'), ['repository:a:pull,push repository:b:pull']);
});

test('basic: what stands beside a token is sent, where the token is of no use', async (t) => {
  const registry = await withRegistry(t, { authorize: basicAuth(users) });
  const { kind: _kind, ...login } = alice;
  for (const kind of ['identity-token', 'bearer'] as const) {
    const { pool } = testPool(t, { credentials: async () => ({ kind, token: 'of-no-use', login }) });
    await pool.client(registry.host).repository('a').putManifest('v1', manifest);
  }
  const { pool } = testPool(t, { credentials: async () => ({ kind: 'identity-token', token: 'of-no-use' }) });
  await assert.rejects(pool.client(registry.host).repository('a').getManifest('v1'), {
    code: 'UNAUTHORIZED',
    message: /but only an identity token is known for it$/,
  });
});

test('bearer: a login beside an identity token is not sent', async (t) => {
  const auth = await bearerAuth(t, { users, refreshToken: 'refresh-me' });
  const registry = await withRegistry(t, { authorize: auth.authorize });
  const login = { username: alice.username, password: 'wrong' };
  const credentials = async () => ({ kind: 'identity-token' as const, token: 'refresh-me', login });
  const { pool } = testPool(t, { credentials });
  await pool.client(registry.host).repository('a').putManifest('v1', manifest);
  assert.deepEqual(
    auth.tokenRequests.map(({ method, authorization }) => [method, authorization]),
    [['POST', undefined]],
  );
});

test('a provider that gives null knows of no credentials', async (t) => {
  const registry = await withRegistry(t, { authorize: basicAuth(users) });
  const credentials = (async () => null) as unknown as CredentialProvider;
  const { pool } = testPool(t, { credentials });
  await assert.rejects(pool.client(registry.host).repository('a').getManifest('v1'), {
    code: 'UNAUTHORIZED',
    message: /and none are known for it$/,
  });
});

test('a ready bearer token is sent as it is', async (t) => {
  const server = await fakeServer(t, (request, response) => {
    if (request.headers.authorization === 'Bearer ready') {
      response.writeHead(200, { 'content-type': ociIndex }).end(manifest.bytes);
    } else response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://127.0.0.1:1/none"' }).end();
  });
  const { pool } = testPool(t, { credentials: async () => ({ kind: 'bearer', token: 'ready' }) });
  await pool.client(server.host).repository('a').getManifest('v1');
  assert.deepEqual(
    server.requests.map((request) => request.headers.authorization),
    [undefined, 'Bearer ready'],
  );
});

test('a token is renewed before it runs out, and when the registry does not take it any more', async (t) => {
  const auth = await bearerAuth(t, { users, expiresIn: 100 });
  const registry = await withRegistry(t, { authorize: auth.authorize });
  const { pool, advance } = testPool(t, { credentials: async () => alice, uploads: { wholeBytes: 0, pieceBytes: 10 } });
  const repository = pool.client(registry.host).repository('a', 'push');
  await repository.putManifest('v1', manifest);
  advance(70_000);
  await repository.headManifest('v1');
  assert.equal(auth.tokenRequests.length, 1);
  // 20 s before the end, in the middle of a long push
  advance(11_000);
  await repository.headManifest('v1');
  assert.equal(auth.tokenRequests.length, 2);
  assert.equal(registry.faults.requests.filter((request) => request.status === 401).length, 1, 'just the first of all');
  registry.faults.on({ method: 'PATCH', nth: 1 }, async (request, next) => {
    auth.revokeTokens();
    return next(request);
  });
  registry.faults.on({ method: 'PUT', path: /uploads/ }, async (request, next) => {
    if (auth.tokenRequests.length === 3) auth.revokeTokens();
    return next(request);
  });
  await repository.uploadBlob(blobOf(bytesOf(1000)));
  assert.equal(auth.tokenRequests.length, 4);
});

test('a token that runs out while its request waits for a slot is renewed', async (t) => {
  const given: string[] = [];
  const server: FakeServer = await fakeServer(t, (request, response) => {
    if (request.url?.startsWith('/token')) {
      given.push(`t${given.length + 1}`);
      // as long as a registry may ask everybody to wait
      if (given.length === 1) advance(600_000);
      response.end(JSON.stringify({ token: given.at(-1), expires_in: 300 }));
    } else if (request.headers.authorization === 'Bearer t2') {
      response.writeHead(200, { 'content-type': ociIndex }).end(manifest.bytes);
    } else {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end();
    }
  });
  const { pool, advance } = testPool(t, { credentials: async () => alice });
  await pool.client(server.host).repository('a').getManifest('v1');
  assert.deepEqual(given, ['t1', 't2']);
});

test('tokens that have always run out come to an end', async (t) => {
  const server: FakeServer = await fakeServer(t, (request, response) => {
    if (request.url?.startsWith('/token')) {
      advance(600_000);
      response.end('{"token":"abc","expires_in":300}');
    } else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end();
  });
  const { pool, advance } = testPool(t, { credentials: async () => alice });
  await assert.rejects(pool.client(server.host).repository('a').getManifest('v1'), { code: 'UNAUTHORIZED' });
  assert.equal(server.requests.filter(({ url }) => url.startsWith('/v2')).length, 6);
});

test('tokens that are good for less than they say are renewed, as long as they are of use', async (t) => {
  let given = 0;
  let uses = 0;
  const server: FakeServer = await fakeServer(t, (request, response) => {
    if (request.url?.startsWith('/token')) {
      given += 1;
      uses = 0;
      response.end(JSON.stringify({ token: `t${given}`, expires_in: 300 }));
    } else if (request.headers.authorization === `Bearer t${given}` && uses < 2) {
      uses += 1;
      response.writeHead(200, { 'content-type': ociIndex }).end(manifest.bytes);
    } else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end();
  });
  const { pool } = testPool(t, { credentials: async () => alice });
  const repository = pool.client(server.host).repository('a');
  await Promise.all(['v1', 'v2', 'v3', 'v4', 'v5'].map((tag) => repository.getManifest(tag)));
  assert.equal(given, 3);
});

test('who may read but not write is refused after one login', async (t) => {
  const server: FakeServer = await fakeServer(t, (request, response) => {
    if (request.url?.startsWith('/token')) response.end('{"token":"abc","expires_in":300}');
    else if (request.headers.authorization === 'Bearer abc' && request.method === 'GET') {
      response.writeHead(200, { 'content-type': ociIndex }).end(manifest.bytes);
    } else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end();
  });
  const { pool } = testPool(t, { credentials: async () => alice });
  const repository = pool.client(server.host).repository('a', 'push');
  await repository.getManifest('v1');
  await assert.rejects(repository.putManifest('v1', manifest), { code: 'UNAUTHORIZED' });
  assert.equal(server.requests.filter(({ method }) => method === 'PUT').length, 2);
});

test('one slot is enough when token server and registry are one host', async (t) => {
  const server: FakeServer = await fakeServer(t, (request, response) => {
    if (request.url?.startsWith('/token')) response.end('{"token":"abc"}');
    else if (request.headers.authorization === 'Bearer abc') {
      response.writeHead(200, { 'content-type': ociIndex }).end(manifest.bytes);
    } else {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end();
    }
  });
  const { pool } = testPool(t, { parallel: 1 });
  const repository = pool.client(server.host).repository('a');
  await Promise.all(Array.from({ length: 10 }, () => repository.getManifest('v1')));
  assert.equal(server.requests.filter(({ url }) => url.startsWith('/token')).length, 1);
});

test('a scope that the registry wants beside ours is asked for, once', async (t) => {
  const scopes: string[][] = [];
  const server: FakeServer = await fakeServer(t, (request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    if (url.pathname === '/token') {
      scopes.push(url.searchParams.getAll('scope'));
      response.end(JSON.stringify({ token: `t${scopes.length}` }));
    } else if (request.headers.authorization !== undefined) {
      response.writeHead(200, { 'content-type': ociIndex }).end(manifest.bytes);
    } else {
      const challenge = `Bearer realm="http://${server.host}/token",scope="repository:real/a:pull repository:a:pull"`;
      response.writeHead(401, { 'www-authenticate': ['Negotiate', challenge] }).end();
    }
  });
  const { pool } = testPool(t);
  const repository = pool.client(server.host).repository('a');
  await repository.getManifest('v1');
  await repository.getManifest('v1');
  assert.deepEqual(scopes, [['repository:a:pull', 'repository:real/a:pull']]);
});

test('401 without end is one clear error after one login', async (t) => {
  for (const challenge of ['Basic realm="x"', 'Bearer realm="REALM"']) {
    const server: FakeServer = await fakeServer(t, (request, response) => {
      if (request.url?.startsWith('/token')) response.end(JSON.stringify({ token: 'abc', expires_in: 300 }));
      else
        response
          .writeHead(401, { 'www-authenticate': challenge.replace('REALM', `http://${server.host}/token`) })
          .end();
    });
    const { pool, waits } = testPool(t, { credentials: async () => alice });
    const repository = pool.client(server.host).repository('a');
    await assert.rejects(repository.getManifest('v1'), (error: AuthError) => {
      assert.ok(error instanceof AuthError);
      assert.match(error.message, /cannot read the manifest .*a:v1: .* answered 401/);
      return true;
    });
    assert.equal(server.requests.filter(({ url }) => url.startsWith('/v2')).length, 2);
    assert.deepEqual(waits, []);
  }
});

test('challenges that nothing can be done about', async (t) => {
  for (const [challenge, type, code] of [
    [undefined, AuthError, 'NO_CHALLENGE'],
    ['Negotiate', UnsupportedError, 'UNSUPPORTED_LOGIN'],
    [`Bearer realm="${'x'.repeat(20_000)}"`, AuthError, 'NO_CHALLENGE'],
    [`Bearer realm="http://a/${'x'.repeat(8000)}"`, AuthError, 'INVALID_REALM'],
    ['Bearer service="x"', AuthError, 'INVALID_REALM'],
    ['Bearer realm="file:///etc/passwd"', AuthError, 'INVALID_REALM'],
    ['Bearer realm="javascript:alert(1)"', AuthError, 'INVALID_REALM'],
    ['Bearer realm="http://user:pass@127.0.0.1/token"', AuthError, 'INVALID_REALM'],
    ['Bearer realm="not a url"', AuthError, 'INVALID_REALM'],
  ] as const) {
    const server = await fakeServer(t, (_request, response) => {
      response.writeHead(401, challenge === undefined ? {} : { 'www-authenticate': challenge }).end();
    });
    const { pool } = testPool(t, { credentials: async () => alice });
    await assert.rejects(pool.client(server.host).repository('a').getManifest('v1'), (error: AuthError) => {
      assert.ok(error instanceof type, String(error));
      assert.equal(error.code, code);
      assert.ok(error.message.length < 400);
      assert.ok(error.hint);
      return true;
    });
    const left = server.requests.filter(({ url }) => url !== '/v2/');
    assert.equal(left.length, 1, `something was sent after ${challenge?.slice(0, 60)}`);
  }
});

test('where a password or a token will do, who has no password gets a token', async (t) => {
  const password = 'Basic realm="x"';
  for (const [credentials, reversed, sent] of [
    [undefined, false, 'Bearer abc'],
    [{ kind: 'identity-token', token: 'id' }, false, 'Bearer abc'],
    [alice, false, basicHeader('alice', 'wonderland')],
    [alice, true, 'Bearer abc'],
  ] as const) {
    const server: FakeServer = await fakeServer(t, (request, response) => {
      const both = [password, `Bearer realm="http://${server.host}/token"`];
      if (request.url?.startsWith('/token')) response.end('{"token":"abc"}');
      else if (request.headers.authorization !== undefined) response.writeHead(404).end();
      else response.writeHead(401, { 'www-authenticate': reversed ? both.reverse() : both }).end();
    });
    const { pool } = testPool(t, { credentials: async () => credentials });
    assert.equal(await pool.client(server.host).repository('a').headManifest('v1'), undefined);
    assert.equal(server.requests.at(-1)?.headers.authorization, sent);
  }
});

/** A registry that tells a stranger `status`, whatever he asks for, and asks for a password at its root alone. */
const aloofRegistry = (t: TestContext, status: number): Promise<FakeServer> =>
  fakeServer(t, (request, response) => {
    if (request.url === '/v2/') response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    else if (request.headers.authorization === undefined) response.writeHead(status).end();
    else response.writeHead(200, { 'content-type': ociIndex }).end(manifest.bytes);
  });

test('who is refused as a stranger logs in where the registry asks for that at its root', async (t) => {
  for (const status of [401, 403, 404]) {
    const server = await aloofRegistry(t, status);
    const { pool, requests } = testPool(t, { credentials: async () => alice });
    const repository = pool.client(server.host).repository('a');
    const found = await Promise.all(['v1', 'v2', 'v3'].map((tag) => repository.getManifest(tag)));
    assert.ok(found.every(({ digest }) => digest === manifest.digest));
    assert.equal(requests().filter((line) => line === 'GET 401 /v2/').length, 1, 'asked once');
  }
});

test('who has nothing to log in with is told what strangers are told', async (t) => {
  for (const [status, type] of [
    [403, AuthError],
    [404, NotFoundError],
  ] as const) {
    const server = await aloofRegistry(t, status);
    const { pool, requests } = testPool(t);
    const repository = pool.client(server.host).repository('a');
    await assert.rejects(repository.getManifest('v1'), type);
    await assert.rejects(repository.getManifest('v2'), type);
    const refused = ['v1', 'v2'].map((tag) => `GET ${status} /v2/a/manifests/${tag}`);
    assert.deepEqual(requests(), [refused[0], 'GET 401 /v2/', refused[1]]);
  }
});

test('a realm in plain text is for who verifies nothing', () => {
  const origin = new URL('https://registry.test');
  assert.equal(parseRealm('http://plain.test/token', 'registry.test', origin, false).href, 'http://plain.test/token');
  assert.throws(
    () => parseRealm('http://plain.test/token', 'registry.test', origin, true),
    (error: AuthError) => error.code === 'INVALID_REALM' && /--tls-verify=false/.test(error.hint ?? ''),
  );
});

/** A registry that names `token` as its token server, which answers as told. */
async function withTokenServer(
  t: Parameters<typeof fakeServer>[0],
  token: Parameters<typeof fakeServer>[1],
): Promise<{ registry: FakeServer; tokens: FakeServer }> {
  const tokens = await fakeServer(t, token);
  const registry = await fakeServer(t, (_request, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${tokens.host}/token"` }).end();
  });
  return { registry, tokens };
}

test('token servers that answer nonsense', async (t) => {
  for (const [body, code] of [
    ['not json', 'NOT_A_TOKEN'],
    ['{"token":', 'NOT_A_TOKEN'],
    ['{}', 'NOT_A_TOKEN'],
    ['null', 'NOT_A_TOKEN'],
    ['{"token":5}', 'NOT_A_TOKEN'],
    ['{"token":"a\\r\\nX-Evil: 1"}', 'NOT_A_TOKEN'],
    ['<html><body>Log in</body></html>', 'NOT_A_TOKEN'],
    [`{"token":"${'x'.repeat(70_000)}"}`, 'TOKEN_TOO_LARGE'],
    [`{"token":"${'x'.repeat(2_000_000)}"}`, 'TOKEN_TOO_LARGE'],
  ] as const) {
    const { registry } = await withTokenServer(t, (_request, response) => {
      response.end(body);
    });
    const { pool } = testPool(t);
    await assert.rejects(pool.client(registry.host).repository('a').getManifest('v1'), (error: RegistryError) => {
      assert.ok(error instanceof RegistryError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, /cannot get a token for 127\.0\.0\.1:\d+ from 127\.0\.0\.1:\d+: /);
      assert.ok(error.hint);
      return true;
    });
  }
});

test('an endless token ends', async (t) => {
  let sent = 0;
  const { registry } = await withTokenServer(t, (_request, response) => {
    response.write('{"token":"');
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536))) sent += 65_536;
      response.once('drain', more);
    };
    more();
  });
  const { pool } = testPool(t);
  await assert.rejects(pool.client(registry.host).repository('a').getManifest('v1'), { code: 'TOKEN_TOO_LARGE' });
  assert.ok(sent < 50 * 1024 * 1024);
});

test('a token server that is in trouble is asked again', async (t) => {
  let asked = 0;
  const server = await fakeServer(t, (request, response) => {
    if (request.url?.startsWith('/token')) {
      asked += 1;
      if (asked === 1) response.writeHead(429, { 'retry-after': '5' }).end();
      else if (asked === 2) response.destroy();
      else response.end('{"access_token":"abc"}');
    } else if (request.headers.authorization === 'Bearer abc') {
      response.writeHead(200, { 'content-type': ociIndex }).end(manifest.bytes);
    } else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end();
  });
  const { pool, waits } = testPool(t);
  await pool.client(server.host).repository('a').getManifest('v1');
  assert.equal(waits[0], 5000);
  assert.equal(asked, 3);
});

test('a token server that stays in trouble is one clear error', async (t) => {
  const { registry, tokens } = await withTokenServer(t, (_request, response) => {
    response.writeHead(503).end();
  });
  const { pool } = testPool(t, { retry: { maxRetries: 1 } });
  await assert.rejects(pool.client(registry.host).repository('a').getManifest('v1'), (error: RegistryError) => {
    assert.ok(error instanceof RegistryError);
    assert.match(error.message, /cannot get a token .* answered 503 .*\(tried 2 times\)/);
    return true;
  });
  assert.equal(tokens.requests.length, 2);
});

test('a token server cannot pass our credentials on', async (t) => {
  const thief = await fakeServer(t, (_request, response) => {
    response.end('{"token":"abc"}');
  });
  for (const credentials of [alice, { kind: 'identity-token', token: 'secret-token' }] as const) {
    const { registry } = await withTokenServer(t, (_request, response) => {
      response.writeHead(307, { location: `http://${thief.host}/token` }).end();
    });
    const { pool } = testPool(t, { credentials: async () => credentials });
    await assert.rejects(pool.client(registry.host).repository('a').getManifest('v1'), { code: 'REDIRECT_REFUSED' });
  }
  assert.equal(thief.requests.length, 0);
});

test('on its own host a token server may redirect', async (t) => {
  const server = await fakeServer(t, (request, response) => {
    if (request.url?.startsWith('/token')) response.writeHead(302, { location: '/elsewhere' }).end();
    else if (request.url === '/elsewhere') response.end('{"token":"abc"}');
    else if (request.headers.authorization === 'Bearer abc') {
      response.writeHead(200, { 'content-type': ociIndex }).end(manifest.bytes);
    } else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end();
  });
  const { pool } = testPool(t, { credentials: async () => alice });
  await pool.client(server.host).repository('a').getManifest('v1');
});

test('credentials given for all win over those of the provider', async (t) => {
  const registry = await withRegistry(t, { authorize: basicAuth(users) });
  const { pool } = testPool(t, {
    creds: { username: 'alice', password: 'wonderland' },
    credentials: () => assert.fail('asked'),
  });
  assert.equal(await pool.client(registry.host).repository('a').headManifest('v1'), undefined);
});

test('no secret is ever told', async (t) => {
  const auth = await bearerAuth(t, { users });
  const registry = await withRegistry(t, { authorize: auth.authorize });
  const { pool, events } = testPool(t, { credentials: async () => alice });
  await pool
    .client(registry.host)
    .repository('a', 'push')
    .uploadBlob(blobOf(bytesOf(10)));
  const told = JSON.stringify(events);
  for (const secret of ['wonderland', Buffer.from('alice:wonderland').toString('base64'), 'token-1']) {
    assert.ok(!told.includes(secret));
  }
});
