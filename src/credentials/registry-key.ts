/**
 * The keys under which auth files, credential helpers and the keychain hold credentials.
 *
 * Source: containers-auth.json(5) ("auths" keys with namespaces) and the keys that `docker login` writes
 * (`https://index.docker.io/v1/` for Docker Hub, API URLs in old files).
 */
import { UsageError } from '../foundation/errors.ts';
import { hasUserInfo, redactName } from '../foundation/redaction.ts';

/** The name of Docker Hub in references. */
export const hubName = 'docker.io';

/** The key under which `docker login` keeps Docker Hub, in files and in credential helpers. */
export const hubServerUrl = 'https://index.docker.io/v1/';

const hubHosts: ReadonlySet<string> = new Set([hubName, 'index.docker.io', 'registry-1.docker.io']);

/** Whether `host` is one of the names of Docker Hub. */
export function isHub(host: string): boolean {
  return hubHosts.has(host);
}

/** One name for all names of the same registry: the three of Docker Hub become `docker.io`. */
export function normalizeHost(host: string): string {
  return isHub(host) ? hubName : host;
}

/** The registry that a key of an auth file names, whatever its age: scheme and (after a scheme, or in `legacy` files) path are dropped. */
export function hostOfKey(key: string, legacy = false): string {
  const bare = key.replace(/^https?:\/\//, '');
  const host = legacy || bare !== key ? (bare.split('/', 1)[0] ?? '') : bare;
  return normalizeHost(host);
}

/** `docker.io/library/busybox`, `docker.io/library`, `docker.io`: exact keys for a repository, the most specific first. */
export function keysLongestFirst(host: string, repository: string): string[] {
  const parts = [normalizeHost(host), ...repository.split('/').filter((part) => part !== '')];
  return parts.map((_, at) => parts.slice(0, parts.length - at).join('/'));
}

/** The server addresses to ask a credential helper for, in order: helpers know Docker Hub by several. */
export function helperServers(host: string): string[] {
  return isHub(host) ? [hubServerUrl, hubName, 'index.docker.io'] : [host];
}

/**
 * The one key under which the keychain holds what a program calls `server`: docker's URL of Docker Hub, podman's `docker.io` and
 * `https://host` become what {@link parseLoginKey} makes of them; whatever is no registry stays as it is.
 */
export function keychainKey(server: string): string {
  try {
    return parseLoginKey(server);
  } catch {
    return server;
  }
}

/** The registry part of a login key such as `quay.io/team`. */
export function registryOfKey(key: string): string {
  return key.split('/', 1)[0] ?? key;
}

/**
 * Checks what a person gives to `login` and `logout` and returns it as a key: `quay.io`, `127.0.0.1:5000`, `quay.io/team/app`.
 * `https://` (and an old `/v1/` or `/v2/` path behind it) is taken off, Docker Hub in any form becomes `docker.io`.
 *
 * @throws UsageError INVALID_REGISTRY for anything else with a scheme, for user info, tags, digests and empty parts.
 */
export function parseLoginKey(text: string): string {
  const usual = 'Give host[:port], or host[:port]/namespace for credentials of one namespace.';
  const invalid = (why: string, hint = usual): UsageError =>
    new UsageError(`"${redactName(text)}" does not name a registry: ${why}`, { code: 'INVALID_REGISTRY', hint });
  let bare = text.trim();
  if (/^https?:\/\//.test(bare)) bare = bare.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');
  if (bare === '') throw invalid('it is empty');
  if (hasUserInfo(bare)) {
    throw invalid(
      'credentials do not belong in a name',
      'Leave away what stands before the "@"; `sheaf login` takes --username and --password-stdin.',
    );
  }
  if (bare.includes('://')) throw invalid('a scheme is not part of a registry name');
  if (bare.includes('@')) throw invalid('it must hold neither user info nor a digest');
  const [host = '', ...namespaces] = bare.split('/');
  if (!/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?$/.test(host)) throw invalid('the host is not host[:port]');
  for (const part of namespaces) {
    if (part === '') throw invalid('a part of the path is empty');
    if (part.includes(':')) throw invalid('credentials belong to a repository or namespace, not to a tag');
    if (!/^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/.test(part))
      throw invalid(`"${part}" is not part of a repository name`);
  }
  return [normalizeHost(host), ...namespaces].join('/');
}
