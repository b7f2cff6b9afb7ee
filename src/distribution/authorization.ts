/**
 * Who we are to one registry. Nothing is sent before the registry has asked; after it has, every request carries what
 * it wants, so that each host and scope costs at most one answer 401.
 */
import { AuthError, UnsupportedError } from '../foundation/errors.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { printable } from './registry-error.ts';
import type { CredentialProvider, Credentials } from './registry-pool.ts';
import { basic, fetchToken, parseRealm, type Token } from './token.ts';
import type { TransmitEnv } from './transmit.ts';

/** What a request is for. */
export interface Grant {
  repository: string;
  /** `repository:<name>:<actions>`, at least one. */
  scopes: readonly string[];
}

export interface Authorizer {
  /**
   * The header value for a request that is sent now (`undefined`: none), or `unknown` when it must be obtained first.
   */
  known(grant: Grant): { header: string | undefined } | 'unknown';
  /** Gets what {@link known} lacks; all who want the same wait for one request. Throws AuthError, RegistryError. */
  obtain(grant: Grant): Promise<{ header: string | undefined }>;
  /**
   * Learns from an answer 401 to a request that carried `sent`, and gets what it asks for. Throws AuthError,
   * UnsupportedError when nothing can be done.
   */
  challenged(
    grant: Grant,
    header: string | readonly string[] | undefined,
    sent: string | undefined,
  ): Promise<{ header: string }>;
  /** Whether there are credentials for `repository`. Throws what looking for them throws. */
  canAnswer(repository: string): Promise<boolean>;
  /** Whether the registry was given credentials of somebody for `repository`. */
  identified(repository: string): boolean;
}

export interface AuthorizerEnv extends TransmitEnv {
  /** As the reference names it. */
  host: string;
  credentials: CredentialProvider;
  /** Scheme and host that the registry is reached under. */
  origin(): URL;
}

interface CachedToken extends Token {
  /** Whose credentials got it: those of another repository may be worth less. */
  repository: string;
  scopes: readonly string[];
}

type Scheme = { kind: 'basic' } | { kind: 'bearer'; realm: URL; service: string | undefined };

const maxScopes = 32;

export function createAuthorizer(env: AuthorizerEnv): Authorizer {
  const { host, session } = env;
  let scheme: Scheme | undefined;
  const credentials = new Map<string, Promise<Credentials | undefined>>();
  /** Header values that need no token server, by repository. */
  const fixed = new Map<string, string | undefined>();
  const identified = new Set<string>();
  const tokens = new Map<string, CachedToken>();
  const pending = new Map<string, Promise<CachedToken>>();
  /** Scopes that the registry asked for beside those that we thought of. */
  const demanded = new Map<string, readonly string[]>();

  const keyOf = (grant: Grant): string => JSON.stringify([grant.repository, ...[...grant.scopes].sort()]);
  const credentialsFor = (repository: string): Promise<Credentials | undefined> => {
    let found = credentials.get(repository);
    if (found === undefined) {
      const { creds } = env.settings;
      found = creds ? Promise.resolve({ kind: 'basic', ...creds }) : provided(env, repository);
      credentials.set(repository, found);
    }
    return found;
  };
  const usable = (grant: Grant): CachedToken | undefined => {
    const wanted = [...grant.scopes, ...(demanded.get(keyOf(grant)) ?? [])];
    const now = session.clock.now();
    for (const token of tokens.values()) {
      if (
        token.repository === grant.repository &&
        token.renewAt > now &&
        wanted.every((scope) => covers(token.scopes, scope))
      )
        return token;
    }
    return undefined;
  };
  const fetchFor = async (
    grant: Grant,
    by: Scheme & { kind: 'bearer' },
    who: Credentials | undefined,
  ): Promise<CachedToken> => {
    const scopes = [...new Set([...grant.scopes, ...(demanded.get(keyOf(grant)) ?? [])])];
    if (who?.kind === 'bearer') throw new TypeError('a ready token is not fetched');
    const { realm, service } = by;
    const own = realm.origin === env.origin().origin;
    const fetched = await fetchToken(env, { registry: host, realm, own, service, scopes, credentials: who });
    const token = { ...fetched, repository: grant.repository, scopes };
    tokens.set(keyOf(grant), token);
    return token;
  };

  /** Takes in what `challenge` asks for. */
  const learn = (grant: Grant, challenge: Challenge, sent: string | undefined): void => {
    if (challenge.scheme === 'basic') {
      scheme = { kind: 'basic' };
      return;
    }
    const { realm, service, scope } = challenge.parameters;
    scheme = { kind: 'bearer', realm: parseRealm(realm, host, env.origin(), env.settings.tlsVerify), service };
    for (const [key, token] of tokens) {
      if (`Bearer ${token.value}` === sent) tokens.delete(key);
    }
    const more = scopesOf(scope).filter((one) => !covers(grant.scopes, one));
    if (more.length > 0) demanded.set(keyOf(grant), more);
  };

  const authorizer: Authorizer = {
    known(grant) {
      if (scheme === undefined) return { header: undefined };
      if (fixed.has(grant.repository)) return { header: fixed.get(grant.repository) };
      if (scheme.kind === 'basic') return 'unknown';
      const token = usable(grant);
      return token === undefined ? 'unknown' : { header: `Bearer ${token.value}` };
    },
    async obtain(grant) {
      if (scheme === undefined) return { header: undefined };
      const by = scheme;
      const who = await credentialsFor(grant.repository);
      if (who !== undefined) identified.add(grant.repository);
      if (by.kind === 'basic' || who?.kind === 'bearer') {
        // none: other repositories may be open to everybody
        const header = fixedHeader(by, who);
        fixed.set(grant.repository, header);
        return { header };
      }
      const key = keyOf(grant);
      let fetching = usable(grant) ?? pending.get(key);
      if (fetching === undefined) {
        fetching = fetchFor(grant, by, who).finally(() => pending.delete(key));
        pending.set(key, fetching);
      }
      return { header: `Bearer ${(await fetching).value}` };
    },
    async challenged(grant, header, sent) {
      const challenges = parseChallenges(header);
      const [first, ...others] = challenges.filter(({ scheme: name }) => name === 'basic' || name === 'bearer');
      const bearer = others.find(({ scheme: name }) => name === 'bearer');
      // who has no password need not know one where a token does
      const challenge = bearer && loginOf(await credentialsFor(grant.repository)) === undefined ? bearer : first;
      if (challenge === undefined) throw noKnownScheme(host, challenges);
      learn(grant, challenge, sent);
      const obtained = await authorizer.obtain(grant);
      if (obtained.header === undefined) throw noLogin(host, await credentialsFor(grant.repository));
      return { header: obtained.header };
    },
    canAnswer: async (repository) => (await credentialsFor(repository)) !== undefined,
    identified: (repository) => identified.has(repository),
  };
  return authorizer;
}

/** Also a provider written in plain JavaScript that returns `null` knows of none. */
async function provided({ host, credentials }: AuthorizerEnv, repository: string): Promise<Credentials | undefined> {
  return (await credentials(host, repository)) ?? undefined;
}

function loginOf(who: Credentials | undefined): { username: string; password: string } | undefined {
  return who?.kind === 'basic' ? who : who?.login;
}

/** What needs no token server. */
function fixedHeader(by: Scheme, who: Credentials | undefined): string | undefined {
  const login = loginOf(who);
  if (by.kind === 'basic' && login !== undefined) return basic(login.username, login.password);
  return who?.kind === 'bearer' ? `Bearer ${who.token}` : undefined;
}

function noLogin(host: string, who: Credentials | undefined): AuthError {
  const why = who === undefined ? 'and none are known for it' : 'but only an identity token is known for it';
  return new AuthError(`${host} wants a user name and a password, ${why}`, {
    code: 'UNAUTHORIZED',
    hint: `Log in first (sheaf login ${host}) or give --creds.`,
  });
}

function noKnownScheme(host: string, challenges: readonly Challenge[]): AuthError | UnsupportedError {
  if (challenges.length === 0) {
    return new AuthError(`${host} answered 401 without saying how to log in`, {
      code: 'NO_CHALLENGE',
      hint: 'A registry says that in its WWW-Authenticate header; check the name, and what stands before the registry.',
    });
  }
  const names = printable(challenges.map((challenge) => challenge.scheme).join(', '), 100);
  return new UnsupportedError(`${host} wants a login of a kind that sheaf does not have: ${names}`, {
    code: 'UNSUPPORTED_LOGIN',
    hint: 'Registries use "Basic" or "Bearer"; check what stands before the registry.',
  });
}

/** The scopes of a challenge, which stand side by side in one parameter. */
function scopesOf(parameter: string | undefined): string[] {
  return (parameter ?? '')
    .split(' ')
    .filter((scope) => /^[\x21-\x7e]+:[\x21-\x7e]*:[\x21-\x7e]+$/.test(scope))
    .slice(0, maxScopes);
}

/** Whether somebody with `scopes` may do all that `wanted` names. */
function covers(scopes: readonly string[], wanted: string): boolean {
  const [resource, actions] = splitScope(wanted);
  const held = new Set(
    scopes.flatMap((scope) => {
      const [other, allowed] = splitScope(scope);
      return other === resource ? allowed : [];
    }),
  );
  return actions.every((action) => held.has(action));
}

function splitScope(scope: string): [resource: string, actions: string[]] {
  const at = scope.lastIndexOf(':');
  return [scope.slice(0, at), scope.slice(at + 1).split(',')];
}
