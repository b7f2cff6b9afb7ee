/**
 * What a registry can make us send by its answers: everything that left is written down, by the registry, by a stranger
 * that it would like to hear from us, and by the proxy that is the only way to either.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Credentials } from '../../src/distribution/registry-pool.ts';
import { SheafError } from '../../src/foundation/errors.ts';
import { basicHeader } from '../support/auth.ts';
import { type Certificate, certificateAuthority } from '../support/certificate.ts';
import { forwardProxy } from '../support/forward-proxy.ts';
import { readAll, testPool } from './pool.ts';

const alice: Credentials = { kind: 'basic', username: 'alice', password: 'wonderland' };
const secret = basicHeader('alice', 'wonderland');
const empty = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Scenario {
  /** Of the registry, over TLS as `registry.test`; `path` without query. */
  registry: Answer;
  /** Of somebody else, over TLS as `stranger.test`, and in plain text as `plain.test`. */
  stranger?: Answer;
  /** What is wanted of the registry; a manifest unless told. */
  blob?: boolean;
  /** Code of the error; without it all goes well. */
  code?: string;
  /** Everything that left, in order: `METHOD host path authorization`. */
  left: readonly string[];
}

/** A server on loopback; its port. */
async function serve(t: TestContext, answer: Answer, tls?: Certificate): Promise<number> {
  const server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function play(t: TestContext, { registry, stranger = (_, response) => response.end(), ...rest }: Scenario) {
  const { authority, issue } = certificateAuthority();
  const left: string[] = [];
  const noting =
    (answer: Answer): Answer =>
    (request, response) => {
      const path = request.url?.split('?', 1)[0];
      left.push(`${request.method} ${request.headers.host} ${path} ${request.headers.authorization ?? '-'}`);
      answer(request, response);
    };
  const hosts = {
    'registry.test': await serve(t, noting(registry), issue('registry.test')),
    'stranger.test': await serve(t, noting(stranger), issue('stranger.test')),
    'plain.test': await serve(t, noting(stranger)),
  };
  const proxy = await forwardProxy(t, hosts);
  const authorities = { always: true, read: async () => [authority.cert] };
  const { pool, waits } = testPool(t, { tlsVerify: true, env: proxy.env, authorities, credentials: async () => alice });
  const repository = pool.client('registry.test').repository('a');
  const work = rest.blob
    ? repository.openBlob(empty).then(async ({ body }) => {
        await readAll(body);
      })
    : repository.getManifest('v1');
  if (rest.code === undefined) await work;
  else {
    await assert.rejects(work, (error: SheafError) => {
      assert.ok(error instanceof SheafError, String(error));
      assert.equal(error.code, rest.code, error.message);
      assert.ok(error.message.length < 1000 && error.hint, 'it is told in a few words what to do');
      assert.ok(!JSON.stringify([error.message, error.hint]).includes('wonderland'));
      return true;
    });
  }
  assert.deepEqual(left, rest.left);
  assert.deepEqual(waits, [], 'nothing is tried again');
  const tunnelled = [...new Set(left.map((line) => `${line.split(' ')[1]}:443`))];
  assert.deepEqual([...new Set(proxy.tunnels)].sort(), tunnelled.sort(), 'no connection beside those');
  assert.deepEqual(proxy.plain, [], 'nothing in plain text');
}

const ask = 'GET registry.test /v2/a/manifests/v1';
const refusing =
  (challenge: string): Answer =>
  (_request, response) => {
    response.writeHead(401, { 'www-authenticate': challenge }).end();
  };

const scenarios: Record<string, Scenario> = {
  'a realm in plain text': {
    registry: refusing('Bearer realm="http://plain.test/token"'),
    code: 'INVALID_REALM',
    left: [`${ask} -`],
  },
  'a realm in plain text on the registry itself, which means its TLS': {
    registry: (request, response) => {
      if (request.url?.startsWith('/token')) response.end('{"token":"abc"}');
      else if (request.headers.authorization === 'Bearer abc') response.writeHead(404).end();
      else refusing('Bearer realm="http://registry.test/token"')(request, response);
    },
    code: 'NOT_FOUND',
    left: [`${ask} -`, `GET registry.test /token ${secret}`, `${ask} Bearer abc`],
  },
  'a realm that is no web address': {
    registry: refusing('Bearer realm="file:///etc/passwd"'),
    code: 'INVALID_REALM',
    left: [`${ask} -`],
  },
  'a realm with a login of its own': {
    registry: refusing('Bearer realm="https://stranger.test@plain.test/token"'),
    code: 'INVALID_REALM',
    left: [`${ask} -`],
  },
  'a token server that answers 401': {
    registry: refusing('Bearer realm="https://registry.test/token"'),
    code: 'UNAUTHORIZED',
    left: [`${ask} -`, `GET registry.test /token ${secret}`],
  },
  'a token server that redirects to another host': {
    registry: (request, response) => {
      if (request.url?.startsWith('/token')) response.writeHead(307, { location: 'https://stranger.test/token' }).end();
      else refusing('Bearer realm="https://registry.test/token"')(request, response);
    },
    code: 'REDIRECT_REFUSED',
    left: [`${ask} -`, `GET registry.test /token ${secret}`],
  },
  '401 without end to a password': {
    registry: refusing('Basic realm="x"'),
    code: 'UNAUTHORIZED',
    left: [`${ask} -`, `${ask} ${secret}`],
  },
  '401 without end to a token': {
    registry: (request, response) => {
      if (request.url?.startsWith('/token')) response.end('{"token":"abc"}');
      else refusing('Bearer realm="https://registry.test/token"')(request, response);
    },
    code: 'UNAUTHORIZED',
    left: [`${ask} -`, `GET registry.test /token ${secret}`, `${ask} Bearer abc`],
  },
  'a token without end': {
    registry: (request, response) => {
      if (!request.url?.startsWith('/token')) {
        refusing('Bearer realm="https://registry.test/token"')(request, response);
        return;
      }
      response.write('{"token":"');
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        response.once('drain', more);
      };
      more();
    },
    code: 'TOKEN_TOO_LARGE',
    left: [`${ask} -`, `GET registry.test /token ${secret}`],
  },
  'a header of 10 MiB': {
    registry: refusing(`Bearer realm="https://stranger.test/${'x'.repeat(10 << 20)}"`),
    code: 'HEADERS_TOO_LARGE',
    left: [`${ask} -`],
  },
  'a blob that is at another host': {
    registry: (request, response) => {
      if (request.headers.authorization !== secret) refusing('Basic realm="x"')(request, response);
      else response.writeHead(307, { location: 'https://stranger.test/blob' }).end();
    },
    blob: true,
    left: [
      `GET registry.test /v2/a/blobs/${empty} -`,
      `GET registry.test /v2/a/blobs/${empty} ${secret}`,
      'GET stranger.test /blob -',
    ],
  },
  'another host that asks for a login': {
    registry: (_request, response) => {
      response.writeHead(307, { location: 'https://stranger.test/manifest' }).end();
    },
    stranger: refusing('Basic realm="registry.test"'),
    code: 'REGISTRY',
    left: [`${ask} -`, 'GET stranger.test /manifest -'],
  },
  'a redirect to plain text on the registry itself, which means its TLS': {
    registry: (request, response) => {
      if (request.url === '/elsewhere') response.writeHead(404).end();
      else response.writeHead(307, { location: 'http://registry.test/elsewhere' }).end();
    },
    code: 'NOT_FOUND',
    left: [`${ask} -`, 'GET registry.test /elsewhere -', 'GET registry.test /v2/ -'],
  },
  'a redirect to plain text': {
    registry: (_request, response) => {
      response.writeHead(307, { location: 'http://plain.test/manifest' }).end();
    },
    code: 'BAD_REDIRECT',
    left: [`${ask} -`],
  },
};

for (const [name, scenario] of Object.entries(scenarios)) test(name, (t) => play(t, scenario));

test('a registry that speaks plain HTTP gets nothing, not even a request', async (t) => {
  const seen: string[] = [];
  const port = await serve(t, (request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.end();
  });
  const proxy = await forwardProxy(t, { 'plain.test': port });
  const { pool } = testPool(t, { tlsVerify: true, env: proxy.env, creds: alice, retry: { maxRetries: 0 } });
  const wanted = pool.client('plain.test').repository('a').getManifest('v1');
  await assert.rejects(wanted, (error: SheafError) => error instanceof SheafError && error.code === 'NOT_TLS');
  assert.deepEqual(seen, []);
  assert.deepEqual(proxy.plain, []);
});
