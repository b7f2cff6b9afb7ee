/** What goes through a proxy, and what is said when it does not work. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createConnections } from '../../src/distribution/connections.ts';
import { RegistryError } from '../../src/foundation/errors.ts';
import { redact } from '../../src/foundation/redaction.ts';
import { createSession } from '../../src/foundation/session.ts';
import { fetchJson } from '../../src/signing/sigstore/fetch-json.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import { testFolder } from '../support/folders.ts';
import { forwardProxy } from '../support/forward-proxy.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { type TestPoolOptions, tcpServer, testPool } from './pool.ts';

const certificate = selfSignedCertificate();

/** Looks for a tag of `registry.test` that is not there. */
async function look(
  t: TestContext,
  env: Readonly<Record<string, string>>,
  options: TestPoolOptions = {},
): Promise<void> {
  const { pool } = testPool(t, { env, retry: { maxRetries: 0 }, ...options });
  assert.equal(await pool.client('registry.test:5000').repository('a').headManifest('v1'), undefined);
}

async function failureOf(
  t: TestContext,
  env: Readonly<Record<string, string>>,
  options: TestPoolOptions = { tlsVerify: true },
): Promise<RegistryError> {
  try {
    await look(t, env, options);
  } catch (thrown) {
    assert.ok(thrown instanceof RegistryError, String(thrown));
    assert.equal(thrown.code, 'PROXY_FAILED');
    return thrown;
  }
  assert.fail('it should have failed');
}

/** `127.0.0.1:1234` of a proxy that answers tunnels and requests so. */
async function answering(t: TestContext, status: number, listener?: RequestListener): Promise<string> {
  const server = createServer(listener ?? ((_request, response) => response.writeHead(status).end('no')));
  server.on('connect', (_request, socket) =>
    socket.on('error', () => {}).end(`HTTP/1.1 ${status} No\r\ncontent-length: 2\r\n\r\nno`),
  );
  return listening(t, server);
}

async function listening(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A SOCKS5 proxy that leads everywhere to `port`. `login`: `user:password`, which it wants. */
async function socksProxy(t: TestContext, port: number, login?: string): Promise<{ host: string; targets: string[] }> {
  const targets: string[] = [];
  const serve = async (socket: Socket): Promise<void> => {
    const take = async (count: number): Promise<Buffer> => {
      for (;;) {
        const bytes = socket.read(count) as Buffer | null;
        if (bytes !== null) return bytes;
        await new Promise((resolve) => socket.once('readable', resolve).once('close', resolve));
        if (socket.destroyed) throw new Error('gone');
      }
    };
    const counted = async (): Promise<string> => (await take((await take(1))[0] ?? 0)).toString();
    await take(1);
    const methods = await take((await take(1))[0] ?? 0);
    const method = login === undefined ? 0 : 2;
    socket.write(Buffer.from([5, methods.includes(method) ? method : 255]));
    if (login !== undefined) {
      await take(1);
      const given = `${await counted()}:${await counted()}`;
      socket.write(Buffer.from([1, given === login ? 0 : 1]));
    }
    const [, , , kind] = await take(4);
    const name = kind === 3 ? await counted() : (await take(kind === 1 ? 4 : 16)).toString('hex');
    targets.push(`${name}:${(await take(2)).readUInt16BE()}`);
    const inner = connect(port, '127.0.0.1', () => {
      socket.write(Buffer.from([5, 0, 0, 3, 1, 97, 0, 0]));
      inner.pipe(socket).pipe(inner);
    });
    inner.on('error', () => socket.destroy());
    socket.on('close', () => inner.destroy());
  };
  const { host } = await tcpServer(t, (socket) => void serve(socket).catch(() => socket.destroy()));
  return { host, targets };
}

/** Warnings of Node.js from now on. */
function warningsOf(t: TestContext): string[] {
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(`${warning.name}: ${warning.message}`);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  return warnings;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('through a proxy', () => {
  it('go tunnels for https, with its login, and none where only http has one', async (t) => {
    const registry = await withRegistry(t, { tls: certificate });
    const logins: unknown[] = [];
    const proxy = await forwardProxy(t, { 'registry.test': registry.port });
    const watch = createServer();
    watch.on('connect', ({ headers, url = '' }, socket: Socket) => {
      logins.push(headers['proxy-authorization'], url);
      const outer = connect(registry.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        outer.pipe(socket).pipe(outer);
      });
      outer.on('error', () => {});
      socket.on('error', () => {}).on('close', () => outer.destroy());
    });
    const host = await listening(t, watch);
    await look(t, { HTTPS_PROXY: `ann:p%40ss@${host}` }, { tlsVerify: false });
    assert.deepEqual(logins, [`Basic ${Buffer.from('ann:p@ss').toString('base64')}`, 'registry.test:5000']);
    const { pool } = testPool(t, { env: { HTTP_PROXY: proxy.url }, tlsVerify: true, retry: { maxRetries: 0 } });
    await assert.rejects(pool.client('registry.invalid').repository('a').headManifest('v1'), {
      code: 'HOST_NOT_FOUND',
    });
    assert.deepEqual([proxy.tunnels, proxy.plain], [[], []]);
  });

  it('go requests in plain HTTP, as a whole', async (t) => {
    const registry = await withRegistry(t);
    const proxy = await forwardProxy(t, { 'registry.test': registry.port });
    await look(t, { HTTP_PROXY: proxy.url.replace('//', '//ann:pw@'), HTTPS_PROXY: proxy.url });
    const [request] = proxy.plain;
    assert.equal(request?.url, 'http://registry.test:5000/v2/a/manifests/v1');
    assert.equal(request.headers.host, 'registry.test:5000');
    assert.equal(request.headers['proxy-authorization'], `Basic ${Buffer.from('ann:pw').toString('base64')}`);
  });

  it('is named beside the registry where either may have said that it cannot be reached', async (t) => {
    const words = '{"errors":[{"code":"UNAVAILABLE","message":"in maintenance"}]}';
    const proxy = await answering(t, 504);
    const registry = await answering(t, 503, (_request, response) => response.writeHead(503).end(words));
    const told = async (host: string): Promise<RegistryError> => {
      const { pool } = testPool(t, {
        env: { HTTPS_PROXY: host, HTTP_PROXY: host },
        tlsVerify: false,
        retry: { maxRetries: 0 },
      });
      const thrown: unknown = await pool
        .client('registry.test')
        .repository('a')
        .getManifest('v1')
        .catch((error: unknown) => error);
      assert.ok(thrown instanceof RegistryError, String(thrown));
      return thrown;
    };
    const { message, hint, status } = await told(proxy);
    assert.match(message, new RegExp(`registry.test, or the proxy ${proxy} \\(HTTP_PROXY\\) before it, answered 504`));
    assert.match(hint ?? '', /whether the proxy reaches it.*NO_PROXY/);
    assert.equal(status, 504);
    assert.match((await told(registry)).message, /: registry.test answered 503 Service Unavailable \(UNAVAILABLE: in/);
  });

  it('goes plain HTTP too where it refuses a tunnel', async (t) => {
    const urls: unknown[] = [];
    const host = await answering(t, 403, ({ url }, response) => {
      urls.push(url);
      response.writeHead(404).end();
    });
    await look(t, { HTTP_PROXY: host, HTTPS_PROXY: host });
    assert.deepEqual(urls, ['http://registry.test:5000/v2/a/manifests/v1']);
    const error = await failureOf(t, { HTTP_PROXY: host, HTTPS_PROXY: host });
    assert.match(
      error.message,
      /the proxy 127\.0\.0\.1:\d+ \(HTTPS_PROXY\) makes no connection to registry\.test:5000 \(status 403\)$/,
    );
    assert.match(error.hint ?? '', /NO_PROXY/);
    assert.equal(urls.length, 1, 'only who said that nothing need be verified');
  });

  it('goes everything over SOCKS5, names and all, and Node.js has nothing to warn of', async (t) => {
    const warnings = warningsOf(t);
    for (const tls of [undefined, certificate]) {
      const registry: TestRegistry = await withRegistry(t, tls === undefined ? {} : { tls });
      for (const [scheme, login] of [['socks5'], ['socks5h', 'ann:pw']] as const) {
        const proxy = await socksProxy(t, registry.port, login);
        const url = `${scheme}://${login === undefined ? '' : `${login}@`}${proxy.host}`;
        await look(t, { HTTP_PROXY: url, HTTPS_PROXY: url });
        assert.equal(proxy.targets.at(-1), 'registry.test:5000');
      }
    }
    const { host } = await socksProxy(t, 1, 'ann:pw');
    for (const login of ['', 'ann:wrong@']) {
      const error = await failureOf(t, { HTTPS_PROXY: `socks5://${login}${host}` });
      assert.match(error.message, login === '' ? /wants a user name/ : /refuses the user name/);
      assert.match(error.hint ?? '', /HTTPS_PROXY/);
    }
    await nextTurn();
    assert.deepEqual(warnings, []);
  });

  it('goes TLS to the proxy itself, by its address too', async (t) => {
    const warnings = warningsOf(t);
    const certDir = await testFolder(t);
    await writeFile(join(certDir, 'ca.crt'), certificate.cert);
    const urls: unknown[] = [];
    const server = createTlsServer({ cert: certificate.cert, key: certificate.key }, ({ url }, response) => {
      urls.push(url);
      response.writeHead(404).end();
    });
    server.on('connect', ({ url }, socket) => {
      urls.push(url);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    const host = await listening(t, server);
    const env = { HTTPS_PROXY: `https://${host}`, HTTP_PROXY: `https://${host}` };
    await look(t, env, { tlsVerify: false, certDir });
    assert.deepEqual(urls, ['registry.test:5000', 'http://registry.test:5000/v2/a/manifests/v1']);
    const error = await failureOf(t, env, { tlsVerify: false });
    assert.match(error.message, /the certificate of the proxy .* is signed by/);
    await nextTurn();
    assert.deepEqual(warnings, []);
  });
});

describe('a proxy that fails', () => {
  it('is named, and not the registry', async (t) => {
    const closed = await tcpServer(t, (socket) => socket.destroy());
    const mute = await tcpServer(t, () => {});
    const talking = await tcpServer(t, (socket) => socket.end('220 mail ESMTP\r\n'));
    for (const [value, pattern] of [
      ['127.0.0.1:1', /the proxy 127\.0\.0\.1:1 \(HTTPS_PROXY\) refuses connections$/],
      [
        'http://ann:pw@proxy.invalid:3128',
        /the proxy proxy\.invalid:3128 \(HTTPS_PROXY\) has a name that does not exist$/,
      ],
      [closed.host, /the proxy .* does not answer as a proxy does/],
      [talking.host, /the proxy .* does not answer as a proxy does/],
      [mute.host, /the proxy .* does not answer as a proxy does \(it said nothing for too long\)$/],
      [`socks5://${talking.host}`, /the proxy .* does not answer as a proxy does/],
      [`socks5://${closed.host}`, /the proxy .* does not answer as a proxy does/],
      [`https://${talking.host}`, /the proxy .* does not speak TLS as it should$/],
    ] as const) {
      for (const tlsVerify of [true, false]) {
        const options = { tlsVerify, timeouts: { connectMs: 500 } };
        const { message, hint = '' } = await failureOf(t, { HTTPS_PROXY: value }, options);
        assert.match(message, pattern);
        assert.match(hint, /HTTPS_PROXY/);
        assert.doesNotMatch(`${message} ${hint}`, /ann:|pw@|--tls-verify/);
      }
    }
  });

  it('says what it wants when it wants a login, for tunnels and for requests', async (t) => {
    const host = await answering(t, 407);
    const tinyproxy = await answering(t, 401);
    const wants = /wants a user name and a password$/;
    const refuses = /refuses the user name or password$/;
    for (const [env, pattern] of [
      [{ HTTPS_PROXY: host }, wants],
      [{ HTTPS_PROXY: host, HTTP_PROXY: host }, wants],
      [{ HTTPS_PROXY: `ann:secret@${host}` }, refuses],
      [{ HTTPS_PROXY: `ann:secret@${host}`, HTTP_PROXY: `ann:secret@${host}` }, refuses],
      [{ HTTPS_PROXY: `ann:secret@${tinyproxy}` }, refuses],
    ] as const) {
      const { message, hint = '' } = await failureOf(t, env, { tlsVerify: false });
      assert.match(message, pattern);
      assert.match(hint, /^Write them as USER:PASSWORD and an "@" before 127\.0\.0\.1:\d+ in HTTPS_PROXY\.$/);
      assert.equal(redact(hint), hint, 'all of it is shown');
      assert.doesNotMatch(message, /tunnel|secret|40[17]/i);
    }
    const connections = createConnections({
      env: { HTTPS_PROXY: host, HTTP_PROXY: host },
      tlsVerify: false,
      retry: { maxRetries: 0 },
    });
    t.after(() => connections.close());
    await assert.rejects(
      fetchJson(createSession(), 'http://log.test/api', 'the log', { connections }),
      (error: RegistryError) => {
        assert.match(
          error.message,
          /the log at http:\/\/log\.test cannot be reached: the proxy .* \(HTTP_PROXY\) wants a user name/,
        );
        assert.match(error.hint ?? '', /HTTP_PROXY/);
        return true;
      },
    );
  });
});
