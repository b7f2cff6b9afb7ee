import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StorageError, UsageError } from '../../src/foundation/errors.ts';
import {
  type AccessRequest,
  type RegistryRequest,
  type RequestRecord,
  reply,
  startRegistry,
} from '../../src/registry-server/index.ts';
import { basicAuth, basicHeader, bearerAuth } from '../support/auth.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import { gate } from '../support/fault-kinds.ts';
import { testFolder } from '../support/folders.ts';
import { errorCodes, http } from '../support/http.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { content, pushBlob, seedImage } from '../support/seed.ts';
import { overEveryStorage } from './storages.ts';

/** Sends `text` as it is, and returns everything that comes back. */
async function raw(registry: TestRegistry, text: string): Promise<string> {
  const socket = connect(registry.port, '127.0.0.1');
  socket.setEncoding('utf8');
  socket.write(text);
  let received = '';
  for await (const chunk of socket) received += chunk;
  return received;
}

function rawGet(registry: TestRegistry, target: string): Promise<string> {
  return raw(registry, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
}

overEveryStorage('paths cannot leave the registry', async (start) => {
  const registry = await start();
  for (const target of [
    '/v2/../../etc/passwd',
    '/v2/../x/manifests/y',
    '/v2/a/../../b/manifests/y',
    '/v2/%2e%2e/manifests/y',
    '/v2/a%2f..%2fb/manifests/y',
    '/v2/a/manifests/..%2f..%2fx',
    '/v2/a/blobs/uploads/..%2f..%2fregistry.json',
    '/v2/a/blobs/uploads/..',
    '/v2/a/blobs/uploads/%00',
    '/v2/a/manifests/%00',
    '/v2/a/manifests/%',
    '/v2/a/manifests/%ff',
    'http://elsewhere/v2/../x',
    '//v2/',
  ]) {
    assert.match(await rawGet(registry, target), /^HTTP\/1\.1 (400|404) /, target);
  }
});

test('what is too long or no HTTP is answered, and the registry goes on', async (t) => {
  const registry = await withRegistry(t);
  const long = await rawGet(registry, `/v2/a/manifests/${'x'.repeat(9000)}`);
  assert.match(long, /^HTTP\/1\.1 414 /);
  const headers = await raw(registry, `GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  assert.match(headers, /^HTTP\/1\.1 431 /);
  const garbage = await raw(registry, 'garbage\r\n\r\n');
  assert.match(garbage, /^HTTP\/1\.1 400 .*"errors"/s);
  assert.equal((await http(`${registry.url}/v2/`)).status, 200);
});

test('one request that fails is the end of that request only', async (t) => {
  const errors: Error[] = [];
  const registry = await withRegistry(t, {
    authorize: ({ headers }) => {
      if (headers['x-fail'] !== undefined) throw new Error('boom');
      return 'allow';
    },
    onError: (error) => errors.push(error),
  });
  const failed = await http(`${registry.url}/v2/`, { headers: { 'x-fail': '1' } });
  assert.equal(failed.status, 500);
  assert.deepEqual(errorCodes(failed), ['UNKNOWN']);
  assert.doesNotMatch(failed.text, /boom/);
  assert.deepEqual(
    errors.map((error) => error.message),
    ['boom'],
  );
  assert.equal((await http(`${registry.url}/v2/`)).status, 200);
});

test('a body that fails in the middle ends the connection', async (t) => {
  const errors: Error[] = [];
  const registry = await withRegistry(t, {
    onError: (error) => errors.push(error),
    intercept: async () =>
      reply(200, { 'content-length': '10' }, async function* () {
        yield Buffer.from('12345');
        throw new Error('disk gone');
      }),
  });
  await assert.rejects(http(`${registry.url}/v2/`));
  assert.equal(errors.length, 1);
});

test('a client that goes away stops what is sent to it', async (t) => {
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  const registry = await withRegistry(t, {
    intercept: async () =>
      reply(200, {}, async function* () {
        try {
          for (;;) yield new Uint8Array(64 * 1024);
        } finally {
          resolve();
        }
      }),
  });
  const request = get(registry.url, { agent: false });
  const [response] = await once(request, 'response');
  await once(response, 'data');
  response.destroy();
  await stopped;
});

test('a client that does not read is not sent more than fits in between', async (t) => {
  let sent = 0;
  const registry = await withRegistry(t, {
    intercept: async () =>
      reply(200, {}, async function* () {
        for (; sent < 1 << 28; sent += 1 << 16) yield new Uint8Array(1 << 16);
      }),
  });
  const request = get(registry.url, { agent: false });
  const [response] = await once(request, 'response');
  // as long as buffers fill, every turn of the event loop moves something
  for (let before = -1; before < sent; ) {
    before = sent;
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  }
  assert.ok(sent < 64 << 20, `${sent} bytes were taken from the source`);
  response.destroy();
});

test('TLS', async (t) => {
  const tls = selfSignedCertificate();
  const registry = await withRegistry(t, { tls });
  assert.match(registry.url, /^https:\/\/127\.0\.0\.1:\d+$/);
  assert.equal((await http(`${registry.url}/v2/`, { ca: tls.cert })).status, 200);
  await assert.rejects(http(`${registry.url}/v2/`), /self-signed certificate/);
  await assert.rejects(http(`${registry.url.replace('https', 'http')}/v2/`));
});

test('a certificate that is none is an error with a hint', async () => {
  const { cert } = selfSignedCertificate();
  for (const tls of [
    { cert: 'x', key: 'y' },
    { cert, key: selfSignedCertificate().key },
  ]) {
    await assert.rejects(
      startRegistry({ storage: 'memory', tls }),
      (error) => error instanceof UsageError && error.code === 'INVALID_CERTIFICATE' && error.hint !== undefined,
    );
  }
});

test('a port that is taken is an error with a hint', async (t) => {
  const registry = await withRegistry(t);
  await assert.rejects(
    startRegistry({ storage: 'memory', port: registry.port }),
    (error) => error instanceof StorageError && error.code === 'CANNOT_LISTEN' && error.hint !== undefined,
  );
});

test('an IPv6 address may stand in brackets, as in references', async (t) => {
  if (!Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))) {
    t.skip('no IPv6 here');
    return;
  }
  for (const host of ['::1', '[::1]']) {
    const registry = await withRegistry(t, { host });
    assert.equal(registry.host, `[::1]:${registry.port}`);
    assert.equal((await http(`${registry.url}/v2/`)).status, 200);
  }
});

test('closing ends idle connections, and requests that do not end', async (t) => {
  const waiting = gate();
  const registry = await withRegistry(t);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const idle = get(`${registry.url}/v2/`, { agent });
  const [response] = await once(idle, 'response');
  response.resume();
  await once(response, 'end');

  registry.faults.on({ path: /never/ }, waiting.fault);
  const stuck = assert.rejects(http(`${registry.url}/v2/a/manifests/never`));
  const half = connect(registry.port, '127.0.0.1');
  half.on('error', () => {});
  half.write('GET /v2/ HTTP/1.1\r\n');
  await waiting.arrived;
  const closed = registry.close({ graceMs: 1 });
  await stuck;
  waiting.open();
  await closed;
  await assert.rejects(http(`${registry.url}/v2/`), { code: 'ECONNREFUSED' });
  await registry.close();
});

test('closing lets requests under way finish', async (t) => {
  const waiting = gate();
  const registry = await withRegistry(t);
  registry.faults.on({}, waiting.fault);
  const pending = http(`${registry.url}/v2/`);
  await waiting.arrived;
  const closed = registry.close({ graceMs: 60_000 });
  waiting.open();
  assert.equal((await pending).status, 200);
  await closed;
});

test('each request is told of when it is over', async (t) => {
  const records: RequestRecord[] = [];
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const registry = await withRegistry(t, {
    onRequest: (record) => {
      records.push(record);
      if (records.length === 4) resolve();
    },
  });
  const blob = await pushBlob(registry, 'a', content('application/octet-stream', Buffer.alloc(5000)));
  await http(`${registry.url}/v2/a/blobs/${blob.digest}`);
  await http(`${registry.url}/v2/a/blobs/${blob.digest}`, { method: 'HEAD' });
  await told;
  assert.deepEqual(
    records.map(({ method, status, bytesIn, bytesOut, complete }) => [method, status, bytesIn, bytesOut, complete]),
    [
      ['POST', 202, 0, 0, true],
      ['PUT', 201, 5000, 0, true],
      ['GET', 200, 0, 5000, true],
      ['HEAD', 200, 0, 0, true],
    ],
  );
  assert.equal(records[2]?.target, `/v2/a/blobs/${blob.digest}`);
});

test('who may do what is asked for each request', async (t) => {
  const asked: Array<Pick<AccessRequest, 'action' | 'repository'>> = [];
  const registry = await withRegistry(t, {
    authorize: ({ action, repository }) => {
      asked.push({ action, ...(repository === undefined ? {} : { repository }) });
      return 'allow';
    },
  });
  const zero = `sha256:${'0'.repeat(64)}`;
  const expected: ReadonlyArray<[string, string, AccessRequest['action']]> = [
    ['GET', '/v2/', 'base'],
    ['GET', '/v2/_catalog', 'catalog'],
    ['GET', '/v2/a/manifests/x', 'pull'],
    ['HEAD', `/v2/a/blobs/${zero}`, 'pull'],
    ['GET', '/v2/a/tags/list', 'pull'],
    ['GET', `/v2/a/referrers/${zero}`, 'pull'],
    ['POST', '/v2/a/blobs/uploads/', 'push'],
    ['GET', '/v2/a/blobs/uploads/x', 'push'],
    ['PATCH', '/v2/a/blobs/uploads/x', 'push'],
    ['DELETE', '/v2/a/blobs/uploads/x', 'push'],
    ['PUT', '/v2/a/manifests/x', 'push'],
    ['DELETE', '/v2/a/manifests/x', 'delete'],
    ['DELETE', `/v2/a/blobs/${zero}`, 'delete'],
  ];
  for (const [method, path] of expected) await http(registry.url + path, { method });
  assert.deepEqual(
    asked.map(({ action }) => action),
    expected.map(([, , action]) => action),
  );
});

test('basic authentication', async (t) => {
  const registry = await withRegistry(t, { authorize: basicAuth({ alice: 'secret' }) });
  const url = `${registry.url}/v2/`;
  const anonymous = await http(url);
  assert.equal(anonymous.status, 401);
  assert.equal(anonymous.headers['www-authenticate'], 'Basic realm="test"');
  assert.equal(anonymous.headers['docker-distribution-api-version'], 'registry/2.0');
  assert.deepEqual(errorCodes(anonymous), ['UNAUTHORIZED']);
  const wrong = await http(url, { headers: { authorization: basicHeader('alice', 'guess') } });
  assert.equal(wrong.status, 401);
  const right = await http(url, { headers: { authorization: basicHeader('alice', 'secret') } });
  assert.equal(right.status, 200);
});

test('bearer tokens', async (t) => {
  const auth = await bearerAuth(t, { users: { alice: 'secret' } });
  const registry = await withRegistry(t, { authorize: auth.authorize });
  const url = `${registry.url}/v2/team/app/blobs/uploads/`;
  const challenged = await http(url, { method: 'POST' });
  assert.equal(challenged.status, 401);
  const scope = 'repository:team/app:pull,push';
  assert.equal(
    challenged.headers['www-authenticate'],
    `Bearer realm="${auth.realm}",service="registry.test",scope="${scope}"`,
  );
  const tokenFor = async (headers: Record<string, string>): Promise<string> =>
    JSON.parse((await http(`${auth.realm}?service=registry.test&scope=${scope}`, { headers })).text).token;
  const pushWith = async (token: string): Promise<number> =>
    (await http(url, { method: 'POST', headers: { authorization: `Bearer ${token}` } })).status;
  const token = await tokenFor({ authorization: basicHeader('alice', 'secret') });
  assert.equal(await pushWith(token), 202);
  assert.equal(await pushWith(await tokenFor({})), 401, 'who is anonymous only pulls');
  const refused = await http(auth.realm, { headers: { authorization: basicHeader('alice', 'x') } });
  assert.equal(refused.status, 401);
  auth.revokeTokens();
  assert.equal(await pushWith(token), 401);
  assert.deepEqual(auth.tokenRequests[0]?.scopes, [scope]);
});

test('a mount needs the right to read what is mounted', async (t) => {
  let pullAllowed = true;
  const registry = await withRegistry(t, {
    authorize: ({ action, repository }) =>
      action === 'pull' && repository === 'secret' && !pullAllowed ? { denied: 'not yours' } : 'allow',
  });
  const { config } = await seedImage(registry, 'secret');
  const uploads = `${registry.url}/v2/mine/blobs/uploads/?mount=${config.digest}&from=secret`;
  pullAllowed = false;
  assert.equal((await http(uploads, { method: 'POST' })).status, 202);
  assert.equal((await http(`${registry.url}/v2/mine/blobs/${config.digest}`)).status, 404);
  const denied = await http(`${registry.url}/v2/secret/blobs/${config.digest}`);
  assert.equal(denied.status, 403);
  assert.deepEqual(errorCodes(denied), ['DENIED']);
  pullAllowed = true;
  assert.equal((await http(uploads, { method: 'POST' })).status, 201);
});

test('an intercept sees the request as it came', async (t) => {
  let seen: RegistryRequest | undefined;
  const registry = await withRegistry(t, {
    intercept: async (request, next) => {
      seen = request;
      return next(request);
    },
  });
  await http(`${registry.url}/v2/a%2Fb/tags/list?n=1&n=2`, { headers: { 'x-own': 'value' } });
  assert.equal(seen?.target, '/v2/a%2Fb/tags/list?n=1&n=2');
  assert.equal(seen?.path, '/v2/a/b/tags/list');
  assert.deepEqual(seen?.query.getAll('n'), ['1', '2']);
  assert.equal(seen?.headers['x-own'], 'value');
});

test('what is no port is refused before anything is made', async (t) => {
  const directory = join(await testFolder(t), 'registry');
  for (const port of [99_999, -1, 1.5, Number.NaN]) {
    await assert.rejects(startRegistry({ storage: { directory }, port }), { name: 'UsageError', code: 'INVALID_PORT' });
  }
  assert.equal(existsSync(directory), false);
});
