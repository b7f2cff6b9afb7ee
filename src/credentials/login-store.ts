/** Where a login is kept: which file, which helper, or the keychain. */
import { join } from 'node:path';
import { UsageError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import { type AuthFile, helperOf, parseAuthFile } from './auth-file.ts';
import { type AuthFilePlaces, isThere, readAuthFile } from './auth-file-store.ts';
import { type CredentialProviderOptions, ownHelper } from './credential-provider.ts';
import { createKeychain, type Keychain } from './keychain.ts';
import { registryOfKey } from './registry-key.ts';

/** What `--store` chooses. */
export type LoginStore = { kind: 'file' } | { kind: 'keychain' } | { kind: 'helper'; name: string };

/** Everything around a login that is not the login itself. */
export interface LoginEnvironment extends AuthFilePlaces {
  session: Session;
  /** A file in docker's format and with docker's keys, in place of podman's; excludes `authfile`. */
  compatAuthFile?: string | undefined;
  /** Defaults to the one of this machine; `null` leaves it out. */
  keychain?: Keychain | null | undefined;
  /** `credential-helpers` of registries.conf; asked when a login is looked up. */
  helpers?: CredentialProviderOptions['helpers'];
}

/** The file that login and logout change. */
export interface LoginFile {
  path: string;
  /** Docker's keys are to be used in it. */
  compat: boolean;
  /** The user named it (by flag or variable), so that logins go to it and not to the keychain. */
  named: boolean;
}

/**
 * `file`, `keychain` or `helper:NAME`.
 *
 * @throws UsageError INVALID_STORE
 */
export function parseLoginStore(text: string): LoginStore {
  if (text === 'file' || text === 'keychain') return { kind: text };
  const name = /^helper:([A-Za-z0-9._-]+)$/.exec(text)?.[1];
  if (name !== undefined) return name === ownHelper ? { kind: 'keychain' } : { kind: 'helper', name };
  throw new UsageError(`"${text}" is no store for credentials`, {
    code: 'INVALID_STORE',
    hint: 'Give --store file, --store keychain or --store helper:NAME for the program docker-credential-NAME.',
  });
}

/**
 * The file to change: the one that a flag or a variable names, else the one that `podman login` writes if its directory can be
 * there, else podman's persistent file.
 *
 * @throws UsageError CONFLICTING_FILES if both flags are given
 */
export async function loginFile(environment: LoginEnvironment): Promise<LoginFile> {
  const { authfile, compatAuthFile, env, homeDir, platform = process.platform } = environment;
  if (authfile !== undefined && compatAuthFile !== undefined) {
    throw new UsageError('--authfile and --compat-auth-file cannot be used together', { code: 'CONFLICTING_FILES' });
  }
  if (compatAuthFile !== undefined) return { path: compatAuthFile, compat: true, named: true };
  if (authfile !== undefined) return { path: authfile, compat: false, named: true };
  if (env['REGISTRY_AUTH_FILE']) return { path: env['REGISTRY_AUTH_FILE'], compat: false, named: true };
  // docker reads this one: its own keys keep it working for docker
  if (env['DOCKER_CONFIG']) return { path: join(env['DOCKER_CONFIG'], 'config.json'), compat: true, named: true };
  const found = (path: string): LoginFile => ({ path, compat: false, named: false });
  const { uid = process.getuid?.() } = environment;
  const runtime = env['XDG_RUNTIME_DIR'];
  if (platform === 'linux' && runtime && (await isThere(runtime)))
    return found(join(runtime, 'containers', 'auth.json'));
  if (platform === 'linux' && !runtime && uid === 0) return found('/run/containers/0/auth.json');
  const config = platform === 'linux' ? env['XDG_CONFIG_HOME'] : undefined;
  return found(join(config || join(homeDir, '.config'), 'containers', 'auth.json'));
}

/** What stands in the file that login and logout change; nothing if it is not there. */
export async function readLoginFile(file: LoginFile): Promise<AuthFile> {
  const text = await readAuthFile({ path: file.path, required: false, origin: 'default' });
  return parseAuthFile(text ?? '', file.path);
}

/** The store that an auth file itself names for `key`: its own helper, else the general one. */
export function storeNamedBy(content: AuthFile, key: string): LoginStore | undefined {
  const name = helperOf(content, registryOfKey(key)) ?? content.credsStore;
  return name === undefined ? undefined : parseLoginStore(`helper:${name}`);
}

/** The keychain of `environment`, or undefined where it is left out. */
export function keychainOf(environment: LoginEnvironment): Keychain | undefined {
  // a person may have to unlock it: longer than for a lookup
  if (environment.keychain === undefined) return createKeychain({ env: environment.env, timeoutMs: 60_000 });
  return environment.keychain ?? undefined;
}
