/**
 * Bearer tokens: the token server that a registry names is asked for one.
 *
 * Docker Registry "Token Authentication Specification" (GET) and "OAuth2 Token Authentication" (POST with a refresh
 * token), to which the OCI Distribution Specification leaves this.
 */
import { AuthError, RegistryError, type SheafError } from '../foundation/errors.ts';
import { afterTries } from './connection-failure.ts';
import { type Answer, headerOf } from './exchange.ts';
import { isLoopback, keepTls, parseUrl } from './hosts.ts';
import { looksLikeHtml, parseErrorBody, printable, refusal } from './registry-error.ts';
import type { Credentials } from './registry-pool.ts';
import { isTransient, retryAfter, retrying } from './retry.ts';
import { discard, readErrorBody, readSmallBody } from './small-body.ts';
import { type Transmission, type TransmitEnv, transmit } from './transmit.ts';
import { TryFailure } from './try-failure.ts';

const maxBodyBytes = 1024 * 1024;
/** A longer one would not fit into the head of a request anywhere. */
const maxTokenLength = 64 * 1024;
const maxRedirects = 5;

export interface Token {
  value: string;
  /** Milliseconds since the epoch from which on it is better to get a new one. */
  renewAt: number;
}

export interface TokenRequest {
  /** The registry as the user names it. */
  registry: string;
  realm: URL;
  /** Whether the registry itself is the token server, so that it may see our client certificates. */
  own: boolean;
  service: string | undefined;
  scopes: readonly string[];
  credentials: Exclude<Credentials, { kind: 'bearer' }> | undefined;
}

/**
 * The URL of a token server as a challenge gives it. Credentials are only ever sent over TLS, but for a registry that
 * is itself reached over plain HTTP or is this machine itself, and where nothing need be verified. Throws AuthError INVALID_REALM.
 */
export function parseRealm(realm: string | undefined, registry: string, origin: URL, tlsVerify = true): URL {
  const bad = (why: string, wayOut = ''): AuthError =>
    new AuthError(`${registry} names a token server that sheaf will not use: ${why}`, {
      code: 'INVALID_REALM',
      hint: `No credentials were sent. Check the name of the registry; if it is right, ask the people who run it${wayOut}.`,
    });
  if (realm === undefined || realm === '') throw bad('its challenge has no realm');
  if (realm.length > 4096 || !URL.canParse(realm)) throw bad(`"${printable(realm, 100)}" is not a URL`);
  const url = new URL(realm);
  keepTls(url, origin);
  const name = printable(`${url.protocol}//${url.host}`, 200);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw bad(`"${printable(realm, 100)}" is not a web address`);
  if (url.username !== '' || url.password !== '') throw bad(`${name} has a user name in its address`);
  const local = isLoopback(url.hostname) && isLoopback(origin.hostname);
  const plainAllowed = origin.protocol === 'http:' || local || !tlsVerify;
  if (url.protocol === 'http:' && !plainAllowed) {
    throw bad(
      `${name} is not protected by TLS, the registry itself is`,
      ', or use --tls-verify=false if you trust the network between here and there',
    );
  }
  url.hash = '';
  return url;
}

/** Throws AuthError when the token server refuses, RegistryError when it fails, TLS and redirects included. */
export async function fetchToken(env: TransmitEnv, request: TokenRequest): Promise<Token> {
  const what = `get a token for ${request.registry} from ${request.realm.host}`;
  const { session, settings } = env;
  return retrying({ session, retry: settings.retry, lanes: env.lanes }, what, async () => {
    const since = session.clock.now();
    const answer = await ask(env, request, what);
    if (answer.status !== 200) throw await tokenRefusal(env, request, answer, { what, since });
    const bytes = await readSmallBody(answer, {
      what,
      maxBytes: maxBodyBytes,
      timeoutMs: Math.min(settings.timeouts?.smallBodyMs ?? 60_000, 60_000),
      tooLarge: () => badAnswer(what, 'its answer is larger than 1 MiB', 'TOKEN_TOO_LARGE'),
    });
    return readToken(answer, bytes, what, since);
  });
}

async function ask(env: TransmitEnv, request: TokenRequest, what: string): Promise<Answer> {
  const { credentials } = request;
  const common = { what, own: request.own, inner: true, schemeKnown: true };
  if (credentials?.kind === 'identity-token') {
    const form = serviceOf(request);
    // of several fields with one name a server may take any (RFC 6749, section 3.2)
    if (request.scopes.length > 0) form.set('scope', request.scopes.join(' '));
    form.set('grant_type', 'refresh_token');
    form.set('refresh_token', credentials.token);
    form.set('client_id', 'sheaf');
    return sent(env, {
      ...common,
      method: 'POST',
      url: request.realm,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: Buffer.from(form.toString()),
    });
  }
  let url = new URL(request.realm);
  for (const [name, value] of serviceOf(request)) url.searchParams.append(name, value);
  for (const scope of request.scopes) url.searchParams.append('scope', scope);
  const headers: Record<string, string> = { accept: 'application/json' };
  if (credentials !== undefined) {
    url.searchParams.append('account', credentials.username);
    headers['authorization'] = basic(credentials.username, credentials.password);
  }
  for (let hops = 0; ; hops += 1) {
    const answer = await sent(env, { ...common, method: 'GET', url, headers });
    const location = headerOf(answer, 'location');
    if (answer.status < 300 || answer.status > 399 || location === undefined || hops === maxRedirects) return answer;
    const next = parseUrl(location, url);
    // the credentials belong to the realm; nobody it points to gets them
    if (next?.origin !== url.origin) return answer;
    await discard(answer, 10_000);
    url = next;
  }
}

async function sent(env: TransmitEnv, transmission: Transmission): Promise<Answer> {
  const answer = await transmit(env, transmission);
  if (answer === undefined) throw new Error('a request without authorize() is always sent');
  return answer;
}

function serviceOf({ service }: TokenRequest): URLSearchParams {
  return new URLSearchParams(service && { service });
}

/** The value of an `Authorization` header. */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

async function tokenRefusal(
  env: TransmitEnv,
  { registry, credentials }: TokenRequest,
  answer: Answer,
  { what, since }: { what: string; since: number },
): Promise<Error> {
  const { status, url } = answer;
  const { session } = env;
  const body = parseErrorBody(headerOf(answer, 'content-type'), await readErrorBody(answer, 30_000));
  const refused = status === 401 || status === 403 || (status === 400 && credentials?.kind === 'identity-token');
  if (refused) {
    const who = credentials?.kind === 'basic' ? ` for user "${printable(credentials.username, 100)}"` : '';
    const said = body.text === '' ? `${status}` : `${status}, ${body.text}`;
    return new AuthError(`${registry} refuses the login${who}: its token server ${url.host} answered ${said}`, {
      code: 'UNAUTHORIZED',
      hint:
        credentials === undefined
          ? `Log in first (sheaf login ${registry}) or give --creds.`
          : `Check user name and password or token; log in again with sheaf login ${registry}.`,
    });
  }
  if (status >= 300 && status < 400) {
    return badAnswer(what, 'it sends us on to another server, which must not get the credentials', 'REDIRECT_REFUSED');
  }
  const wait = retryAfter(headerOf(answer, 'retry-after'), session.clock.now());
  return new TryFailure({
    reason: `${url.host} answered ${status}`,
    transient: isTransient(status),
    status,
    ...(wait !== undefined && { waitMs: wait }),
    ...((status === 429 || status >= 500) && { busy: { host: url.host, since } }),
    toError: (tries): SheafError =>
      refusal(body, { what, host: url.host, status, tries: afterTries(tries), foreign: true }),
  });
}

function readToken(answer: Answer, bytes: Uint8Array, what: string, since: number): Token {
  if (looksLikeHtml(headerOf(answer, 'content-type'), bytes)) {
    throw badAnswer(what, 'it answered with a web page', 'NOT_A_TOKEN');
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw badAnswer(what, 'its answer is not JSON', 'NOT_A_TOKEN');
  }
  const fields = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>;
  const value = fields['token'] || fields['access_token'];
  if (typeof value !== 'string') throw badAnswer(what, 'its answer has no token', 'NOT_A_TOKEN');
  if (value.length > maxTokenLength) {
    throw badAnswer(what, `the token has ${value.length} characters`, 'TOKEN_TOO_LARGE');
  }
  // anything else could not stand in a header
  if (!/^[\x21-\x7e]+$/.test(value))
    throw badAnswer(what, 'the token holds characters that no token has', 'NOT_A_TOKEN');
  const seconds = fields['expires_in'];
  const lifetime = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : 60_000;
  // counted from before the request, by our own clock: that of the server may be off
  return { value, renewAt: since + lifetime - Math.min(30_000, lifetime / 5) };
}

function badAnswer(what: string, why: string, code: string): RegistryError {
  return new RegistryError(`cannot ${what}: ${why}`, {
    code,
    hint: 'The token server that the registry names does not work as it should; ask the people who run the registry.',
  });
}
