/**
 * The names under which a configuration may speak of an image, the most specific first.
 *
 * Source: containers-registries.d(5), containers-policy.json(5) ("Supported transports and their scopes": `docker:`).
 */
import { formatReference, type Reference } from '../oci/reference.ts';

/**
 * For `host:port/a/b:tag`: itself, `host:port/a/b`, `host:port/a`, `host:port`, then `*.` with every parent domain of the host
 * without its port. A reference with tag and digest is asked for by its digest first.
 */
export function referenceScopes(reference: Reference): string[] {
  const { registry, repository, tag, digest } = reference;
  const name = formatReference({ registry, repository });
  const scopes: string[] = [];
  if (digest !== undefined) scopes.push(`${name}@${digest}`);
  if (tag !== undefined) scopes.push(`${name}:${tag}`);
  for (let scope = name; ; scope = scope.slice(0, scope.lastIndexOf('/'))) {
    scopes.push(scope);
    if (!scope.includes('/')) break;
  }
  const labels = registry.replace(/:\d*$/, '').split('.');
  for (let at = 1; at < labels.length; at += 1) scopes.push(`*.${labels.slice(at).join('.')}`);
  return scopes;
}
