/**
 * Where the local storage of this machine is.
 *
 * Source: containers-storage.conf(5); the defaults of containers/storage for root and for others.
 */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { asError, NotFoundError, UsageError } from '../../foundation/errors.ts';
import { readSmallFile } from '../local-file.ts';
import type { StorageSpec } from './place.ts';

export interface StorageConfPlaces {
  readonly env: NodeJS.ProcessEnv;
  readonly homeDir: string;
  /** Of the user; 0 is root. */
  readonly uid: number;
  /** In order of precedence; the first one that is there counts. */
  readonly systemFiles: readonly string[];
}

const maxConfBytes = 1 << 20;

export function machinePlaces(): StorageConfPlaces {
  return {
    env: process.env,
    homeDir: homedir(),
    uid: process.getuid?.() ?? 1000,
    systemFiles: ['/etc/containers/storage.conf', '/usr/share/containers/storage.conf'],
  };
}

/** Throws NotFoundError STORAGE_CONF_NOT_FOUND for a file that the environment names, UsageError STORAGE_CONF_INVALID. */
export async function configuredStorage(places: StorageConfPlaces = machinePlaces()): Promise<StorageSpec> {
  const { env, homeDir, uid, systemFiles } = places;
  const named = env['CONTAINERS_STORAGE_CONF'];
  const own = join(env['XDG_CONFIG_HOME'] || join(homeDir, '.config'), 'containers', 'storage.conf');
  const files = named ? [named] : uid === 0 ? systemFiles : [own, ...systemFiles];
  const { file, conf } = await firstConf(files);
  if (named && file === undefined) {
    throw new NotFoundError(`the configuration of the storage ${named} is not there`, {
      code: 'STORAGE_CONF_NOT_FOUND',
      hint: 'Correct CONTAINERS_STORAGE_CONF, or unset it to use the files of this machine.',
    });
  }
  // what the machine says of folders is for root, except where the user named the file
  const ownWords = uid === 0 || file === own || Boolean(named);
  const expand = (path: string): string =>
    path
      .replaceAll('$HOME', homeDir)
      .replaceAll('$UID', String(uid))
      .replaceAll('$USER', env['USER'] ?? '');
  const standard = standardFolders(places);
  const rootless = uid === 0 ? undefined : conf.rootlessPath;
  const graphRoot = expand((ownWords ? conf.graphRoot : undefined) ?? rootless ?? standard.graphRoot);
  const runRoot = expand((ownWords ? conf.runRoot : undefined) ?? standard.runRoot);
  for (const folder of [graphRoot, runRoot]) {
    if (!isAbsolute(folder)) throw invalid(file ?? '', `"${folder}" is no absolute path`);
  }
  const driver = env['STORAGE_DRIVER'] || conf.driver;
  const options = env['STORAGE_OPTS']?.split(',') ?? conf.imageStores.map((store) => `additionalimagestore=${store}`);
  return { graphRoot, runRoot, options, ...(driver ? { driver } : {}) };
}

function standardFolders({ env, homeDir, uid }: StorageConfPlaces): { graphRoot: string; runRoot: string } {
  if (uid === 0) return { graphRoot: '/var/lib/containers/storage', runRoot: '/run/containers/storage' };
  return {
    graphRoot: join(env['XDG_DATA_HOME'] || join(homeDir, '.local', 'share'), 'containers', 'storage'),
    runRoot: join(env['XDG_RUNTIME_DIR'] || `/run/user/${uid}`, 'containers'),
  };
}

interface StorageConf {
  readonly driver?: string | undefined;
  readonly graphRoot?: string | undefined;
  readonly runRoot?: string | undefined;
  readonly rootlessPath?: string | undefined;
  /** Folders with images that are only read. */
  readonly imageStores: readonly string[];
}

async function firstConf(files: readonly string[]): Promise<{ file?: string; conf: StorageConf }> {
  for (const file of files) {
    const bytes = await readSmallFile(file, maxConfBytes);
    if (bytes !== undefined) return { file, conf: await parseConf(new TextDecoder().decode(bytes), file) };
  }
  return { conf: { imageStores: [] } };
}

async function parseConf(text: string, file: string): Promise<StorageConf> {
  const { parse } = await import('smol-toml');
  let document: Record<string, unknown>;
  try {
    document = parse(text);
  } catch (thrown) {
    throw invalid(file, asError(thrown).message);
  }
  const storage = tableOf(document['storage']);
  const stores = tableOf(storage['options'])['additionalimagestores'];
  const textOf = (key: string): string | undefined => {
    const value = storage[key];
    if (value === undefined || value === '') return undefined;
    if (typeof value !== 'string') throw invalid(file, `${key} is no text`);
    return value;
  };
  return {
    driver: textOf('driver'),
    graphRoot: textOf('graphroot'),
    runRoot: textOf('runroot'),
    rootlessPath: textOf('rootless_storage_path'),
    imageStores: Array.isArray(stores) ? stores.filter((store) => typeof store === 'string') : [],
  };
}

function tableOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function invalid(file: string, why: string): UsageError {
  return new UsageError(`the configuration of the storage ${file} cannot be used: ${why}`, {
    code: 'STORAGE_CONF_INVALID',
    hint: 'Correct the file, see containers-storage.conf(5).',
  });
}
