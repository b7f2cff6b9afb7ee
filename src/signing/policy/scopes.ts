/**
 * The names under which a policy may speak of an image, by transport.
 *
 * Source: containers-policy.json(5), "Supported transports and their scopes".
 */
import { realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Reference } from '../../oci/reference.ts';
import { referenceScopes } from '../../registry-config/reference-scopes.ts';
import { problem } from './policy-fields.ts';

const pathTransports: ReadonlySet<string> = new Set(['dir', 'oci', 'oci-archive', 'sif']);
const plainTransports: ReadonlySet<string> = new Set(['docker-archive', 'tarball']);

/** Throws for a scope, not empty, that the transport cannot have. Scopes of transports that nobody knows are not looked at. */
export function checkScope(transport: string, scope: string): void {
  if (plainTransports.has(transport))
    throw problem(`transports.${transport} can have the scope "" alone, not "${scope}"`);
  if (!pathTransports.has(transport)) return;
  if (!scope.startsWith('/')) throw problem(`transports.${transport}: the scope "${scope}" is no absolute path`);
  if (scope === '/') throw problem(`transports.${transport}: use the scope "" in place of "/"`);
  if (resolve(scope) !== scope)
    throw problem(`transports.${transport}: the scope "${scope}" is not in its shortest form`);
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
