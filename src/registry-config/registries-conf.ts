/**
 * registries.conf, version 2: the content of the files, merged and validated. Pure; the files are found and read by
 * load-registries-conf.ts.
 *
 * Source: containers-registries.conf(5), containers-registries.conf.d(5).
 */
import { parse } from 'smol-toml';
import { asError, UsageError } from '../foundation/errors.ts';
import {
  emptyRegistriesConfig,
  isRegistryName,
  type Mirror,
  type MirrorUse,
  type RegistriesConfig,
  type RegistryEntry,
  type ShortNameMode,
} from './registries-config.ts';

/** What one file says; undefined where it says nothing. */
export interface RegistriesFile {
  searchRegistries: readonly string[] | undefined;
  credentialHelpers: readonly string[] | undefined;
  shortNameMode: ShortNameMode | undefined;
  /** An empty name takes an alias of an earlier file away. */
  aliases: ReadonlyMap<string, string>;
  registries: readonly RegistryEntry[];
  unknownKeys: readonly string[];
}

type Table = Readonly<Record<string, unknown>>;

const topKeys = [
  'unqualified-search-registries',
  'credential-helpers',
  'short-name-mode',
  'aliases',
  'registry',
  // for the storage of podman alone
  'additional-layer-store-auth-helper',
];
const registryKeys = ['prefix', 'location', 'insecure', 'blocked', 'mirror-by-digest-only', 'mirror'];
const mirrorKeys = ['location', 'insecure', 'pull-from-mirror'];
const mirrorUses: readonly MirrorUse[] = ['all', 'digest-only', 'tag-only'];
const shortNameModes: readonly ShortNameMode[] = ['enforcing', 'permissive', 'disabled'];

/**
 * Parses and validates one file.
 *
 * @throws UsageError REGISTRIES_CONF_INVALID naming the file, the table and what is wrong with it
 */
export function parseRegistriesConf(text: string, origin: string): RegistriesFile {
  const read = new Reader(origin);
  const top = read.document(text);
  if (top['registries'] !== undefined) {
    throw read.invalid('[registries.*] is version 1 of the format', 'Write [[registry]] tables in its place.');
  }
  read.known(top, topKeys, '');
  const mode = read.text(top, 'short-name-mode', '');
  const registries = read.tables(top, 'registry', '').map((table, at) => parseRegistry(read, table, `registry[${at}]`));
  const file: RegistriesFile = {
    searchRegistries: read
      .texts(top, 'unqualified-search-registries')
      ?.map((name) => read.location(name, 'unqualified-search-registries')),
    credentialHelpers: read.texts(top, 'credential-helpers'),
    shortNameMode: mode === '' ? undefined : read.oneOf(mode, shortNameModes, 'short-name-mode'),
    aliases: parseAliases(read, top),
    registries,
    unknownKeys: read.unknown,
  };
  refuseConflicts(file.registries);
  return file;
}

/**
 * The files of a machine in the order in which they are read, as one: a registry replaces an earlier one of the same prefix, lists
 * replace lists (an empty one too), aliases replace aliases.
 *
 * @throws UsageError REGISTRIES_CONF_INVALID if two files contradict each other
 */
export function mergeRegistriesConf(files: readonly RegistriesFile[]): RegistriesConfig {
  const registries = new Map<string, RegistryEntry>();
  const aliases = new Map<string, string>();
  let merged = emptyRegistriesConfig;
  for (const file of files) {
    for (const entry of file.registries) registries.set(entry.prefix, entry);
    for (const [name, value] of file.aliases) aliases.set(name, value);
    merged = {
      ...merged,
      searchRegistries: file.searchRegistries ?? merged.searchRegistries,
      credentialHelpers: file.credentialHelpers ?? merged.credentialHelpers,
      shortNameMode: file.shortNameMode ?? merged.shortNameMode,
      unknownKeys: [...merged.unknownKeys, ...file.unknownKeys],
    };
  }
  const entries = [...registries.values()];
  refuseConflicts(entries);
  return { ...merged, registries: entries, aliases: new Map([...aliases].filter(([, value]) => value !== '')) };
}

function parseRegistry(read: Reader, table: Table, where: string): RegistryEntry {
  read.known(table, registryKeys, where);
  const location = read.location(read.text(table, 'location', where), `${where}.location`);
  const prefix = read.location(read.text(table, 'prefix', where), `${where}.prefix`) || location;
  if (prefix === '') throw read.invalid(`${where} has neither prefix nor location`);
  if (location === '' && !prefix.startsWith('*.')) {
    throw read.invalid(`${where} (${prefix}) has no location, which only a prefix such as *.example.com may leave out`);
  }
  if (location.includes('*')) throw read.invalid(`${where}.location must not hold a wildcard`);
  if (prefix.slice(prefix.startsWith('*.') ? 2 : 0).includes('*')) {
    throw read.invalid(`${where}.prefix "${prefix}" has a wildcard elsewhere than as its first label`);
  }
  const byDigestOnly = read.flag(table, 'mirror-by-digest-only', where);
  const mirrors = read.tables(table, 'mirror', where).map((mirror, at) => {
    return parseMirror(read, mirror, `${where}.mirror[${at}]`, byDigestOnly);
  });
  return {
    prefix,
    location,
    insecure: read.flag(table, 'insecure', where),
    blocked: read.flag(table, 'blocked', where),
    mirrors,
    origin: read.origin,
  };
}

function parseMirror(read: Reader, table: Table, where: string, byDigestOnly: boolean): Mirror {
  read.known(table, mirrorKeys, where);
  const location = read.location(read.text(table, 'location', where), `${where}.location`);
  if (location === '') throw read.invalid(`${where} has no location`);
  const use = read.text(table, 'pull-from-mirror', where);
  if (byDigestOnly && use !== '') {
    throw read.invalid(
      `${where} sets pull-from-mirror beside the registry's mirror-by-digest-only`,
      'Use one of the two.',
    );
  }
  const chosen = use === '' ? 'all' : read.oneOf(use, mirrorUses, `${where}.pull-from-mirror`);
  return { location, insecure: read.flag(table, 'insecure', where), use: byDigestOnly ? 'digest-only' : chosen };
}

function parseAliases(read: Reader, top: Table): Map<string, string> {
  const table = read.table(top, 'aliases');
  const aliases = new Map<string, string>();
  for (const [name, value] of Object.entries(table)) {
    if (typeof value !== 'string') throw read.invalid(`aliases."${name}" is not a text`);
    // a part of the name before the first slash that could be a host makes it a full name
    const [first = ''] = name.split('/');
    if (!/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/.test(name) || (name.includes('/') && isRegistryName(first))) {
      throw read.invalid(`aliases."${name}" is not a name without registry, tag and digest`);
    }
    const [registry = ''] = value.split('/');
    const named = value.includes('/') && isRegistryName(registry);
    if (value !== '' && (!named || value.includes('@') || (value.split('/').at(-1) ?? '').includes(':'))) {
      throw read.invalid(`aliases."${name}" = "${value}" is not a name with registry and without tag and digest`);
    }
    aliases.set(name, value);
  }
  return aliases;
}

/** One place cannot be secure and insecure, or blocked and open, whatever the prefix by which it is reached. */
function refuseConflicts(entries: readonly RegistryEntry[]): void {
  const byLocation = new Map<string, RegistryEntry>();
  for (const entry of entries) {
    const location = entry.location || entry.prefix;
    const other = byLocation.get(location);
    byLocation.set(location, entry);
    if (other === undefined) continue;
    for (const setting of ['insecure', 'blocked'] as const) {
      if (other[setting] === entry[setting]) continue;
      const files = [...new Set([other.origin, entry.origin])].join(' and ');
      throw new UsageError(`registry "${location}" is defined more than once with different "${setting}" in ${files}`, {
        code: 'REGISTRIES_CONF_INVALID',
        hint: `Give all [[registry]] tables of that location the same "${setting}".`,
      });
    }
  }
}

/** Reads values of a TOML document and says where a wrong one stands. */
class Reader {
  readonly origin: string;
  readonly unknown: string[] = [];

  constructor(origin: string) {
    this.origin = origin;
  }

  document(text: string): Table {
    try {
      return parse(text);
    } catch (thrown) {
      throw this.invalid(`it is not TOML: ${asError(thrown).message.split('\n', 1)[0] ?? ''}`);
    }
  }

  invalid(why: string, hint = 'See containers-registries.conf(5).'): UsageError {
    return new UsageError(`${this.origin} cannot be used: ${why}`, { code: 'REGISTRIES_CONF_INVALID', hint });
  }

  known(table: Table, names: readonly string[], where: string): void {
    for (const name of Object.keys(table)) {
      if (!names.includes(name)) this.unknown.push(`${this.origin}: ${where === '' ? '' : `${where}.`}${name}`);
    }
  }

  text(table: Table, name: string, where: string): string {
    const value = table[name];
    if (value === undefined) return '';
    if (typeof value !== 'string') throw this.invalid(`${where === '' ? '' : `${where}.`}${name} is not a text`);
    return value;
  }

  flag(table: Table, name: string, where: string): boolean {
    const value = table[name];
    if (value === undefined) return false;
    if (typeof value !== 'boolean') throw this.invalid(`${where}.${name} is neither true nor false`);
    return value;
  }

  texts(table: Table, name: string): string[] | undefined {
    const value = table[name];
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.invalid(`${name} is not a list of texts`);
    return value.map((item: unknown) => {
      if (typeof item !== 'string') throw this.invalid(`${name} is not a list of texts`);
      return item;
    });
  }

  table(table: Table, name: string): Table {
    const value = table[name];
    if (value === undefined) return {};
    if (!isTable(value)) throw this.invalid(`${name} is not a table`);
    return value;
  }

  tables(table: Table, name: string, where: string): Table[] {
    const value = table[name];
    if (value === undefined) return [];
    const wrong = (): UsageError =>
      this.invalid(`${where === '' ? '' : `${where}.`}${name} is not a list of [[${name}]] tables`);
    if (!Array.isArray(value)) throw wrong();
    return value.map((item: unknown) => {
      if (!isTable(item)) throw wrong();
      return item;
    });
  }

  oneOf<T extends string>(value: string, choices: readonly T[], where: string): T {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.invalid(`${where} "${value}" is none of ${choices.join(', ')}`);
    return found;
  }

  /** A location or prefix without a trailing slash. */
  location(text: string, where: string): string {
    if (text.includes('://')) throw this.invalid(`${where} "${text}" has a scheme`, 'Leave "https://" away.');
    return text.replace(/\/+$/, '');
  }
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
