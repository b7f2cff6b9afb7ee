/**
 * Names without a registry: aliases first, then the search registries. Pure.
 *
 * Source: containers-registries.conf(5), "SHORT-NAME ALIASING"; containers/image looks for aliases in every mode.
 */
import { UsageError } from '../foundation/errors.ts';
import { isRegistryName, type RegistriesConfig } from './registries-config.ts';

export interface ShortNameResolution {
  /** Full names with the tag or digest of the short one, in the order to try. */
  candidates: string[];
  /** Why these: for a message. */
  reason: string;
  /** Writes down what a person chose, once it has proved right; only where one was asked. */
  record?: () => Promise<void>;
}

/** Whether `name` (with or without tag and digest) has no registry in front. */
export function isShortName(name: string): boolean {
  const at = name.indexOf('/');
  return at < 0 || !isRegistryName(name.slice(0, at));
}

/**
 * Full names for a short one, or undefined if the configuration says nothing about short names (the caller then takes
 * Docker Hub). `interactive`: somebody can be asked; then, and in permissive or disabled mode, all candidates are given.
 *
 * @throws UsageError SHORT_NAME_AMBIGUOUS in enforcing mode with several candidates and nobody to ask
 */
export function resolveShortName(
  config: RegistriesConfig,
  name: string,
  options: { interactive?: boolean } = {},
): ShortNameResolution | undefined {
  const { repository, rest } = splitName(name);
  const alias = config.aliases.get(repository);
  if (alias !== undefined) return { candidates: [alias + rest], reason: `alias "${repository}"` };
  const candidates = config.searchRegistries.map(
    (registry) => `${registry}/${inRegistry(registry, repository)}${rest}`,
  );
  if (candidates.length === 0) return undefined;
  if (candidates.length > 1 && config.shortNameMode === 'enforcing' && options.interactive !== true) {
    throw new UsageError(`"${name}" could be any of ${candidates.join(', ')}, and there is nobody to ask`, {
      code: 'SHORT_NAME_AMBIGUOUS',
      hint: 'Give the full name, with its registry.',
    });
  }
  return { candidates, reason: 'unqualified-search-registries' };
}

/** Docker Hub keeps its official images below `library/`. */
function inRegistry(registry: string, repository: string): string {
  return registry === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository;
}

/** A name without tag and digest, and these. */
export function splitName(name: string): { repository: string; rest: string } {
  const digestAt = name.indexOf('@');
  const named = digestAt < 0 ? name : name.slice(0, digestAt);
  const tagAt = named.indexOf(':', named.lastIndexOf('/') + 1);
  const end = tagAt >= 0 ? tagAt : named.length;
  return { repository: name.slice(0, end), rest: name.slice(end) };
}
