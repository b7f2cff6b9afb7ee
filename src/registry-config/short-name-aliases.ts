/**
 * What a person has once chosen for a short name: the file that podman and buildah keep, read and written.
 *
 * Source: containers-registries.conf(5), "SHORT-NAME ALIASING".
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeAtomically } from '../foundation/atomic-file.ts';
import { systemCode } from '../foundation/errors.ts';
import { readError } from '../foundation/file-errors.ts';
import { withFileLock } from '../foundation/file-lock.ts';
import type { Session } from '../foundation/session.ts';
import { readWholeFile } from '../foundation/whole-file.ts';

export interface AliasPlaces {
  env: NodeJS.ProcessEnv;
  homeDir: string;
  /** Who asks; root has a file of the system. Default: this process. */
  userId?: number | undefined;
  /** In place of `/var/cache`, for tests. */
  systemCacheDir?: string;
}

/** `short-name-aliases.conf` of this user. */
export function shortNameAliasesPath({ env, homeDir, userId = process.getuid?.(), ...rest }: AliasPlaces): string {
  const cache = userId === 0 ? (rest.systemCacheDir ?? '/var/cache') : env['XDG_CACHE_HOME'] || join(homeDir, '.cache');
  return join(cache, 'containers', 'short-name-aliases.conf');
}

/**
 * Full repository name by short name; an empty one takes an alias of registries.conf away. Without the file there are none.
 *
 * @throws UsageError REGISTRIES_CONF_INVALID, StorageError ALIASES_UNREADABLE
 */
export async function readShortNameAliases(path: string): Promise<ReadonlyMap<string, string>> {
  let text: string;
  try {
    text = (await readWholeFile(path)).toString();
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT' || systemCode(thrown) === 'ENOTDIR') return new Map();
    throw readError(thrown, `the aliases of short names in ${path}`, 'ALIASES_UNREADABLE');
  }
  const { parseRegistriesConf } = await import('./registries-conf.ts');
  return parseRegistriesConf(text, path).aliases;
}

/**
 * Writes down that `name` means `full`, both without tag and digest; what else is in the file stays.
 *
 * @throws StorageError, and what {@link readShortNameAliases} throws
 */
export async function recordShortNameAlias(
  path: string,
  name: string,
  full: string,
  session: Pick<Session, 'clock' | 'signal'>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await withFileLock(`${path}.sheaf-lock`, session, async () => {
    const aliases = new Map([...(await readShortNameAliases(path)), [name, full]]);
    // a JSON text is a TOML text; this is the form that podman writes
    const lines = [...aliases]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map((pair) => `  ${pair.map(quoted).join(' = ')}\n`);
    await writeAtomically(path, Buffer.from(`[aliases]\n${lines.join('')}`));
  });
}

const quoted = (text: string): string => JSON.stringify(text);
