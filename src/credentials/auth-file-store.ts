/** Where auth files stand, and how they are read and changed on disk. */
import { accessSync } from 'node:fs';
import { access, constants, mkdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { putWhole } from '../foundation/atomic-file.ts';
import { asError, NotFoundError, StorageError, systemCode } from '../foundation/errors.ts';
import { readError } from '../foundation/file-errors.ts';
import { withFileLock } from '../foundation/file-lock.ts';
import type { Session } from '../foundation/session.ts';
import { syncFolder } from '../foundation/sync-folder.ts';
import { removeAbandoned } from '../foundation/temporary-names.ts';
import { readWholeFile } from '../foundation/whole-file.ts';
import type { AuthFileFormat } from './auth-file.ts';

/** What decides where auth files stand; a value, so that tests need no real home. */
export interface AuthFilePlaces {
  /** The file named on the command line, which then is the only one. */
  authfile?: string | undefined;
  env: NodeJS.ProcessEnv;
  homeDir: string;
  /** Defaults to this machine's. */
  platform?: NodeJS.Platform;
  /** User id for `/run/containers/<uid>`; defaults to this process's. */
  uid?: number | undefined;
}

export interface AuthFilePlace {
  path: string;
  format: AuthFileFormat;
  /** What names the file, for people: `--authfile`, `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG` or `default`. */
  origin: string;
  /** A flag names it, so that it must be there. One that a variable names is made by the first login. */
  required: boolean;
  /** The user named it, so that it must be readable and well-formed where it is there. */
  named: boolean;
}

/**
 * The auth files to read, in order. A file named by `--authfile`, `REGISTRY_AUTH_FILE` or `DOCKER_CONFIG` is the only one, as with
 * podman; else podman's runtime file, podman's persistent file, docker's file and the old `.dockercfg`.
 */
export function authFilePlaces(places: AuthFilePlaces): AuthFilePlace[] {
  const { authfile, env, homeDir } = places;
  const only = (path: string, origin: string, { required = false, named = false } = {}): AuthFilePlace[] => [
    { path, format: 'auths', origin, required, named },
  ];
  if (authfile !== undefined) return only(authfile, '--authfile', { required: true, named: true });
  if (env['REGISTRY_AUTH_FILE']) return only(env['REGISTRY_AUTH_FILE'], 'REGISTRY_AUTH_FILE', { named: true });
  if (env['DOCKER_CONFIG']) return only(join(env['DOCKER_CONFIG'], 'config.json'), 'DOCKER_CONFIG');
  const paths = [
    podmanAuthFile(places),
    join(env['XDG_CONFIG_HOME'] || join(homeDir, '.config'), 'containers', 'auth.json'),
    join(homeDir, '.docker', 'config.json'),
  ];
  const found: AuthFilePlace[] = [...new Set(paths)].map((path) => ({
    path,
    format: 'auths',
    origin: 'default',
    required: false,
    named: false,
  }));
  const old = join(homeDir, '.dockercfg');
  return [...found, { path: old, format: 'dockercfg', origin: 'default', required: false, named: false }];
}

/** The file that `podman login` writes by default: for the session on Linux, persistent elsewhere. */
function podmanAuthFile({
  env,
  homeDir,
  platform = process.platform,
  uid = process.getuid?.(),
}: AuthFilePlaces): string {
  if (platform !== 'linux') return join(homeDir, '.config', 'containers', 'auth.json');
  if (env['XDG_RUNTIME_DIR']) return join(env['XDG_RUNTIME_DIR'], 'containers', 'auth.json');
  return join('/run', 'containers', String(uid ?? 0), 'auth.json');
}

/**
 * The text of an auth file, or undefined if there is none.
 *
 * @throws NotFoundError AUTH_FILE_NOT_ACCESSIBLE if a required file is not there (the peers' words)
 * @throws StorageError AUTH_FILE_UNREADABLE if one is there and cannot be read
 */
export async function readAuthFile(
  place: Pick<AuthFilePlace, 'path' | 'required' | 'origin'>,
): Promise<string | undefined> {
  try {
    return (await readWholeFile(place.path)).toString();
  } catch (thrown) {
    if (isMissing(thrown) && place.required) throw notAccessible(place, thrown);
    if (isMissing(thrown)) return undefined;
    throw readError(thrown, `the file of credentials ${place.path}`, 'AUTH_FILE_UNREADABLE');
  }
}

/** @throws NotFoundError AUTH_FILE_NOT_ACCESSIBLE (the peers' words) unless the file is there */
export function requireAccessible(place: AuthFilePlace): void {
  try {
    accessSync(place.path);
  } catch (thrown) {
    throw notAccessible(place, thrown);
  }
}

function notAccessible({ path, origin }: Pick<AuthFilePlace, 'path' | 'origin'>, thrown: unknown): NotFoundError {
  const why = isMissing(thrown) ? 'no such file or directory' : asError(thrown).message;
  return new NotFoundError(`credential file is not accessible: stat ${path}: ${why}`, {
    code: 'AUTH_FILE_NOT_ACCESSIBLE',
    hint: `Log in with "sheaf login" to make the file, or correct ${origin}.`,
    cause: thrown,
  });
}

function isMissing(thrown: unknown): boolean {
  const code = systemCode(thrown);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * Changes an auth file: under a lock beside it, `edit` gets the present text (empty if there is no file) and what it returns takes
 * the file's place in one step with mode 0600. Returning the same text writes nothing. A symbolic link stays one.
 *
 * With `dryRun` nothing is written: only what `edit` makes of the text, and whether the folder can be written to, is found out.
 *
 * @throws StorageError AUTH_FILE_NOT_WRITTEN naming the file
 */
export async function updateAuthFile(
  path: string,
  session: Pick<Session, 'clock' | 'signal'>,
  edit: (text: string) => string,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<void> {
  try {
    const target = await realpath(path).catch(() => path);
    if (dryRun) {
      edit(await textOf(target));
      await requireWritable(dirname(target));
      return;
    }
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const lock = `${target}.sheaf-lock`;
    await withFileLock(lock, session, async () => {
      const before = await textOf(target);
      const after = edit(before);
      // what a killed run has left holds credentials, too
      for (const name of [target, lock]) await removeAbandoned(dirname(name), basename(name));
      if (after === before) return;
      await putWhole(target, Buffer.from(after), { mode: 0o600 });
      await syncFolder(dirname(target));
    });
  } catch (thrown) {
    if (systemCode(thrown) === undefined || thrown instanceof StorageError) throw thrown;
    throw new StorageError(`cannot write the file of credentials ${path}: ${asError(thrown).message}`, {
      code: 'AUTH_FILE_NOT_WRITTEN',
      hint: 'Make its directory writable, or name another file with --authfile.',
      cause: thrown,
    });
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return (await readWholeFile(path)).toString();
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return '';
    throw thrown;
  }
}

/** Throws what the file system would, where `folder` cannot be written to or made. */
async function requireWritable(folder: string): Promise<void> {
  try {
    // the dot: a file is no folder
    await access(`${folder}/.`, constants.W_OK | constants.X_OK);
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT' || dirname(folder) === folder) throw thrown;
    await requireWritable(dirname(folder));
  }
}

/** Whether something stands at `path`. */
export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
