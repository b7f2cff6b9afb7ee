/** Registries that ask who is there: `authorize` hooks for basic authentication and for bearer tokens. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import type { AccessRequest, Authorize } from '../../src/registry-server/index.ts';

export type Users = Readonly<Record<string, string>>;

export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Lets in who knows a password. */
export function basicAuth(users: Users, realm = 'test'): Authorize {
  return ({ headers }) =>
    userOf(headers.authorization, users) === undefined ? { challenge: `Basic realm="${realm}"` } : 'allow';
}

function userOf(authorization: string | undefined, users: Users): string | undefined {
  return Object.keys(users).find((name) => authorization === basicHeader(name, users[name] ?? ''));
}

export interface TokenRequest {
  method: string;
  /** `repository:team/app:pull,push`, in the order of the request. */
  scopes: readonly string[];
  service: string | null;
  authorization: string | undefined;
  /** The form of a POST, the query of a GET. */
  fields: URLSearchParams;
  token: string;
}

export interface BearerAuth {
  authorize: Authorize;
  /** Every request that the token service answered with a token. */
  readonly tokenRequests: readonly TokenRequest[];
  /** The URL of the token service. */
  readonly realm: string;
  /** Makes every token that was handed out so far worthless. */
  revokeTokens(): void;
}

export interface BearerOptions {
  /** Without users everybody gets a token for what `anonymous` allows. */
  users?: Users;
  /** Whether who gives no password may pull. */
  anonymousPull?: boolean;
  /** Seconds, in the answer of the token service. */
  expiresIn?: number;
  /** Name of the member with the token: `token`, or `access_token`. */
  member?: 'token' | 'access_token';
  /** Given out with each token, and accepted in the place of a password. */
  refreshToken?: string;
}

/** Lets in who brings a token; starts the token service, and stops it when the test is over. */
export async function bearerAuth(t: TestContext, options: BearerOptions = {}): Promise<BearerAuth> {
  const { users = {}, anonymousPull = true, expiresIn = 300, member = 'token', refreshToken } = options;
  const tokenRequests: TokenRequest[] = [];
  const granted = new Map<string, readonly string[]>();

  const grant = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/' } = request;
    let form = '';
    for await (const chunk of request) form += String(chunk);
    const fields = method === 'POST' ? new URLSearchParams(form) : new URL(url, 'http://x').searchParams;
    const { authorization } = request.headers;
    const known =
      userOf(authorization, users) !== undefined ||
      (refreshToken !== undefined && fields.get('refresh_token') === refreshToken) ||
      (fields.has('username') && users[fields.get('username') ?? ''] === fields.get('password'));
    const anonymous = authorization === undefined && method === 'GET';
    if (!known && !(anonymous && anonymousPull)) {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}');
      return;
    }
    const scopes = fields.getAll('scope').flatMap((scope) => scope.split(' '));
    const token = `token-${tokenRequests.length + 1}`;
    granted.set(token, known ? scopes : scopes.map(pullOnly));
    tokenRequests.push({ method, scopes, service: fields.get('service'), authorization, fields, token });
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = refreshToken === undefined ? {} : { refresh_token: refreshToken };
    response.end(JSON.stringify({ [member]: token, expires_in: expiresIn, ...more }));
  };
  const server = createServer((request, response) => {
    grant(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  const address = server.address();
  const realm = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/token`;

  return {
    tokenRequests,
    realm,
    revokeTokens: () => granted.clear(),
    authorize: (access) => {
      const scopes = granted.get(access.headers.authorization?.replace(/^Bearer /i, '') ?? '');
      if (scopes !== undefined && (access.repository === undefined || scopes.some((scope) => covers(scope, access)))) {
        return 'allow';
      }
      const scope =
        access.repository === undefined ? '' : `,scope="repository:${access.repository}:${actionsOf(access)}"`;
      const error = scopes === undefined ? '' : ',error="insufficient_scope"';
      return { challenge: `Bearer realm="${realm}",service="registry.test"${scope}${error}` };
    },
  };
}

function actionsOf({ action }: AccessRequest): string {
  return action === 'push' ? 'pull,push' : action;
}

function covers(scope: string, { repository, action }: AccessRequest): boolean {
  const [type, name, actions = ''] = scope.split(':');
  return type === 'repository' && name === repository && ['*', action].some((one) => actions.split(',').includes(one));
}

function pullOnly(scope: string): string {
  const [type, name] = scope.split(':');
  return `${type}:${name}:pull`;
}
