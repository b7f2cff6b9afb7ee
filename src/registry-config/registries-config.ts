/** The configuration of registries as a value: what all registries.conf files of a machine say together. */

export type ShortNameMode = 'enforcing' | 'permissive' | 'disabled';

/** Which references a mirror serves. */
export type MirrorUse = 'all' | 'digest-only' | 'tag-only';

export interface Mirror {
  readonly location: string;
  readonly insecure: boolean;
  readonly use: MirrorUse;
}

/** One `[[registry]]`. */
export interface RegistryEntry {
  /** What references must begin with: `host[:port][/path]` or `*.domain`. */
  readonly prefix: string;
  /** What takes the place of the prefix; empty for a wildcard prefix that rewrites nothing. */
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly Mirror[];
  /** The file that says so. */
  readonly origin: string;
}

export interface RegistriesConfig {
  /** Where names without a registry are looked for, in order. */
  readonly searchRegistries: readonly string[];
  /** `credential-helpers`; undefined where no file names any. */
  readonly credentialHelpers: readonly string[] | undefined;
  readonly shortNameMode: ShortNameMode;
  /** Full repository name by short name. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly registries: readonly RegistryEntry[];
  /** Keys that sheaf does not know, as `file: key`; they may be misspelt. */
  readonly unknownKeys: readonly string[];
}

export const emptyRegistriesConfig: RegistriesConfig = {
  searchRegistries: [],
  credentialHelpers: undefined,
  shortNameMode: 'permissive',
  aliases: new Map(),
  registries: [],
  unknownKeys: [],
};

/** Whether the first part of a name is a registry and not part of a repository (the rule of Docker's reference grammar). */
export function isRegistryName(first: string): boolean {
  return first === 'localhost' || /[.:]/.test(first);
}
