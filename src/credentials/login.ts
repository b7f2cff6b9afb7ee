/** Log in, log out, and who is logged in: the logic behind the commands, without a terminal and without the wire. */
import { NotFoundError, SheafError, systemCode, UnsupportedError, UsageError } from '../foundation/errors.ts';
import { type AuthFile, dockerKey, encodeEntry, withEntry, withoutEntry } from './auth-file.ts';
import { updateAuthFile } from './auth-file-store.ts';
import { createCredentialFinder, type FoundCredentials } from './credential-provider.ts';
import { getFromHelper, storeInHelper } from './helper-client.ts';
import {
  keychainOf,
  type LoginEnvironment,
  type LoginFile,
  type LoginStore,
  loginFile,
  readLoginFile,
  storeNamedBy,
} from './login-store.ts';
import { hubServerUrl, isHub, parseLoginKey, registryOfKey } from './registry-key.ts';
import { type Credentials, credentialsOf, type StoredLogin, tokenUsername } from './types.ts';

/** Asks the registry whether it takes these credentials; throws AuthError if not. */
export type LoginCheck = (registry: string, credentials: Credentials) => Promise<void>;

export interface LoginRequest {
  /** `host[:port]`, with a namespace if the login is for that alone. */
  registry: string;
  /** A user name of `<token>` says that the secret is an identity token. */
  login: StoredLogin;
  /** Defaults to what the file names, else the keychain, else the file. */
  store?: LoginStore | undefined;
  check: LoginCheck;
  /** Asks the registry and finds out where the login would be kept, as far as that can be told without keeping it there. */
  dryRun?: boolean;
}

export interface LoginResult {
  key: string;
  store: LoginStore;
  /** For people: the file, the helper or the keychain. */
  where: string;
  /** What the user should know although it went well, one line each. */
  notes: string[];
}

/**
 * Checks a login with its registry and keeps it, unless `dryRun`. Whether another source comes first is told only of one that is kept.
 *
 * @throws UsageError INVALID_REGISTRY, NAMESPACE_NOT_SUPPORTED; AuthError from `check` or from the store; StorageError
 */
export async function loginTo(request: LoginRequest, environment: LoginEnvironment): Promise<LoginResult> {
  const key = parseLoginKey(request.registry);
  const file = await loginFile(environment);
  const content = await readLoginFile(file);
  const chosen = request.store ?? storeNamedBy(content, key);
  // refused before the password goes anywhere
  refuseNamespace(key, chosen, file);
  const credentials = credentialsOf(request.login);
  await request.check(registryOfKey(key), credentials);

  const { login, dryRun = false } = request;
  const kept = await keep({ key, login, chosen, file, content, dryRun }, environment);
  if (dryRun) return kept;
  const shadow = await shadowOf(key, credentials, environment);
  return shadow === undefined ? kept : { ...kept, notes: [...kept.notes, shadow] };
}

/** The credentials of `registry` by the whole lookup chain, with where they come from. */
export async function findLogin(
  registry: string,
  environment: LoginEnvironment,
): Promise<FoundCredentials | undefined> {
  return find(parseLoginKey(registry), environment).catch(ignoreMissingFile);
}

/** Who is logged in to `registry`, or undefined; `<token>` where an identity token takes the place of a user name. */
export async function getLogin(
  registry: string,
  environment: LoginEnvironment,
): Promise<{ username: string; source: string } | undefined> {
  const found = await findLogin(registry, environment);
  if (found === undefined) return undefined;
  const { credentials, source } = found;
  return { username: credentials.kind === 'basic' ? credentials.username : tokenUsername, source };
}

/** The error of somebody who is not logged in, in podman's words. */
export function notLoggedIn(key: string): NotFoundError {
  return new NotFoundError(`not logged into ${key}`, {
    code: 'NOT_LOGGED_IN',
    hint: `Log in with "sheaf login ${key}".`,
  });
}

interface ToKeep {
  key: string;
  login: StoredLogin;
  chosen: LoginStore | undefined;
  file: LoginFile;
  content: AuthFile;
  dryRun: boolean;
}

async function keep(what: ToKeep, environment: LoginEnvironment): Promise<LoginResult> {
  const { chosen, file } = what;
  if (chosen?.kind === 'file') return keepInFile(what, environment, []);
  if (chosen?.kind === 'helper') return keepInHelper(what, chosen.name, environment);
  if (chosen === undefined && file.named) return keepInFile(what, environment, []);
  try {
    return await keepInKeychain(what, environment);
  } catch (thrown) {
    // only where nobody asked for the keychain may a file take its place
    if (chosen !== undefined || !(thrown instanceof SheafError)) throw thrown;
    const note = `${thrown.message}; the credentials are kept in ${file.path}, readable by you alone but not encrypted`;
    return keepInFile(what, environment, [note]);
  }
}

async function keepInFile(what: ToKeep, environment: LoginEnvironment, notes: string[]): Promise<LoginResult> {
  const { key, login, file, dryRun } = what;
  const name = file.compat ? dockerKey(key) : key;
  const entry = encodeEntry(credentialsOf(login));
  await updateAuthFile(file.path, environment.session, (text) => withEntry(text, file.path, name, entry), { dryRun });
  return { key, store: { kind: 'file' }, where: file.path, notes };
}

async function keepInHelper(what: ToKeep, name: string, environment: LoginEnvironment): Promise<LoginResult> {
  const { key, login, dryRun } = what;
  const { env, session } = environment;
  const server = isHub(key) ? hubServerUrl : key;
  const options = { env, signal: session.signal };
  // that it answers is all that can be known of a helper
  if (dryRun) await getFromHelper(name, [server], options);
  else await storeInHelper(name, server, login, options);
  await blankEntry(what, environment);
  return { key, store: { kind: 'helper', name }, where: `docker-credential-${name}`, notes: [] };
}

async function keepInKeychain(what: ToKeep, environment: LoginEnvironment): Promise<LoginResult> {
  const { key, login, dryRun } = what;
  const keychain = keychainOf(environment);
  if (keychain === undefined) throw new UnsupportedError('the keychain is left out', { code: 'KEYCHAIN_UNAVAILABLE' });
  await (dryRun ? keychain.get(key) : keychain.store(key, login));
  await blankEntry(what, environment);
  return { key, store: { kind: 'keychain' }, where: 'the keychain of the operating system', notes: [] };
}

/** Takes an older login for the same key out of the file, where it would be found first. */
async function blankEntry({ key, file, dryRun }: ToKeep, { session }: LoginEnvironment): Promise<void> {
  const edit = (text: string): string => (text === '' ? text : withoutEntry(text, file.path, key));
  await updateAuthFile(file.path, session, edit, { dryRun });
}

function refuseNamespace(key: string, chosen: LoginStore | undefined, file: LoginFile): void {
  if (!key.includes('/')) return;
  const refused = (what: string): UsageError =>
    new UsageError(`${what} cannot keep credentials of a namespace: ${key}`, {
      code: 'NAMESPACE_NOT_SUPPORTED',
      hint: `Log in to ${registryOfKey(key)} as a whole, or use --store file with podman's format.`,
    });
  if (chosen?.kind === 'helper') throw refused(`docker-credential-${chosen.name}`);
  if (file.compat && chosen?.kind !== 'keychain') throw refused("docker's format");
}

/** A note if the lookup chain gives something else than what was just kept. */
async function shadowOf(
  key: string,
  credentials: Credentials,
  environment: LoginEnvironment,
): Promise<string | undefined> {
  if (environment.authfile !== undefined || environment.compatAuthFile !== undefined) return undefined;
  const found = await find(key, environment).catch(ignoreMissingFile);
  if (found === undefined)
    return `the lookup of credentials for ${key} does not reach them; name the file with --authfile`;
  if (JSON.stringify(found.credentials) === JSON.stringify(credentials)) return undefined;
  return `other credentials for ${key} come first: ${found.source}`;
}

/** A file that the user named need not be there before the first login into it. */
function ignoreMissingFile(thrown: unknown): undefined {
  if (systemCode(thrown) === 'AUTH_FILE_NOT_ACCESSIBLE') return undefined;
  throw thrown;
}

async function find(key: string, environment: LoginEnvironment): Promise<FoundCredentials | undefined> {
  const { compatAuthFile, ...rest } = environment;
  const finder = createCredentialFinder({ ...rest, authfile: rest.authfile ?? compatAuthFile });
  const [host = key, ...repository] = key.split('/');
  return finder(host, repository.join('/'));
}
