/**
 * The names under which a policy may speak of an image, by transport.
 *
 * Source: containers-policy.json(5), "Supported transports and their scopes".
 */
import { realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isDigest } from '../../oci/digest.ts';
import type { Reference } from '../../oci/reference.ts';
import { referenceScopes } from '../../registry-config/reference-scopes.ts';
import { problem } from './policy-fields.ts';

const pathTransports: ReadonlySet<string> = new Set(['dir', 'oci', 'oci-archive', 'sif']);
const plainTransports: ReadonlySet<string> = new Set(['docker-archive', 'tarball']);

/** Throws for a scope, not empty, that the transport cannot have. Scopes of transports that nobody knows are not looked at. */
export function checkScope(transport: string, scope: string): void {
  if (plainTransports.has(transport))
    throw problem(`transports.${transport} can have the scope "" alone, not "${scope}"`);
  if (pathTransports.has(transport)) checkPath(transport, scope);
  const check = nameChecks[transport];
  if (check !== undefined && !check(scope)) {
    throw problem(`transports.${transport}: the scope "${scope}" names no image and nothing that holds images`);
  }
}

function checkPath(transport: string, scope: string): void {
  if (!scope.startsWith('/')) throw problem(`transports.${transport}: the scope "${scope}" is no absolute path`);
  if (scope === '/') throw problem(`transports.${transport}: use the scope "" in place of "/"`);
  if (resolve(scope) !== scope)
    throw problem(`transports.${transport}: the scope "${scope}" is not in its shortest form`);
}

/** Whether containers/image takes the scope; it takes any for `docker`. */
const nameChecks: Readonly<Partial<Record<string, (scope: string) => boolean>>> = {
  atomic: (scope) => /^[^/]*(?:\/[^:/]*(?:\/[^:/]*(?::[^:/]*)?)?)?$/.test(scope),
  'docker-daemon': (scope) => !isDigest(scope),
  'containers-storage': isStorageScope,
};

/** `[DRIVER@/ROOT]` or `[/ROOT]`, and behind it nothing, or a name with `@DIGEST`, `@ID` or both. */
function isStorageScope(scope: string): boolean {
  const [, place = '', name = ''] = /^\[([^\]]+)\](.*)$/s.exec(scope) ?? [];
  if (!/^(?:\/[^@]*|[^@]+@\/.*)$/s.test(place)) return false;
  const [, first, second, ...more] = name.split('@');
  if (second !== undefined) return isDigest(first) && isId(second) && more.length === 0;
  return first === undefined || isDigest(first) || isId(first);
}

function isId(text: string): boolean {
  return /^[a-f0-9]{64}$/.test(text);
}

/** For an image of `docker:` by its name, for one in a file or folder by its path; other images have none. */
export async function scopesOfImage(
  transport: string,
  place: { readonly reference?: Reference; readonly path?: string },
): Promise<readonly string[]> {
  if ((transport === 'docker' || transport === 'docker-daemon') && place.reference !== undefined)
    return referenceScopes(place.reference);
  if (!pathTransports.has(transport) || place.path === undefined) return [];
  const scopes: string[] = [];
  const whole = await realpath(place.path).catch(() => resolve(place.path ?? ''));
  for (let path = whole; path !== dirname(path); path = dirname(path)) scopes.push(path);
  return scopes;
}
