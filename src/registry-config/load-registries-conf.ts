/** Which registries.conf files a machine has, in the order in which they are read. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NotFoundError, type SheafError, systemCode } from '../foundation/errors.ts';
import { readError } from '../foundation/file-errors.ts';
import type { Session } from '../foundation/session.ts';
import { readWholeFile } from '../foundation/whole-file.ts';
import { emptyRegistriesConfig, type RegistriesConfig } from './registries-config.ts';

export interface ConfigPlaces {
  env: NodeJS.ProcessEnv;
  homeDir: string;
  /** In place of `/etc`, for tests. */
  systemDir?: string;
}

/**
 * Reads the configuration of registries: the file that `CONTAINERS_REGISTRIES_CONF` (or `REGISTRIES_CONFIG_PATH`) names, else the
 * user's own (which hides the system's file and its drop-ins), else the system's; then drop-ins, the system's before the
 * user's, each in alphabetical order. A key that sheaf does not know gives a `warning` event. Without any file nothing but this
 * module is loaded.
 *
 * Source: containers-registries.conf(5), containers-registries.conf.d(5).
 *
 * @throws NotFoundError REGISTRIES_CONF_NOT_FOUND for a file that a variable names; UsageError REGISTRIES_CONF_INVALID;
 * StorageError REGISTRIES_CONF_UNREADABLE
 */
export async function loadRegistriesConf(
  places: ConfigPlaces,
  session: Pick<Session, 'emit'>,
): Promise<RegistriesConfig> {
  const texts = await readAll(places);
  if (texts.length === 0) return emptyRegistriesConfig;
  const { mergeRegistriesConf, parseRegistriesConf } = await import('./registries-conf.ts');
  const config = mergeRegistriesConf(texts.map(({ path, text }) => parseRegistriesConf(text, path)));
  for (const key of config.unknownKeys) {
    session.emit({ type: 'warning', code: 'REGISTRIES_CONF_UNKNOWN_KEY', message: `unknown key in ${key}` });
  }
  return config;
}

interface FileText {
  path: string;
  text: string;
}

async function readAll(places: ConfigPlaces): Promise<FileText[]> {
  const { env, systemDir = '/etc' } = places;
  const system = join(systemDir, 'containers');
  const user = userConfigDir(places);
  const named = env['CONTAINERS_REGISTRIES_CONF'] || env['REGISTRIES_CONFIG_PATH'];
  const own = named ? undefined : await readText(join(user, 'registries.conf'));
  const main = own ?? (named ? await readNamed(named) : await readText(join(system, 'registries.conf')));
  const dropIns = [
    ...(own === undefined ? await readDropIns(join(system, 'registries.conf.d')) : []),
    ...(await readDropIns(join(user, 'registries.conf.d'))),
  ];
  return main === undefined ? dropIns : [main, ...dropIns];
}

/** `~/.config/containers`, wherever it is. */
export function userConfigDir({ env, homeDir }: ConfigPlaces): string {
  return join(env['XDG_CONFIG_HOME'] || join(homeDir, '.config'), 'containers');
}

async function readNamed(path: string): Promise<FileText> {
  const found = await readText(path);
  if (found !== undefined) return found;
  throw new NotFoundError(`the configuration of registries ${path} is not there`, {
    code: 'REGISTRIES_CONF_NOT_FOUND',
    hint: 'Correct CONTAINERS_REGISTRIES_CONF, or unset it to use the files of this machine.',
  });
}

async function readDropIns(directory: string): Promise<FileText[]> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw unreadable(directory, thrown);
  }
  const files = names.filter((name) => name.endsWith('.conf')).sort();
  const texts = await Promise.all(files.map((name) => readText(join(directory, name))));
  return texts.filter((text) => text !== undefined);
}

async function readText(path: string): Promise<FileText | undefined> {
  try {
    return { path, text: (await readWholeFile(path)).toString() };
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw unreadable(path, thrown);
  }
}

function isMissing(thrown: unknown): boolean {
  const code = systemCode(thrown);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function unreadable(path: string, thrown: unknown): SheafError {
  return readError(thrown, `the configuration of registries ${path}`, 'REGISTRIES_CONF_UNREADABLE');
}
