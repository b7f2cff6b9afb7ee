import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createSession } from '../../../src/foundation/session.ts';
import { deviceFlowToken } from '../../../src/signing/sigstore/device-flow.ts';
import { ambientToken, subjectOfToken } from '../../../src/signing/sigstore/identity-token.ts';
import { testFolder } from '../../support/folders.ts';
import { identityToken } from '../../support/sigstore-services.ts';
import { session } from './samples.ts';

interface Seen {
  path: string;
  headers: IncomingMessage['headers'];
  body: URLSearchParams;
}

type Reply = (seen: Seen, url: string) => { status?: number; body?: unknown; location?: string };

async function provider(t: TestContext, reply: Reply): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const one = { path: request.url ?? '', headers: request.headers, body: new URLSearchParams(text) };
      seen.push(one);
      const { status = 200, body = {}, location } = reply(one, url);
      response.writeHead(status, location === undefined ? {} : { location }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, seen };
}

describe('tokens of the platform', () => {
  it('come from the variable first', async () => {
    assert.equal(await ambientToken(session, { env: { SIGSTORE_ID_TOKEN: ' a.b.c\n' } }), 'a.b.c');
    assert.equal(await ambientToken(session, { env: {} }), undefined);
  });

  it('are asked of GitHub Actions, for the audience', async (t) => {
    const { url, seen } = await provider(t, () => ({ body: { value: 'a.b.c' } }));
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: `${url}/token?v=1`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'bearer' };
    assert.equal(await ambientToken(session, { env }), 'a.b.c');
    assert.equal(seen[0]?.path, '/token?v=1&audience=sigstore');
    assert.equal(seen[0]?.headers.authorization, 'Bearer bearer');
  });

  it('are asked of the agent of Buildkite, for the audience', async (t) => {
    const folder = await testFolder(t);
    const agent = (script: string): Promise<void> =>
      writeFile(join(folder, 'buildkite-agent'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const env = { BUILDKITE: 'true', PATH: `${folder}:/usr/bin:/bin` };
    await agent('echo "$*"');
    assert.equal(await ambientToken(session, { env }), 'oidc request-token --audience sigstore');
    await agent('echo no >&2; exit 1');
    await assert.rejects(ambientToken(session, { env }), { code: 'IDENTITY_TOKEN_REFUSED' });
  });

  it('are not asked for elsewhere when GitHub Actions refuses or sends us on', async (t) => {
    for (const answer of [{ status: 403 }, { body: {} }, { status: 302, location: 'http://127.0.0.1:1/' }]) {
      const { url } = await provider(t, () => answer);
      const env = { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'bearer' };
      await assert.rejects(ambientToken(session, { env }), (error) => {
        assert.ok(error instanceof Error && !error.message.includes('bearer'));
        return true;
      });
    }
  });

  it('say whom they are for', () => {
    assert.equal(subjectOfToken(identityToken()), 'alice@example.com');
    assert.equal(subjectOfToken(identityToken({ sub: 'repo:x' })), 'repo:x');
    const unverified = identityToken({ email: 'a@b.c', email_verified: false });
    assert.throws(() => subjectOfToken(unverified), { code: 'BAD_IDENTITY_TOKEN' });
    assert.throws(() => subjectOfToken(identityToken({ sub: '' })), { code: 'BAD_IDENTITY_TOKEN' });
  });
});

describe('the device flow', () => {
  const waits: number[] = [];
  let now = 0;
  const clock = {
    now: () => now,
    sleep: async (ms: number): Promise<void> => {
      waits.push(ms);
      now += ms;
    },
  };
  const impatient = { ...createSession(), clock };

  /** Answers of the token endpoint, in their order; the last one again and again. */
  function reply(answers: readonly { status?: number; body: unknown }[]): Reply {
    let turn = 0;
    return ({ path }, url) => {
      if (path === '/.well-known/openid-configuration') {
        return { body: { device_authorization_endpoint: `${url}/device`, token_endpoint: `${url}/token` } };
      }
      if (path === '/device') {
        const verification = { verification_uri: `${url}/here\u001b[2J`, user_code: 'ABCD-EFGH', interval: 1 };
        return { body: { device_code: 'dev', expires_in: 60, ...verification } };
      }
      turn += 1;
      return answers[Math.min(turn, answers.length) - 1] ?? {};
    };
  }

  const pending = { status: 400, body: { error: 'authorization_pending' } };

  it('tells where to go, waits as long as it is told, and proves that it is who began', async (t) => {
    const slow = { status: 400, body: { error: 'slow_down' } };
    const { url, seen } = await provider(t, reply([pending, slow, { body: { id_token: 'a.b.c' } }]));
    const told: string[] = [];
    waits.length = 0;
    const options = { issuerUrl: `${url}/`, clientSecret: 'x', tell: (message: string) => void told.push(message) };
    assert.equal(await deviceFlowToken(impatient, options), 'a.b.c');
    assert.deepEqual(waits, [1000, 1000, 6000]);
    assert.deepEqual(told, [`Open ${url}/here[2J and enter the code ABCD-EFGH to sign in.`]);
    const [, begun, , , last] = seen;
    assert.equal(begun?.body.get('client_id'), 'sigstore');
    assert.equal(last?.body.get('client_secret'), 'x');
    const challenge = createHash('sha256')
      .update(last?.body.get('code_verifier') ?? '')
      .digest('base64url');
    assert.equal(begun?.body.get('code_challenge'), challenge);
  });

  it('ends when it is refused, and when its time is over', async (t) => {
    const denied = await provider(t, reply([{ status: 400, body: { error: 'access_denied' } }]));
    const options = { tell: () => {} };
    await assert.rejects(deviceFlowToken(impatient, { ...options, issuerUrl: denied.url }), {
      code: 'DEVICE_FLOW_FAILED',
      message: /access_denied/,
    });
    const silent = await provider(t, reply([pending]));
    await assert.rejects(deviceFlowToken(impatient, { ...options, issuerUrl: silent.url }), {
      code: 'DEVICE_FLOW_FAILED',
      message: /in time/,
    });
    const nobody = await provider(t, () => ({ status: 404 }));
    await assert.rejects(deviceFlowToken(impatient, { ...options, issuerUrl: nobody.url }), {
      code: 'DEVICE_FLOW_FAILED',
    });
  });
});
