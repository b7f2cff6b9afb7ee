/**
 * Credentials from environment variables, for CI.
 *
 * - `SHEAF_USERNAME_<HOST>` and `SHEAF_PASSWORD_<HOST>`: for one registry. `<HOST>` is the registry in upper case with `.` written
 *   as `_`, `-` as `__` and the `:` before a port as `___`: `SHEAF_USERNAME_GHCR_IO`, `SHEAF_PASSWORD_REG__1_EXAMPLE_COM___5000`,
 *   `SHEAF_USERNAME_DOCKER_IO` for Docker Hub. No two registries share a name, so that `a-b.io` never gets what is for `a.b.io`.
 * - `SHEAF_USERNAME` and `SHEAF_PASSWORD`, for the registries that `SHEAF_REGISTRY` names (separated by commas or spaces; with
 *   namespaces: `ghcr.io/team`). Without `SHEAF_REGISTRY` they are for any registry that asks and for which nothing
 *   else is known, so that a login that is meant for one registry never takes the place of another's.
 * - `DOCKER_AUTH_CONFIG`: the text of a docker config.json with `auths`, as docker and GitLab CI have it.
 *
 * A user name of `<token>` says that the password is an identity token, as in the credential helper protocol.
 */
import { hubName, isHub, keysLongestFirst, parseLoginKey } from './registry-key.ts';
import type { StoredLogin } from './types.ts';

/** What a variable pair gave: a login, nothing at all, or half of one. */
export type EnvironmentFinding =
  | { kind: 'login'; source: string; login: StoredLogin }
  | { kind: 'absent'; source: string; why: string }
  | { kind: 'incomplete'; source: string; why: string };

/** The `<HOST>` part of the variables of one registry, or undefined where it cannot be written so (IPv6 addresses). */
export function variableSuffix(host: string): string | undefined {
  const name = isHub(host) ? hubName : host;
  if (!/^[A-Za-z0-9.-]+(:[0-9]+)?$/.test(name)) return undefined;
  return name.replaceAll('-', '__').replaceAll(':', '___').replaceAll('.', '_').toUpperCase();
}

/** The variables of one registry. */
export function loginOfRegistry(env: NodeJS.ProcessEnv, host: string): EnvironmentFinding {
  const suffix = variableSuffix(host);
  if (suffix === undefined) {
    return { kind: 'absent', source: 'SHEAF_USERNAME_<HOST>', why: 'an IPv6 address has no variable' };
  }
  return pair(env, `SHEAF_USERNAME_${suffix}`, `SHEAF_PASSWORD_${suffix}`);
}

/** `SHEAF_USERNAME` and `SHEAF_PASSWORD` if `SHEAF_REGISTRY` names this registry or a namespace that holds the repository. */
export function loginOfNamedRegistry(env: NodeJS.ProcessEnv, host: string, repository: string): EnvironmentFinding {
  const source = 'SHEAF_USERNAME and SHEAF_PASSWORD for SHEAF_REGISTRY';
  const names = namedRegistries(env);
  if (names.length === 0) return { kind: 'absent', source, why: 'SHEAF_REGISTRY is not set' };
  const keys = new Set(keysLongestFirst(host, repository));
  if (!names.some((name) => keys.has(name))) {
    return { kind: 'absent', source, why: 'SHEAF_REGISTRY does not name this registry' };
  }
  return pair(env, 'SHEAF_USERNAME', 'SHEAF_PASSWORD');
}

/** `SHEAF_USERNAME` and `SHEAF_PASSWORD` where `SHEAF_REGISTRY` does not bind them to registries. */
export function loginOfAnyRegistry(env: NodeJS.ProcessEnv): EnvironmentFinding {
  if (namedRegistries(env).length > 0) {
    return { kind: 'absent', source: 'SHEAF_USERNAME and SHEAF_PASSWORD', why: 'SHEAF_REGISTRY binds them' };
  }
  return pair(env, 'SHEAF_USERNAME', 'SHEAF_PASSWORD');
}

/** @throws UsageError INVALID_REGISTRY if `SHEAF_REGISTRY` holds something else than registries */
function namedRegistries(env: NodeJS.ProcessEnv): string[] {
  return (env['SHEAF_REGISTRY'] ?? '')
    .split(/[\s,]+/)
    .filter((name) => name !== '')
    .map((name) => parseLoginKey(name));
}

function pair(env: NodeJS.ProcessEnv, userVariable: string, passwordVariable: string): EnvironmentFinding {
  const source = `${userVariable} and ${passwordVariable}`;
  const username = env[userVariable] ?? '';
  const secret = env[passwordVariable] ?? '';
  if (username === '' && secret === '') return { kind: 'absent', source, why: 'they are not set' };
  if (username === '')
    return { kind: 'incomplete', source, why: `${passwordVariable} is set and ${userVariable} is not` };
  if (secret === '')
    return { kind: 'incomplete', source, why: `${userVariable} is set and ${passwordVariable} is not` };
  return { kind: 'login', source, login: { username, secret } };
}
