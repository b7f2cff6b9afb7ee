import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { Authorities } from '../../src/distribution/registry-pool.ts';
import { NotFoundError, RegistryError, UsageError } from '../../src/foundation/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { type Certificate, selfSignedCertificate } from '../support/certificate.ts';
import { testFolder } from '../support/folders.ts';
import { findPeer, run, skipWithout } from '../support/peers.ts';
import { withRegistry } from '../support/registry.ts';
import { seedImage } from '../support/seed.ts';
import { fakeServer, type TestPool, type TestPoolOptions, tcpServer, testPool } from './pool.ts';

/** What becomes of looking for a tag on `host`. */
async function failureOf(t: TestContext, host: string, options: TestPoolOptions = {}): Promise<RegistryError> {
  const { pool } = testPool(t, { tlsVerify: true, retry: { maxRetries: 1 }, ...options });
  try {
    await pool.client(host).repository('team/app').getManifest('v1');
  } catch (thrown) {
    assert.ok(thrown instanceof RegistryError, String(thrown));
    assert.match(thrown.message, new RegExp(`^cannot read the manifest ${host.replaceAll('.', '\\.')}/team/app:v1: `));
    assert.ok(thrown.hint);
    return thrown;
  }
  assert.fail('it should have failed');
}

async function folderWith(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await testFolder(t);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('nobody listens', async (t) => {
  const host = `127.0.0.1:${await freePort()}`;
  for (const tlsVerify of [true, false]) {
    const error = await failureOf(t, host, { tlsVerify });
    assert.equal(error.code, 'CANNOT_CONNECT');
    assert.match(error.message, /refuses connections \(tried 2 times\)$/);
  }
});

test('no such host', async (t) => {
  const error = await failureOf(t, 'registry.invalid');
  assert.equal(error.code, 'HOST_NOT_FOUND');
  assert.match(error.message, /registry\.invalid/);
});

test('the connection is cut in the middle of the head', async (t) => {
  const server = await tcpServer(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-ty'));
  });
  const error = await failureOf(t, server.host, { tlsVerify: false });
  assert.equal(error.code, 'CONNECTION_CUT');
  assert.match(error.message, /cut before it answered/);
  assert.match(error.message, /tried 2 times/);
});

test('the connection is reset at once, and cut in the middle of the body', async (t) => {
  const resetting = await tcpServer(t, (socket) => socket.resetAndDestroy());
  assert.equal((await failureOf(t, resetting.host, { tlsVerify: false })).code, 'CONNECTION_CUT');
  const cutting = await tcpServer(t, (socket) => {
    socket.once('data', () => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"schema');
    });
  });
  const error = await failureOf(t, cutting.host, { tlsVerify: false });
  assert.equal(error.code, 'CONNECTION_CUT');
  assert.match(error.message, /in the middle of the answer/);
});

test('a connection that has served, and is closed when it is wanted again, costs no try', async (t) => {
  const retry = { maxRetries: 0 };
  const answer = 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n';
  const digest = digestOf(Buffer.from('none'));
  // as tinyproxy does, without a word about it before
  const server = await tcpServer(t, (socket) => {
    socket.once('data', () => {
      socket.write(answer);
      socket.once('data', () => socket.end());
    });
  });
  const { pool, events, waits } = testPool(t, { retry });
  const repository = pool.client(server.host).repository('team/app');
  for (let i = 0; i < 3; i += 1) assert.equal(await repository.headBlob(digest), undefined);
  assert.equal(server.connections(), 3);
  assert.deepEqual(waits, []);
  assert.ok(!events.some(({ type }) => type === 'retry'));

  // one that is closed before it has served anything is a failure like others, and so is the second in a row
  let served = 0;
  const dying = await tcpServer(t, (socket) => {
    socket.once('data', () => {
      served += 1;
      if (served > 1) return socket.end();
      socket.write(answer);
      return socket.once('data', () => socket.end());
    });
  });
  const other = testPool(t, { retry });
  const second = other.pool.client(dying.host).repository('team/app');
  assert.equal(await second.headBlob(digest), undefined);
  await assert.rejects(second.headBlob(digest), { code: 'CONNECTION_CUT' });
  assert.equal(dying.connections(), 2);
});

test('something that is not HTTP', async (t) => {
  const server = await tcpServer(t, (socket) => {
    socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
  });
  const error = await failureOf(t, server.host, { tlsVerify: false });
  assert.equal(error.code, 'NOT_HTTP');
});

test('a head of 10 MiB', async (t) => {
  const server = await tcpServer(t, (socket) => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer realm="${'x'.repeat(10 << 20)}"\r\n\r\n`);
    });
  });
  const error = await failureOf(t, server.host, { tlsVerify: false });
  assert.equal(error.code, 'HEADERS_TOO_LARGE');
  assert.equal(server.connections(), 1);
});

test('silence: before the answer and in the middle of it', async (t) => {
  const silent = await fakeServer(t, () => {});
  const timeouts = { headersMs: 50, bodyMs: 50 };
  const before = await failureOf(t, silent.host, { tlsVerify: false, timeouts, retry: { maxRetries: 0 } });
  assert.equal(before.code, 'TIMED_OUT');
  const stuck = await fakeServer(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{');
  });
  const within = await failureOf(t, stuck.host, { tlsVerify: false, timeouts, retry: { maxRetries: 0 } });
  assert.equal(within.code, 'TIMED_OUT');
  assert.match(within.message, /in the middle of the answer/);
});

test('a body that drips for ever', async (t) => {
  const server = await fakeServer(t, (_request, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), 5);
    response.on('close', () => clearInterval(timer));
  });
  const error = await failureOf(t, server.host, {
    tlsVerify: false,
    timeouts: { smallBodyMs: 60 },
    retry: { maxRetries: 0 },
  });
  assert.equal(error.code, 'TIMED_OUT');
});

test('plain HTTP spoken to in TLS: the hint names the way out', async (t) => {
  const registry = await withRegistry(t);
  const error = await failureOf(t, registry.host);
  assert.equal(error.code, 'NOT_TLS');
  assert.match(error.message, /does not speak TLS/);
  assert.match(error.hint ?? '', /--tls-verify=false/);
  assert.equal(registry.faults.requests.length, 0, 'nothing was sent in the clear');
});

test('TLS spoken to in plain HTTP, as tls-verify=false does first on loopback', async (t) => {
  const registry = await withRegistry(t, { tls: selfSignedCertificate() });
  const { pool, requests } = testPool(t);
  const repository = pool.client(registry.host).repository('a');
  assert.equal(await repository.headManifest('v1'), undefined);
  assert.equal(await repository.headManifest('v2'), undefined);
  assert.deepEqual(requests().slice(-2), ['HEAD 404 /v2/a/manifests/v1', 'HEAD 404 /v2/a/manifests/v2']);
  assert.equal(registry.faults.requests.length, 2, 'what was learned is remembered');
  // a server that says what is wrong, as those written in Go and nginx do
  for (const text of [
    '<html>Bad request</html>',
    'Client sent an HTTP request to an HTTPS server.\n',
    'The plain HTTP request was sent to HTTPS port',
  ]) {
    const certificate = selfSignedCertificate();
    const server = await polyglot(t, certificate, text);
    const other = testPool(t);
    assert.equal(await other.pool.client(server).repository('a').headManifest('v1'), undefined);
    assert.deepEqual(other.requests(), ['HEAD 400 /v2/a/manifests/v1', 'HEAD 404 /v2/a/manifests/v1']);
    const third = testPool(t);
    await assert.rejects(third.pool.client(server).repository('a').getManifest('v1'), NotFoundError);
    assert.deepEqual(third.requests(), ['GET 400 /v2/a/manifests/v1', 'GET 404 /v2/a/manifests/v1', 'GET 404 /v2/']);
  }
});

/** Answers plain HTTP with 400 and `text`, and TLS with 404. */
async function polyglot(t: TestContext, { cert, key }: Certificate, text: string): Promise<string> {
  const secure = createTlsServer({ cert, key }, (socket) => {
    socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'));
  });
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  t.after(() => secure.close());
  const { port } = secure.address() as AddressInfo;
  const server = await tcpServer(t, (socket) => {
    socket.once('data', (first) => {
      if (first[0] === 0x16) {
        const inner = connect(port, '127.0.0.1');
        inner.on('error', () => {});
        inner.write(first);
        socket.pipe(inner).pipe(socket);
      } else {
        socket.end(`HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
      }
    });
  });
  return server.host;
}

test('an ordinary answer 400 is not taken for the wrong scheme', async (t) => {
  const server = await fakeServer(t, (_request, response) => {
    response.writeHead(400).end('{"errors":[{"code":"NAME_INVALID","message":"bad name"}]}');
  });
  const error = await failureOf(t, server.host, { tlsVerify: false });
  assert.equal(error.code, 'NAME_INVALID');
  assert.match(error.message, /bad name/);
  assert.equal(server.requests.length, 1);
});

test('a certificate signed by itself: refused, then trusted by --cert-dir, or not looked at', async (t) => {
  const certificate = selfSignedCertificate();
  const registry = await withRegistry(t, { tls: certificate });
  const error = await failureOf(t, registry.host);
  assert.equal(error.code, 'TLS_CERTIFICATE');
  assert.match(error.message, new RegExp(`the certificate of ${registry.host} is signed by itself`));
  assert.match(error.hint ?? '', /--cert-dir.*--tls-verify=false/);
  assert.equal(registry.faults.requests.length, 0);
  const certDir = await folderWith(t, { 'ca.crt': certificate.cert });
  for (const options of [{ tlsVerify: true, certDir }, { tlsVerify: false }]) {
    const { pool } = testPool(t, options);
    assert.equal(await pool.client(registry.host).repository('a').headManifest('v1'), undefined);
  }
});

test('other authorities are read when an issuer is not known, once, and nothing is sent before', async (t) => {
  const certificate = selfSignedCertificate();
  const registry = await withRegistry(t, { tls: certificate });
  let reads = 0;
  const authorities = (always: boolean, ...trusted: string[]): Authorities => ({
    always,
    read: async () => {
      reads += 1;
      return trusted;
    },
  });
  const ask = ({ pool }: TestPool): Promise<unknown> =>
    Promise.all(['v1', 'v2', 'v3'].map((tag) => pool.client(registry.host).repository('a').headManifest(tag)));
  for (const always of [false, true]) {
    reads = 0;
    await ask(testPool(t, { tlsVerify: true, authorities: authorities(always, certificate.cert) }));
    assert.equal(reads, 1);
  }
  const error = await failureOf(t, registry.host, { authorities: authorities(false) });
  assert.equal(error.code, 'TLS_CERTIFICATE');
  reads = 0;
  await ask(testPool(t, { tlsVerify: false, authorities: authorities(false) }));
  const certDir = await folderWith(t, { 'ca.crt': certificate.cert });
  const { pool } = testPool(t, {
    tlsVerify: true,
    authorities: authorities(false),
    findCertDir: async (host) => (host === registry.host ? certDir : undefined),
  });
  await pool.client(registry.host).repository('a').headManifest('v1');
  assert.equal(reads, 0, 'they are slow to read');
});

test('a certificate for another host', async (t) => {
  const certificate = selfSignedCertificate();
  const certDir = await folderWith(t, { 'ca.crt': certificate.cert });
  const registry = await withRegistry(t, { tls: certificate, host: '127.0.0.2' });
  const error = await failureOf(t, `127.0.0.2:${registry.port}`, { certDir });
  assert.equal(error.code, 'TLS_CERTIFICATE');
  assert.match(error.message, /is for another host/);
});

test('a certificate that has expired', { skip: skipWithout('openssl') }, async (t) => {
  const certificate = await expiredCertificate(t);
  const certDir = await folderWith(t, { 'ca.crt': certificate.cert });
  const registry = await withRegistry(t, { tls: certificate });
  const error = await failureOf(t, registry.host, { certDir });
  assert.equal(error.code, 'TLS_CERTIFICATE');
  assert.match(error.message, /has expired/);
  assert.match(error.hint ?? '', /clock/);
});

async function expiredCertificate(t: TestContext): Promise<Certificate> {
  const folder = await folderWith(t, {
    'index.txt': '',
    serial: '01\n',
    'ca.conf': [
      '[ca]\ndefault_ca=own\n[own]\ndir=.\nnew_certs_dir=.\ndatabase=index.txt\nserial=serial\ndefault_md=sha256',
      'policy=any\nx509_extensions=ext\n[any]\ncommonName=supplied\n[ext]\nbasicConstraints=CA:TRUE\nsubjectAltName=IP:127.0.0.1',
      '[req]\ndistinguished_name=name\n[name]\n',
    ].join('\n'),
  });
  const openssl = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await run(findPeer('openssl') ?? 'openssl', args, { cwd: folder });
    assert.equal(code, 0, stderr);
  };
  const request = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key', '-out', 'csr'];
  await openssl('req', '-new', '-config', 'ca.conf', '-subj', '/CN=localhost', ...request);
  const dates = ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z'];
  await openssl(
    'ca',
    '-batch',
    '-selfsign',
    '-config',
    'ca.conf',
    '-keyfile',
    'key',
    ...dates,
    '-in',
    'csr',
    '-out',
    'crt',
    '-notext',
  );
  const { readFile } = await import('node:fs/promises');
  const [cert, key] = await Promise.all([readFile(join(folder, 'crt'), 'utf8'), readFile(join(folder, 'key'), 'utf8')]);
  return { cert, key };
}

test('a client certificate is shown to the registry, and to nobody else', async (t) => {
  const server = selfSignedCertificate();
  const client = selfSignedCertificate('client');
  const seen: unknown[] = [];
  const start = async (): Promise<string> => {
    const tls = createTlsServer(
      { ...server, requestCert: true, ca: [client.cert], rejectUnauthorized: false },
      (socket) => {
        seen.push(socket.getPeerCertificate().subject?.CN);
        socket.on('error', () => {}).once('data', () => socket.end(answers.shift() ?? ''));
      },
    );
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    t.after(() => tls.close());
    return `127.0.0.1:${(tls.address() as AddressInfo).port}`;
  };
  const answers: string[] = [];
  const registry = await start();
  const storage = await start();
  answers.push(
    `HTTP/1.1 307 Go\r\nlocation: https://${storage}/blob\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
    'HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
  );
  const certDir = await folderWith(t, { 'ca.crt': server.cert, 'me.cert': client.cert, 'me.key': client.key });
  const { pool } = testPool(t, { tlsVerify: true, certDir });
  assert.equal(await pool.client(registry).repository('a').headManifest('v1'), undefined);
  assert.deepEqual(seen, ['client', undefined]);
});

test('a registry that gives its tokens itself is shown the client certificate for these too', async (t) => {
  const server = selfSignedCertificate();
  const client = selfSignedCertificate('client');
  const tls = createHttpsServer(
    { ...server, requestCert: true, ca: [client.cert], rejectUnauthorized: true },
    ({ url, headers }, response) => {
      if (url?.startsWith('/token')) response.end('{"token":"abc"}');
      else if (headers.authorization === 'Bearer abc') response.writeHead(404).end();
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="https://${headers.host}/token"` }).end();
    },
  );
  await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
  t.after(() => tls.close());
  const certDir = await folderWith(t, { 'ca.crt': server.cert, 'me.cert': client.cert, 'me.key': client.key });
  const { pool } = testPool(t, { tlsVerify: true, certDir });
  const registry = `127.0.0.1:${(tls.address() as AddressInfo).port}`;
  assert.equal(await pool.client(registry).repository('a').headManifest('v1'), undefined);
});

test('a registry that wants a client certificate: the hint says how to give one, in TLS 1.3 too', async (t) => {
  const server = selfSignedCertificate();
  const certDir = await folderWith(t, { 'ca.crt': server.cert });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const tls = createTlsServer(
      {
        ...server,
        requestCert: true,
        ca: [selfSignedCertificate('client').cert],
        rejectUnauthorized: true,
        maxVersion,
      },
      (socket) => socket.on('error', () => {}),
    );
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    t.after(() => tls.close());
    const error = await failureOf(t, `127.0.0.1:${(tls.address() as AddressInfo).port}`, { tlsVerify: true, certDir });
    assert.equal(error.code, maxVersion === 'TLSv1.2' ? 'TLS_FAILED' : 'CONNECTION_CUT');
    assert.match(error.hint ?? '', /client certificate.*put X\.cert and X\.key into a folder.*--cert-dir/);
  }
});

test('a folder of certificates that cannot be used', async (t) => {
  const { cert, key } = selfSignedCertificate();
  for (const [files, pattern] of [
    [{ 'me.cert': cert }, /me\.cert has no me\.key/],
    [{ 'me.key': key }, /me\.key has no me\.cert/],
    [{ 'me.cert': cert, 'me.key': 'nonsense' }, /cannot be used/],
    [undefined, /cannot be used: ENOENT/],
  ] as const) {
    const certDir = files === undefined ? '/nowhere/at/all' : await folderWith(t, files);
    const { pool } = testPool(t, { certDir, tlsVerify: true });
    await assert.rejects(pool.client('127.0.0.1:1').repository('a').headManifest('v1'), (error: UsageError) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.equal(error.code, 'CERT_DIR');
      assert.match(error.message, pattern);
      return true;
    });
  }
});

test('a proxy is used where the environment names one, but not for this machine', async (t) => {
  const targets: string[] = [];
  const proxy = createServer((request, response) => {
    targets.push(`${request.method} ${request.url}`);
    response.writeHead(404).end();
  });
  proxy.on('connect', (request, socket) => {
    targets.push(`CONNECT ${request.url}`);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const env = { HTTPS_PROXY: url, no_proxy: 'direct.invalid' };
  const error = await failureOf(t, 'registry.invalid', { env, retry: { maxRetries: 0 } });
  assert.equal(error.code, 'PROXY_FAILED');
  assert.deepEqual(targets, ['CONNECT registry.invalid:443']);
  assert.equal((await failureOf(t, 'direct.invalid', { env })).code, 'HOST_NOT_FOUND');
  const registry = await withRegistry(t);
  await seedImage(registry, 'a', { tag: 'v1' });
  const { pool } = testPool(t, { env: { ...env, HTTP_PROXY: url } });
  assert.ok(await pool.client(registry.host).repository('a').headManifest('v1'));
  assert.equal(targets.length, 1);
});

test('a process with a pool ends as soon as the pool is closed', async (t) => {
  const registry = await withRegistry(t);
  const folder = await testFolder(t);
  const program = join(folder, 'program.mjs');
  const source = new URL('../../src/', import.meta.url).href;
  await writeFile(
    program,
    `import { createSession } from '${source}foundation/session.ts';
     import { createRegistryPool } from '${source}distribution/registry-pool.ts';
     const pool = createRegistryPool(createSession(), { tlsVerify: false, retry: { maxRetries: 0 } }, async () => undefined);
     const repository = pool.client('${registry.host}').repository('a');
     await Promise.all(Array.from({ length: 10 }, (_, at) => repository.headManifest('v' + at)));
     const start = performance.now();
     await pool[Symbol.asyncDispose]();
     process.on('exit', () => console.log(Math.round(performance.now() - start)));`,
  );
  const { stdout, stderr, code } = await run(process.execPath, [program]);
  assert.equal(code, 0, stderr);
  assert.ok(Number(stdout) < 1000, `it took ${stdout} ms to end`);
  rmSync(program);
});
