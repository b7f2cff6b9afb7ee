/** The way to an image as the configuration of registries has it, which is read when the first one is asked for. */
import type { RegistriesConfig } from './registries-config.ts';
import { isInsecure, type PullSource, pullSources, refuseBlocked } from './resolve-registry.ts';
import { isShortName, resolveShortName, type ShortNameResolution } from './short-names.ts';

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
   * Full names for one without a registry; undefined for other names, and where nothing is configured for them.
   *
   * @throws UsageError SHORT_NAME_AMBIGUOUS: nobody is ever asked
   */
  shortName(name: string): Promise<ShortNameResolution | undefined>;
  /** A mirror that could not be reached is not tried again in this run. */
  avoid(mirror: PullSource): void;
}

export function createRegistryRoutes(load: () => Promise<RegistriesConfig>): RegistryRoutes {
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
      return isShortName(name) ? resolveShortName(await load(), name) : undefined;
    },
    avoid(mirror) {
      avoided.add(hostOf(mirror));
    },
  };
}

function hostOf({ reference }: PullSource): string {
  return reference.split('/', 1)[0] ?? '';
}
