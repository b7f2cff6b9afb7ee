/** Log out: from one registry, or from all. */
import { asError, SheafError, systemCode } from '../foundation/errors.ts';
import { keysMeaning, withoutEntries, withoutEntry } from './auth-file.ts';
import { updateAuthFile } from './auth-file-store.ts';
import { authFilesHelper } from './credential-provider.ts';
import { eraseFromHelper, getFromHelper, listHelper } from './helper-client.ts';
import { getLogin, notLoggedIn } from './login.ts';
import {
  keychainOf,
  type LoginEnvironment,
  type LoginStore,
  loginFile,
  readLoginFile,
  storeNamedBy,
} from './login-store.ts';
import { helperServers, hostOfKey, parseLoginKey, registryOfKey } from './registry-key.ts';

export interface LogoutResult {
  /** For people: each file, helper and keychain from which something was removed. */
  removedFrom: string[];
  notes: string[];
}

/**
 * Forgets a login wherever one is kept: the file, the helper that it names, the `credential-helpers` of registries.conf, the
 * keychain; or only in `store`. One of `credential-helpers` that fails gives a note. With `dryRun` everything is asked and nothing
 * forgotten; what would be left is told only where nothing would go.
 *
 * @throws NotFoundError NOT_LOGGED_IN if there was nothing; UsageError INVALID_REGISTRY; AuthError, StorageError from the stores
 */
export async function logoutFrom(
  request: { registry: string; store?: LoginStore | undefined; dryRun?: boolean },
  environment: LoginEnvironment,
): Promise<LogoutResult> {
  const key = parseLoginKey(request.registry);
  const file = await loginFile(environment);
  const content = await readLoginFile(file);
  const { store, dryRun = false } = request;
  const removedFrom: string[] = [];
  const notes: string[] = [];

  if (store === undefined || store.kind === 'file') {
    const had = keysMeaning(content, key).length > 0;
    const edit = (text: string): string => withoutEntry(text, file.path, key);
    if (had) await updateAuthFile(file.path, environment.session, edit, { dryRun });
    if (had) removedFrom.push(file.path);
  }
  const helper = store ?? storeNamedBy(content, key);
  if (helper?.kind === 'helper' && !key.includes('/') && (await eraseAll(helper.name, key, environment, dryRun))) {
    removedFrom.push(`docker-credential-${helper.name}`);
  }
  for (const name of store === undefined ? await configuredHelpers(environment) : []) {
    if (key.includes('/') || (helper?.kind === 'helper' && helper.name === name)) continue;
    try {
      if (await eraseAll(name, key, environment, dryRun)) removedFrom.push(`docker-credential-${name}`);
    } catch (thrown) {
      notes.push(asError(thrown).message);
    }
  }
  if (store?.kind === 'keychain' || (store === undefined && environment.compatAuthFile === undefined)) {
    const erased = await eraseFromKeychain(key, store !== undefined, environment, dryRun);
    if (erased === true) removedFrom.push('the keychain of the operating system');
    else if (typeof erased === 'string') notes.push(erased);
  }

  const mayBeLeft = store === undefined && !(dryRun && removedFrom.length > 0);
  const left = mayBeLeft ? await getLogin(key, environment) : undefined;
  if (left !== undefined) notes.push(`there are still credentials for ${key}: ${left.source}`);
  if (removedFrom.length === 0 && left === undefined) throw notLoggedIn(key);
  return { removedFrom, notes };
}

/**
 * Forgets all logins: every entry of the file, what its `credHelpers` hold for the registries named there, what its `credsStore`
 * holds for the registries that the file lists, all that the `credential-helpers` of registries.conf hold (as podman does it),
 * and every entry of sheaf in the keychain. With `dryRun` everything is asked and nothing forgotten.
 */
export async function logoutFromAll(
  environment: LoginEnvironment,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<LogoutResult> {
  const file = await loginFile(environment);
  const content = await readLoginFile(file);
  const removedFrom: string[] = [];
  const notes: string[] = [];
  const attempt = async (name: string, work: () => Promise<boolean>): Promise<void> => {
    try {
      if ((await work()) && !removedFrom.includes(name)) removedFrom.push(name);
    } catch (thrown) {
      if (systemCode(thrown) !== 'KEYCHAIN_UNAVAILABLE') notes.push(asError(thrown).message);
    }
  };
  for (const [key, name] of content.credHelpers) {
    await attempt(`docker-credential-${name}`, () => eraseAll(name, hostOfKey(key), environment, dryRun));
  }
  for (const key of content.credsStore === undefined ? [] : content.auths.keys()) {
    const name = content.credsStore ?? '';
    await attempt(`docker-credential-${name}`, () => eraseAll(name, hostOfKey(key), environment, dryRun));
  }
  for (const name of await configuredHelpers(environment)) {
    await attempt(`docker-credential-${name}`, async () => {
      const options = { env: environment.env, signal: environment.session.signal };
      const servers = [...(await listHelper(name, options)).keys()];
      if (!dryRun) for (const server of servers) await eraseFromHelper(name, server, options);
      return servers.length > 0;
    });
  }
  if (content.auths.size > 0) {
    await attempt(file.path, async () => {
      await updateAuthFile(file.path, environment.session, withoutEntries, { dryRun });
      return true;
    });
  }
  await attempt('the keychain of the operating system', async () => {
    const keychain = keychainOf(environment);
    const servers = [...((await keychain?.list()) ?? new Map<string, string>()).keys()];
    if (!dryRun) for (const server of servers) await keychain?.erase(server);
    return servers.length > 0;
  });
  return { removedFrom, notes };
}

/** Programs among the `credential-helpers` of registries.conf; none where a file of docker's is meant, which knows nothing of them. */
async function configuredHelpers({ helpers, compatAuthFile }: LoginEnvironment): Promise<readonly string[]> {
  if (compatAuthFile !== undefined) return [];
  const names = typeof helpers === 'function' ? await helpers() : helpers;
  return (names ?? []).filter((name) => name !== authFilesHelper);
}

/** Erases what a helper holds for a registry under any of its names; helpers need not say whether there was something. */
async function eraseAll(
  name: string,
  host: string,
  { env, session }: LoginEnvironment,
  dryRun: boolean,
): Promise<boolean> {
  const options = { env, signal: session.signal };
  let erased = false;
  for (const server of helperServers(registryOfKey(host))) {
    if ((await getFromHelper(name, [server], options)) === undefined) continue;
    erased = dryRun || (await eraseFromHelper(name, server, options)) || erased;
  }
  return erased;
}

/** Whether there was something; a line for people if it cannot be told and nobody asked for the keychain by name. */
async function eraseFromKeychain(
  key: string,
  asked: boolean,
  environment: LoginEnvironment,
  dryRun: boolean,
): Promise<boolean | string> {
  try {
    const keychain = keychainOf(environment);
    if (dryRun) return (await keychain?.get(key)) !== undefined;
    return (await keychain?.erase(key)) ?? false;
  } catch (thrown) {
    if (asked || !(thrown instanceof SheafError)) throw thrown;
    return thrown.code === 'KEYCHAIN_UNAVAILABLE' ? false : thrown.message;
  }
}
