/**
 * A token server whose tokens a real registry of CNCF distribution can verify: JSON Web Tokens, signed with ES256, that carry
 * their certificate (RFC 7515, 7518; Docker Registry "Token Authentication Implementation").
 */
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { basicHeader, type Users } from './auth.ts';
import { type Certificate, selfSignedCertificate } from './certificate.ts';

export interface TokenServer {
  readonly realm: string;
  readonly port: number;
  readonly service: string;
  readonly issuer: string;
  /** What the tokens are signed with. */
  readonly certificate: Certificate;
  /** Every request, with the scopes that it asked for and the status of the answer. */
  readonly requests: ReadonlyArray<{ scopes: readonly string[]; authorization: string | undefined; status: number }>;
}

export interface TokenServerOptions {
  users: Users;
  /** Seconds that a token is good for, from then on the registry refuses it. Default 300. */
  lifetime?: number;
  /** Serves over TLS with this certificate. */
  tls?: Certificate;
  /** As the realm names it. Default `127.0.0.1`. */
  host?: string;
}

/** Gives those who know a password whatever they ask for; stopped when the test ends. */
export async function tokenServer(t: TestContext, options: TokenServerOptions): Promise<TokenServer> {
  const { users, lifetime = 300, tls, host = '127.0.0.1' } = options;
  const service = 'registry.test';
  const issuer = 'issuer.test';
  const certificate = selfSignedCertificate('tokens');
  const requests: Array<TokenServer['requests'][number]> = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { searchParams } = new URL(request.url ?? '/', 'http://x');
    const scopes = searchParams.getAll('scope').flatMap((scope) => scope.split(' '));
    const { authorization } = request.headers;
    const user = Object.keys(users).find((name) => authorization === basicHeader(name, users[name] ?? ''));
    const status = user === undefined ? 401 : 200;
    requests.push({ scopes, authorization, status });
    response.writeHead(status, { 'content-type': 'application/json' });
    if (user === undefined)
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"wrong user name or password"}]}');
    else {
      const token = signedToken(certificate, { sub: user, iss: issuer, aud: service, lifetime, scopes });
      response.end(JSON.stringify({ token, expires_in: lifetime }));
    }
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const realm = `${tls === undefined ? 'http' : 'https'}://${host}:${port}/token`;
  return { realm, port, service, issuer, certificate, requests };
}

interface Claims {
  sub: string;
  iss: string;
  aud: string;
  lifetime: number;
  scopes: readonly string[];
}

function signedToken({ cert, key }: Certificate, { lifetime, scopes, ...claims }: Claims): string {
  const now = Math.floor(Date.now() / 1000);
  const der = cert.replace(/-----[A-Z ]+-----|\s/g, '');
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const access = scopes.map((scope) => {
    const [type, name, actions = ''] = scope.split(':');
    return { type, name, actions: actions.split(',') };
  });
  const payload = { ...claims, iat: now, nbf: now - 10, exp: now + lifetime, jti: randomUUID(), access };
  const signed = `${part({ typ: 'JWT', alg: 'ES256', x5c: [der] })}.${part(payload)}`;
  // JOSE wants the two numbers side by side, not in DER
  const signature = sign('sha256', Buffer.from(signed), { key: createPrivateKey(key), dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
