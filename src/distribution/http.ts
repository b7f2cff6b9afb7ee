/**
 * Requests to one registry, as a stack of small steps: {@link Http.send} tries again, `attempt` judges the answer,
 * `reach` finds out whether it is https or http, `follow` goes along redirects, `authorized` logs in, `transmit` puts
 * it on the wire.
 */
import { RegistryError, type SheafError } from '../foundation/errors.ts';
import { type Authorizer, createAuthorizer, type Grant } from './authorization.ts';
import { afterTries } from './connection-failure.ts';
import { type Answer, type Headers, headerOf } from './exchange.ts';
import { apiHost, isLoopback, keepTls, parseUrl } from './hosts.ts';
import { proxyName } from './proxies.ts';
import { parseErrorBody, printable, refusal } from './registry-error.ts';
import type { CredentialProvider } from './registry-pool.ts';
import { createRetryBudget, isTransient, type RetryBudget, retryAfter, retrying } from './retry.ts';
import { discard, readErrorBody, readSmallBody } from './small-body.ts';
import { type RequestBody, type Transmission, type TransmitEnv, transmit } from './transmit.ts';
import { TryFailure, type TryFailureOptions } from './try-failure.ts';

/** What a login asks for: nothing in the registry but itself. */
export const rootPath = '/v2/';

export interface Call {
  method: Transmission['method'];
  /** Path and query below the registry's root, or a URL that the registry gave for this. */
  target: string | URL;
  grant: Grant;
  /** Completes "cannot ...": "read the manifest 127.0.0.1:5000/a:1". */
  what: string;
  headers?: Readonly<Record<string, string>>;
  body?: RequestBody | Uint8Array;
  /** Statuses beside 2xx that the caller wants to see; all others throw. */
  accept?: readonly number[];
  /** Whether 404 may be what strangers alone are told. */
  hideable?: boolean;
  /** See Lanes.run. */
  inner?: boolean;
}

export interface Http {
  /** As the reference names it. */
  readonly host: string;
  /** Tries until `consume` has made something of a good answer. Throws SheafErrors only. */
  send<T>(call: Call, consume: (answer: Answer) => Promise<T>): Promise<T>;
  /** One try; throws TryFailure where another one may help. For work that must do something between two tries. */
  attempt(call: Call): Promise<Answer>;
  budget(what: string): RetryBudget;
  /** A whole body in memory; for `consume`. */
  read(answer: Answer, what: string, maxBytes: number, tooLarge: () => SheafError): Promise<Uint8Array>;
  discard(answer: Answer): Promise<void>;
  /** So many requests are about to begin at once: connections are made for those that will not have to wait for a slot. */
  prepare(count: number): void;
}

export interface HttpEnv extends TransmitEnv {
  credentials: CredentialProvider;
}

type UrlScheme = 'https' | 'http';

/** One try to reach the registry under one scheme. */
interface Reach {
  origin: string;
  known: boolean;
  answered(): void;
}

const maxRedirects = 5;
/** Answers 401 to one request, where each but the last may have come to something that was stale by then. */
const maxRefusals = 5;

export function createHttp(host: string, env: HttpEnv): Http {
  const { session, settings, lanes } = env;
  const smallBodyMs = settings.timeouts?.smallBodyMs ?? 300_000;
  const retryEnv = { session, retry: settings.retry, lanes };
  const originOf = (scheme: UrlScheme): string => new URL(`${scheme}://${apiHost(host)}`).origin;
  const schemes = possibleSchemes(originOf('https'), settings.tlsVerify);
  let settled: UrlScheme | undefined = schemes.length === 1 ? schemes[0] : undefined;
  const authorizer: Authorizer = createAuthorizer({
    ...env,
    host,
    origin: () => new URL(originOf(settled ?? 'https')),
  });

  /** The answer whatever it is, but for a 401 that a login can mend. */
  async function authorized(call: Call, url: URL, reach: Reach): Promise<Answer> {
    let obtained: { header: string | undefined } | undefined;
    for (let refusals = 0; ; ) {
      let sent: string | undefined;
      const answer = await transmit(env, {
        ...transmission(call, url),
        own: true,
        schemeKnown: reach.known,
        authorize: () => {
          const auth = obtained ?? authorizer.known(call.grant);
          if (auth === 'unknown') return undefined;
          sent = auth.header;
          return sent === undefined ? {} : { authorization: sent };
        },
      });
      if (answer === undefined) {
        obtained = await authorizer.obtain(call.grant);
        continue;
      }
      if (answer.status !== 400) reach.answered();
      const { status } = answer;
      if (sent !== undefined && status < 400) accepted.add(keyOf(call, sent));
      let challenge = status === 401 ? answer.headers['www-authenticate'] : undefined;
      if (challenge === undefined && sent === undefined) challenge = await unspokenChallenge(call, status, reach);
      if (challenge === undefined && status !== 401) return answer;
      refusals += 1;
      const { what, grant } = call;
      if (refusals > 1 && (refusals > maxRefusals || !isStale(call, sent))) {
        const body = parseErrorBody(headerOf(answer, 'content-type'), await readErrorBody(answer, smallBodyMs));
        const authenticated = authorizer.identified(grant.repository);
        throw refusal(body, { what, host, status: 401, authenticated, root: call.target === rootPath });
      }
      // the challenge first: who waits for a slot need not meet it too
      const challenged = authorizer.challenged(grant, challenge, sent);
      [obtained] = await Promise.all([challenged, discard(answer, smallBodyMs)]);
    }
  }

  /** What other requests of the same kind were let in with: who may read need not be allowed to write. */
  const accepted = new Set<string>();
  const keyOf = ({ method }: Call, sent: string): string => `${isRead(method) ? 'read' : 'write'} ${sent}`;

  /** Whether what was sent was good once, and has run out or was replaced while the request waited for its slot. */
  function isStale(call: Call, sent: string | undefined): boolean {
    const now = authorizer.known(call.grant);
    return now === 'unknown' || now.header !== sent || (sent !== undefined && accepted.has(keyOf(call, sent)));
  }

  let root: Promise<Answer | undefined> | undefined;

  /**
   * What the root of the registry asks for, where we have something to answer with: some (Artifactory, keppel) tell a stranger only
   * there to log in, and elsewhere just refuse him or say that nothing is there.
   */
  async function unspokenChallenge(call: Call, status: number, reach: Reach): Promise<Headers[string]> {
    const hidden = status === 401 || status === 403 || (status === 404 && call.hideable === true);
    if (!hidden || call.grant.repository === '') return undefined;
    root ??= askRoot(call, reach);
    const answer = await root;
    if (answer?.status !== 401 || !(await authorizer.canAnswer(call.grant.repository))) return undefined;
    return answer.headers['www-authenticate'];
  }

  async function askRoot({ what, inner }: Call, { origin }: Reach): Promise<Answer | undefined> {
    try {
      const request = {
        method: 'GET',
        url: new URL(rootPath, origin),
        what,
        headers: {},
        ...(inner && { inner }),
      } as const;
      const answer = await transmit(env, { ...request, own: true, schemeKnown: true });
      if (answer !== undefined) await discard(answer, smallBodyMs);
      return answer;
    } catch (thrown) {
      // the answer that we have says enough
      if (thrown instanceof TryFailure) return undefined;
      throw thrown;
    }
  }

  async function follow(call: Call, first: URL, reach: Reach): Promise<Answer> {
    let url = first;
    for (let hops = 0; ; hops += 1) {
      const own = url.origin === reach.origin;
      const answer = own ? await authorized(call, url, reach) : await abroad(call, url);
      const location = headerOf(answer, 'location');
      const reads = isRead(call.method);
      // other statuses would make a GET of what is written
      const statuses = reads ? [301, 302, 303, 307, 308] : [307, 308];
      if (!statuses.includes(answer.status) || location === undefined) return answer;
      const next = redirected(location, url, call.what);
      // what is written stays with the registry
      if (!reads && next.origin !== reach.origin) return answer;
      await discard(answer, smallBodyMs);
      if (hops === maxRedirects) throw badRedirect(call.what, host, `it sends us on more than ${maxRedirects} times`);
      url = next;
    }
  }

  /** To a host that the registry names: without our credentials. */
  async function abroad(call: Call, url: URL): Promise<Answer> {
    const answer = await transmit(env, { ...transmission(call, url), own: false, schemeKnown: true });
    if (answer === undefined) throw new TypeError('a request without authorize() is always sent');
    return answer;
  }

  function redirected(location: string, from: URL, what: string): URL {
    const url = parseUrl(location, from);
    if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
      throw badRedirect(what, host, `"${printable(location, 100)}" is not a web address`);
    }
    keepTls(url, from);
    if (from.protocol === 'https:' && url.protocol === 'http:' && settings.tlsVerify !== false) {
      throw badRedirect(what, host, `it sends us on to plain HTTP (${url.host})`);
    }
    url.username = '';
    url.password = '';
    url.hash = '';
    return url;
  }

  async function reach(call: Call): Promise<Answer> {
    const { target } = call;
    if (typeof target !== 'string') {
      const origin = originOf(settled ?? schemes[0]);
      return follow(call, target, { origin, known: true, answered: () => {} });
    }
    const tried = new Set<UrlScheme>();
    let firstFailure: TryFailure | undefined;
    for (;;) {
      const known = settled !== undefined;
      const scheme = settled ?? schemes.find((one) => !tried.has(one));
      if (scheme === undefined || tried.has(scheme)) throw firstFailure ?? new TypeError('no scheme to try');
      tried.add(scheme);
      const origin = originOf(scheme);
      const answered = (): void => {
        settled ??= scheme;
      };
      try {
        const answer = await follow(call, new URL(target, origin), { origin, known, answered });
        if (settled !== undefined || answer.status !== 400) return answer;
        // a server with TLS says "bad request" to plain HTTP, in words of its own or in none
        if (scheme === 'http') throw await refused(call, answer, { wrongScheme: true });
        answered();
        return answer;
      } catch (thrown) {
        if (!(thrown instanceof TryFailure)) throw thrown;
        const { wrongScheme, status } = thrown.options;
        // where nobody answered, why the likelier scheme failed says more
        if (wrongScheme !== true)
          throw settled === undefined && status === undefined ? (firstFailure ?? thrown) : thrown;
        firstFailure ??= thrown;
        // whatever does not understand TLS speaks plain HTTP
        if (scheme === 'https' && thrown.options.notTls === true && schemes.length > 1) settled ??= 'http';
      }
    }
  }

  async function attempt(call: Call): Promise<Answer> {
    const since = session.clock.now();
    const answer = await reach(call);
    const { status, url } = answer;
    if ((status >= 200 && status < 300) || call.accept?.includes(status) === true) return answer;
    const busy = status === 429 || status >= 500;
    throw await refused(call, answer, busy ? { busy: { host: url.host, since } } : {});
  }

  async function refused(call: Call, answer: Answer, more: Partial<TryFailureOptions>): Promise<TryFailure> {
    const { status, url } = answer;
    const body = parseErrorBody(headerOf(answer, 'content-type'), await readErrorBody(answer, smallBodyMs));
    // a URL has no port that goes without saying, and small letters
    const foreign = url.origin !== originOf(url.protocol === 'http:' ? 'http' : 'https');
    const forwarder = await env.connections.forwarderOf(url);
    const wait = retryAfter(headerOf(answer, 'retry-after'), session.clock.now());
    const location = headerOf(answer, 'location');
    const target = status < 400 && location !== undefined ? parseUrl(location, url) : undefined;
    return new TryFailure({
      reason: `${url.host} answered ${status}`,
      status,
      transient: isTransient(status) || body.entries.some((entry) => entry.code === 'TOOMANYREQUESTS'),
      ...(wait !== undefined && { waitMs: wait }),
      ...more,
      toError: (tries) =>
        refusal(body, {
          what: call.what,
          host: foreign ? url.host : host,
          status,
          tries: afterTries(tries),
          ...(forwarder !== undefined && { proxy: proxyName(forwarder) }),
          foreign,
          ...(target && { elsewhere: `${target.protocol}//${target.host}` }),
          authenticated: authorizer.identified(call.grant.repository),
          root: call.target === rootPath,
        }),
    });
  }

  return {
    host,
    send: (call, consume) => retrying(retryEnv, call.what, async () => consume(await attempt(call))),
    attempt,
    budget: (what) => createRetryBudget(retryEnv, what),
    read: (answer, what, maxBytes, tooLarge) =>
      readSmallBody(answer, { what, maxBytes, timeoutMs: smallBodyMs, tooLarge }),
    discard: (answer) => discard(answer, smallBodyMs),
    prepare(count) {
      const origin = originOf(settled ?? schemes[0]);
      env.connections.prepare(origin, Math.min(count, lanes.free(new URL(origin).host)));
    },
  };
}

function isRead(method: Call['method']): boolean {
  return method === 'GET' || method === 'HEAD';
}

function transmission(call: Call, url: URL): Omit<Transmission, 'own'> {
  const { method, what, body, headers = {}, inner } = call;
  return { method, url, what, headers, ...(body && { body }), ...(inner && { inner }) };
}

/** Plain HTTP only for who said that nothing need be verified; the likelier one first. */
function possibleSchemes(httpsOrigin: string, tlsVerify: boolean | undefined): readonly [UrlScheme, ...UrlScheme[]] {
  if (tlsVerify !== false) return ['https'];
  return isLoopback(new URL(httpsOrigin).hostname) ? ['http', 'https'] : ['https', 'http'];
}

function badRedirect(what: string, host: string, why: string): RegistryError {
  return new RegistryError(`cannot ${what}: ${host} cannot be followed: ${why}`, {
    code: 'BAD_REDIRECT',
    hint: 'Check the name of the registry and what stands before it.',
  });
}
