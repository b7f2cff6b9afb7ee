/** The way to an image as the configuration of registries has it, which is read when the first one is asked for. */
import type { RegistriesConfig } from './registries-config.ts';
import { isInsecure, type PullSource, pullSources, refuseBlocked } from './resolve-registry.ts';
import { isShortName, resolveShortName, type ShortNameResolution, splitName } from './short-names.ts';

/** All methods throw what loading the configuration throws. References are in full form (`docker.io/library/busybox:1`). */
export interface RegistryRoutes {
  /**
   * Where to pull `reference` from, in the order to try; mirrors that were {@link avoid}ed are left out.
   *
   * @throws UsageError REGISTRY_BLOCKED
   */
  pull(reference: string): Promise<PullSource[]>;
  /**
   * What holds for a push to `reference`, which always goes where its name says.
   *
   * @throws UsageError REGISTRY_BLOCKED
   */
  push(reference: string): Promise<{ insecure: boolean }>;
  /**
   * Full names for one without a registry; undefined for other names, and where nothing is configured for them. Where there
   * are several and somebody can be asked, the one that was chosen.
   *
   * @throws UsageError SHORT_NAME_AMBIGUOUS where several are not allowed and nobody can be asked; what asking throws
   */
  shortName(name: string): Promise<ShortNameResolution | undefined>;
  /** A mirror that could not be reached is not tried again in this run. */
  avoid(mirror: PullSource): void;
}

/** What was chosen for short names before, and how somebody is asked. */
export interface ShortNameMemory {
  /** Full repository name by short name; an empty one takes an alias of the configuration away. */
  aliases(): Promise<ReadonlyMap<string, string>>;
  /** Left away where nothing is to be written down. */
  record?: (name: string, full: string) => Promise<void>;
  /** Gives one of `candidates`; left away where nobody can be asked. */
  choose?: (name: string, candidates: readonly string[]) => Promise<string>;
}

export function createRegistryRoutes(load: () => Promise<RegistriesConfig>, memory?: ShortNameMemory): RegistryRoutes {
  const avoided = new Set<string>();
  return {
    async pull(reference) {
      const sources = pullSources(await load(), reference);
      return sources.filter((source) => source.primary || !avoided.has(hostOf(source)));
    },
    async push(reference) {
      const config = await load();
      refuseBlocked(config, reference);
      return { insecure: isInsecure(config, reference) };
    },
    async shortName(name) {
      if (!isShortName(name)) return undefined;
      const config = await load();
      const known = new Map([...config.aliases, ...((await memory?.aliases()) ?? [])]);
      const aliases = new Map([...known].filter(([, full]) => full !== ''));
      const choose = config.shortNameMode === 'disabled' ? undefined : memory?.choose;
      const resolution = resolveShortName({ ...config, aliases }, name, { interactive: choose !== undefined });
      if (memory === undefined || choose === undefined || resolution === undefined) return resolution;
      if (resolution.candidates.length < 2) return resolution;
      const chosen = await choose(name, resolution.candidates);
      const { record } = memory;
      return {
        candidates: [chosen],
        reason: 'chosen',
        ...(record && { record: () => record(splitName(name).repository, splitName(chosen).repository) }),
      };
    },
    avoid(mirror) {
      avoided.add(hostOf(mirror));
    },
  };
}

function hostOf({ reference }: PullSource): string {
  return reference.split('/', 1)[0] ?? '';
}
