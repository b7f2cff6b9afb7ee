/**
 * podman's `auth.json`, docker's `config.json` and the old `.dockercfg`: parse, look up, change. Pure; files are read and
 * written by auth-file-store.ts.
 *
 * Sources: containers-auth.json(5); docker-login(1) "Credential stores"; oras-go `credentials` for `username`/`password`
 * and `registrytoken` beside `auth`; Go's encoding/json, with which the peers read: names in any letter case, doubled members
 * merged, `null` as nothing.
 */
import { UsageError } from '../foundation/errors.ts';
import { jsonMembers, removeJsonMember, setJsonMember } from './json-text.ts';
import { helperServers, hostOfKey, hubServerUrl, isHub, keysLongestFirst, normalizeHost } from './registry-key.ts';
import type { BasicLogin, Credentials } from './types.ts';

/** `auths`: the credentials stand below that member; `dockercfg`: the whole document is that map and its keys are registries only. */
export type AuthFileFormat = 'auths' | 'dockercfg';

export interface AuthFile {
  readonly format: AuthFileFormat;
  /** Entries by key, in the order of the document, undecoded. */
  readonly auths: ReadonlyMap<string, unknown>;
  /** Helper name by registry. */
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore: string | undefined;
}

/**
 * One thing to try, in order. `final`: whatever comes of it, this file has nothing further to say. `empty` entries say that the secret is
 * kept elsewhere; `unusable` ones are broken.
 */
export type LookupStep =
  | { kind: 'credentials'; key: string; credentials: Credentials }
  | { kind: 'empty' | 'unusable'; key: string; why: string }
  | { kind: 'helper'; member: 'credHelpers' | 'credsStore'; name: string; servers: readonly string[]; final: boolean };

/**
 * Parses the text of an auth file; an empty text is an empty file, as docker has it.
 *
 * @throws UsageError AUTH_FILE_MALFORMED naming `what`, never quoting the text.
 */
export function parseAuthFile(text: string, what: string, format: AuthFileFormat = 'auths'): AuthFile {
  const top = parseMembers(text, what);
  if (format === 'dockercfg') return { format, auths: new Map(top), credHelpers: new Map(), credsStore: undefined };
  const helpers = membersBelow(top, 'credhelpers', what);
  return {
    format,
    auths: new Map(membersBelow(top, 'auths', what)),
    credHelpers: new Map(
      helpers.flatMap(([key, name]) => (typeof name === 'string' && name !== '' ? [[key, name]] : [])),
    ),
    credsStore: nonEmptyString(lastNamed(top, 'credsstore')),
  };
}

/**
 * What an auth file says of `repository` on `host`, in the order to try: the registry's own helper (`credHelpers`, final);
 * exact keys with a namespace, longest first; the general helper (`credsStore`); the exact key of the registry; keys that
 * name the same registry in an older form. Only one entry is decoded: the first that matches.
 */
export function lookupSteps(file: AuthFile, host: string, repository: string): LookupStep[] {
  const servers = helperServers(host);
  const helper = helperOf(file, host);
  if (helper !== undefined) return [{ kind: 'helper', member: 'credHelpers', name: helper, servers, final: true }];

  const steps: LookupStep[] = [];
  const registry = normalizeHost(host);
  const namespaced =
    file.format === 'auths' ? keysLongestFirst(host, repository).filter((key) => key !== registry) : [];
  for (const key of namespaced) {
    if (!file.auths.has(key)) continue;
    steps.push(decodeEntry(key, file.auths.get(key)));
    break;
  }
  if (file.credsStore !== undefined) {
    steps.push({ kind: 'helper', member: 'credsStore', name: file.credsStore, servers, final: false });
  }
  const key = registryKeyIn(file, host);
  if (key !== undefined) steps.push(decodeEntry(key, file.auths.get(key)));
  return steps;
}

/** The helper that `credHelpers` names for `host`, under whatever name of it. */
export function helperOf(file: AuthFile, host: string): string | undefined {
  const exact = file.credHelpers.get(host);
  if (exact !== undefined) return exact;
  for (const [key, name] of file.credHelpers) if (hostOfKey(key) === normalizeHost(host)) return name;
  return undefined;
}

/** The key under which `file` holds the entry of `host` as a whole: the exact one, else the first that names the same registry. */
export function registryKeyIn(file: AuthFile, host: string): string | undefined {
  const registry = normalizeHost(host);
  for (const key of [registry, host]) if (file.auths.has(key)) return key;
  for (const key of file.auths.keys()) if (hostOfKey(key, file.format === 'dockercfg') === registry) return key;
  return undefined;
}

/**
 * All keys of `file` that mean `key` (a result of parseLoginKey): logout must remove each of them, or an older spelling of the
 * same registry would still be found.
 */
export function keysMeaning(file: AuthFile, key: string): string[] {
  return [...file.auths.keys()].filter((candidate) => candidate === key || hostOfKey(candidate) === key);
}

/** Credentials that one entry holds. Nothing of the entry's content gets into `why`. */
export function decodeEntry(key: string, entry: unknown): LookupStep {
  const unusable = (why: string): LookupStep => ({ kind: 'unusable', key, why });
  if (entry === null) return { kind: 'empty', key, why: 'the entry is empty' };
  if (!isObject(entry)) return unusable('the entry is not an object');
  const found = (credentials: Credentials): LookupStep => ({ kind: 'credentials', key, credentials });
  const members = Object.entries(entry);
  const field = (name: string): string | undefined => nonEmptyString(lastNamed(members, name));
  const login = loginOf(field);
  // beside a token there may be a name alone
  const beside = typeof login === 'object' && login.password !== '' ? { login } : {};
  const identityToken = field('identitytoken');
  if (identityToken !== undefined) return found({ kind: 'identity-token', token: identityToken, ...beside });
  const registryToken = field('registrytoken');
  if (registryToken !== undefined) return found({ kind: 'bearer', token: registryToken, ...beside });
  if (login === undefined) return { kind: 'empty', key, why: 'the entry is empty: its secret is kept elsewhere' };
  return typeof login === 'string' ? unusable(login) : found({ kind: 'basic', ...login });
}

/** User name and password of an entry, or why there are none; `undefined` where nothing says that there should be. */
function loginOf(field: (name: string) => string | undefined): BasicLogin | string | undefined {
  const auth = field('auth');
  if (auth !== undefined) return decodeAuth(auth);
  const [username, password] = [field('username'), field('password')];
  return username !== undefined && password !== undefined ? { username, password } : undefined;
}

/** The entry that holds `credentials`, as podman and docker write it. */
export function encodeEntry(credentials: Credentials): Record<string, string> {
  switch (credentials.kind) {
    case 'basic':
      return { auth: Buffer.from(`${credentials.username}:${credentials.password}`, 'utf8').toString('base64') };
    case 'identity-token':
      return { identitytoken: credentials.token };
    case 'bearer':
      return { registrytoken: credentials.token };
  }
}

/**
 * The text of an auth file in which `key` holds `entry`. An entry that is there under an older spelling of the same registry is
 * changed where it stands, so that docker (which knows Docker Hub only by its URL) and podman read the same thing.
 */
export function withEntry(text: string, what: string, key: string, entry: Record<string, string>): string {
  const file = parseAuthFile(text, what);
  let out = blankToObject(text);
  // of several the last one counts
  const auths = spellingsOf(out, 'auths').at(-1) ?? 'auths';
  for (const name of new Set([key, ...keysMeaning(file, key)])) {
    const before = file.auths.get(name);
    if (!isObject(before)) {
      out = setJsonMember(out, [auths, name], entry);
      continue;
    }
    for (const field of Object.keys(before)) {
      if (secretFields.has(field.toLowerCase()) && !(field in entry)) out = removeJsonMember(out, [auths, name, field]);
    }
    for (const [field, value] of Object.entries(entry)) out = setJsonMember(out, [auths, name, field], value);
  }
  return out;
}

/** Every field of an entry that can hold credentials; whatever else stands in it (docker's `email`) stays. */
const secretFields: ReadonlySet<string> = new Set(['auth', 'identitytoken', 'registrytoken', 'username', 'password']);

/** The text of an auth file without any entry for `key`. */
export function withoutEntry(text: string, what: string, key: string): string {
  const file = parseAuthFile(text, what);
  let out = blankToObject(text);
  for (const auths of spellingsOf(out, 'auths')) {
    for (const name of keysMeaning(file, key)) out = removeJsonMember(out, [auths, name]);
  }
  return out;
}

/** The text of an auth file without any entry. */
export function withoutEntries(text: string): string {
  const out = blankToObject(text);
  return spellingsOf(out, 'auths').reduce((left, auths) => removeJsonMember(left, [auths]), out);
}

/** The key under which to write a login for `key` into a file of docker's, which knows Docker Hub only by its URL. */
export function dockerKey(key: string): string {
  return isHub(key) ? hubServerUrl : key;
}

function decodeAuth(auth: string): BasicLogin | string | undefined {
  const compact = auth.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(compact)) return 'its "auth" is not base64';
  const text = Buffer.from(compact, 'base64').toString('utf8');
  // nobody and nothing, as those write it who have neither
  if (text === ':') return undefined;
  const colon = text.indexOf(':');
  if (colon < 0) return 'its "auth" has no colon between user name and password';
  if (colon === 0) return 'its "auth" has no user name';
  // docker on Windows used to pad the password with NUL
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/^\0+|\0+$/g, '') };
}

function blankToObject(text: string): string {
  const bare = withoutByteOrderMark(text);
  return /^\s*(?:null\s*)?$/.test(bare) ? '{}\n' : bare;
}

function withoutByteOrderMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

type Members = ReadonlyArray<readonly [name: string, value: unknown]>;

function parseMembers(text: string, what: string): Members {
  const bare = blankToObject(text);
  let value: unknown;
  try {
    value = JSON.parse(bare);
  } catch {
    // the parser's message quotes the text, which holds secrets
    throw malformed(what, 'it is not JSON');
  }
  if (!isObject(value)) throw malformed(what, 'it is not a JSON object');
  return jsonMembers(bare);
}

/** The members of all objects that are called `name`, which is in lower case. */
function membersBelow(top: Members, name: string, what: string): Members {
  return top
    .filter(([own, value]) => own.toLowerCase() === name && value !== null)
    .flatMap(([own, value]) => {
      if (!isObject(value)) throw malformed(what, `its "${own}" is not an object`);
      return Object.entries(value);
    });
}

/** The value of the last member that is called `name`, which is in lower case. */
function lastNamed(members: Members, name: string): unknown {
  return members.findLast(([own]) => own.toLowerCase() === name)?.[1];
}

/** How each member called `name` is written, in the order of the document. */
function spellingsOf(text: string, name: string): string[] {
  return jsonMembers(text).flatMap(([own]) => (own.toLowerCase() === name ? [own] : []));
}

function malformed(what: string, why: string): UsageError {
  return new UsageError(`${what} is not a file of credentials: ${why}`, {
    code: 'AUTH_FILE_MALFORMED',
    hint: 'Correct the file, or name another one with --authfile.',
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nonEmptyString(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
