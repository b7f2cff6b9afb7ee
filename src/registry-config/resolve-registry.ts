/**
 * What the configuration of registries makes of a reference. Pure.
 *
 * Source: containers-registries.conf(5), "NAMESPACED [[registry]] SETTINGS" and "REMAPPING AND MIRRORING REGISTRIES".
 */
import { UsageError } from '../foundation/errors.ts';
import type { RegistriesConfig, RegistryEntry } from './registries-config.ts';

/** One place from which to pull a reference. */
export interface PullSource {
  /** The full reference there, with the tag or digest of the one that was asked for. */
  reference: string;
  insecure: boolean;
  /** The registry that the user named and not a mirror of it. */
  primary: boolean;
}

/**
 * The `[[registry]]` with the longest prefix that matches; `reference` is in full form (`docker.io/library/busybox:latest`). A
 * wildcard counts with its length, as with the peers.
 */
export function findRegistry(config: RegistriesConfig, reference: string): RegistryEntry | undefined {
  let best: RegistryEntry | undefined;
  for (const entry of config.registries) {
    if (matchLength(reference, entry.prefix) === undefined) continue;
    if (best === undefined || entry.prefix.length > best.prefix.length) best = entry;
  }
  return best;
}

/** Whether plain HTTP and unverified certificates are allowed for a reference, or for a registry as a whole. */
export function isInsecure(config: RegistriesConfig, reference: string): boolean {
  return findRegistry(config, reference)?.insecure ?? false;
}

/** @throws UsageError REGISTRY_BLOCKED, naming the file that says so; for pulls and pushes alike */
export function refuseBlocked(config: RegistriesConfig, reference: string): void {
  const entry = findRegistry(config, reference);
  if (entry?.blocked !== true) return;
  throw new UsageError(`registry ${entry.prefix} is blocked in ${entry.origin}: ${reference} is not used`, {
    code: 'REGISTRY_BLOCKED',
    hint: 'Use another registry, or change "blocked" in that file.',
  });
}

/**
 * Where to pull a reference from: the mirrors that serve its kind in their order, then the registry itself, each with the prefix
 * replaced by its location.
 *
 * @throws UsageError REGISTRY_BLOCKED
 */
export function pullSources(config: RegistriesConfig, reference: string): PullSource[] {
  refuseBlocked(config, reference);
  const entry = findRegistry(config, reference);
  if (entry === undefined) return [{ reference, insecure: false, primary: true }];
  const byDigest = reference.includes('@');
  const mirrors = entry.mirrors
    .filter(({ use }) => use === 'all' || (use === 'digest-only') === byDigest)
    .map(({ location, insecure }) => ({
      reference: rewrite(reference, entry.prefix, location),
      insecure,
      primary: false,
    }));
  const primary = {
    reference: rewrite(reference, entry.prefix, entry.location),
    insecure: entry.insecure,
    primary: true,
  };
  return [...mirrors, primary];
}

/** `reference` with the part that matched `prefix` replaced by `location`. */
function rewrite(reference: string, prefix: string, location: string): string {
  const length = matchLength(reference, prefix);
  return length === undefined || location === '' ? reference : location + reference.slice(length);
}

/** How many characters of `reference` `prefix` stands for, or undefined if it does not match whole parts of it. */
function matchLength(reference: string, prefix: string): number | undefined {
  let end = prefix.length;
  if (prefix.startsWith('*.')) {
    const suffix = prefix.slice(1);
    const host = reference.split(/[/@]/, 1)[0] ?? '';
    const at = host.indexOf(suffix);
    if (at <= 0) return undefined;
    end = at + suffix.length;
  } else if (!reference.startsWith(prefix)) return undefined;
  const next = reference[end];
  return next === undefined || '/:@'.includes(next) ? end : undefined;
}
