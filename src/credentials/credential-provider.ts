/**
 * The lookup chain: which credentials go to which registry.
 *
 * The order, and in it the first source that has something:
 *  1. `--creds`
 *  2. `--authfile`, and then no other file and no keychain
 *  3. `SHEAF_USERNAME_<HOST>`/`SHEAF_PASSWORD_<HOST>`, then `SHEAF_USERNAME`/`SHEAF_PASSWORD` if `SHEAF_REGISTRY` names the registry
 *     (environment.ts)
 *  4. `DOCKER_AUTH_CONFIG`
 *  5. the `credential-helpers` of registries.conf in their order; by default the auth files alone: `REGISTRY_AUTH_FILE`, else
 *     `DOCKER_CONFIG`, else podman's runtime file, podman's persistent file, docker's file, `.dockercfg`
 *  6. the keychain of the operating system
 *  7. `SHEAF_USERNAME`/`SHEAF_PASSWORD` without `SHEAF_REGISTRY`
 *
 * The more exactly a source names the registry, the earlier it is asked. A source that fails is told once (a `warning` event) and
 * the chain goes on; only what the user named on purpose must be readable. Every source that is tried is told by a `log` event of
 * level `debug` with why it was not used; no event holds a secret.
 *
 * Source: containers-auth.json(5), containers-registries.conf(5) "credential-helpers", docker-login(1).
 */
import { asError, CancelledError, systemCode, UsageError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import { type AuthFile, type LookupStep, lookupSteps, parseAuthFile } from './auth-file.ts';
import { type AuthFilePlace, authFilePlaces, readAuthFile, requireAccessible } from './auth-file-store.ts';
import { type EnvironmentFinding, loginOfAnyRegistry, loginOfNamedRegistry, loginOfRegistry } from './environment.ts';
import { getFromHelper } from './helper-client.ts';
import { createKeychain, type Keychain } from './keychain.ts';
import { helperServers, keysLongestFirst, normalizeHost } from './registry-key.ts';
import { type CredentialProvider, type Credentials, credentialsOf, type StoredLogin } from './types.ts';

export interface CredentialProviderOptions {
  /** `user[:password]` from `--creds`: for every registry of this side of the command. */
  creds?: string | undefined;
  authfile?: string | undefined;
  env: NodeJS.ProcessEnv;
  homeDir: string;
  session: Session;
  /** `credential-helpers` of registries.conf, or how to read them when they are needed. */
  helpers?: readonly string[] | (() => Promise<readonly string[] | undefined>) | undefined;
  /** Defaults to the one of this machine; `null` leaves it out. */
  keychain?: Keychain | null | undefined;
  platform?: NodeJS.Platform;
  uid?: number | undefined;
}

/** Where credentials were found. */
export type CredentialOrigin =
  | { kind: 'creds' | 'environment' | 'keychain' }
  | { kind: 'file'; path: string; key: string }
  | { kind: 'helper'; name: string };

export interface FoundCredentials {
  credentials: Credentials;
  /** For people: `--creds`, a file and the key in it, a helper. */
  source: string;
  origin: CredentialOrigin;
}

/** The name by which registries.conf means the auth files among its `credential-helpers`. */
export const authFilesHelper = 'containers-auth.json';

/** The name under which auth files mean sheaf's own helper; it is answered without starting a program. */
export const ownHelper = 'sheaf';

/**
 * The lookup chain as a function. What was read and asked is remembered: a run reads each file once and asks each helper once.
 *
 * @throws UsageError INVALID_CREDENTIALS at once if `creds` is empty or has no user name
 * @throws NotFoundError AUTH_FILE_NOT_ACCESSIBLE at once for the file of `--authfile`
 *
 * The provider rejects with UsageError AUTH_FILE_MALFORMED or StorageError AUTH_FILE_UNREADABLE for that one and for the file of
 * `REGISTRY_AUTH_FILE`, which need not be there.
 */
export function createCredentialProvider(options: CredentialProviderOptions): CredentialProvider {
  const find = createCredentialFinder(options);
  return async (host, repository) => (await find(host, repository))?.credentials;
}

/** As {@link createCredentialProvider}, with the source of what was found. */
export function createCredentialFinder(
  options: CredentialProviderOptions,
): (host: string, repository: string) => Promise<FoundCredentials | undefined> {
  const given = options.creds === undefined ? undefined : parseCreds(options.creds);
  // at once, as with the peers: not only when a registry asks for credentials
  for (const place of authFilePlaces(options)) if (place.required) requireAccessible(place);
  const chain = new Chain(options);
  const answers = new Map<string, Promise<FoundCredentials | undefined>>();
  return (host, repository) => {
    if (given !== undefined) {
      return Promise.resolve({ credentials: given, source: '--creds', origin: { kind: 'creds' } });
    }
    const [key = host] = keysLongestFirst(host, repository);
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = chain.find(host, repository);
      answers.set(key, answer);
    }
    return answer;
  };
}

/**
 * `user[:password]` of `--creds`. The password is empty where none is given; asking for it is up to the caller.
 *
 * @throws UsageError INVALID_CREDENTIALS
 */
export function parseCreds(text: string): { kind: 'basic'; username: string; password: string } {
  const colon = text.indexOf(':');
  const username = colon < 0 ? text : text.slice(0, colon);
  if (username === '') {
    throw new UsageError(text === '' ? "credentials can't be empty" : "username can't be empty", {
      code: 'INVALID_CREDENTIALS',
      hint: 'Give --creds as USER:PASSWORD.',
    });
  }
  return { kind: 'basic', username, password: colon < 0 ? '' : text.slice(colon + 1) };
}

/** One run's walk through the sources. */
class Chain {
  readonly #options: CredentialProviderOptions;
  readonly #files = new Map<string, Promise<AuthFile | undefined>>();
  readonly #helperAnswers = new Map<string, Promise<StoredLogin | null | undefined>>();
  readonly #warned = new Set<string>();
  readonly #keychain: Keychain | null;

  constructor(options: CredentialProviderOptions) {
    this.#options = options;
    this.#keychain = options.keychain === undefined ? createKeychain({ env: options.env }) : options.keychain;
  }

  async find(host: string, repository: string): Promise<FoundCredentials | undefined> {
    const { env, authfile } = this.#options;
    const what = keysLongestFirst(host, repository)[0] ?? host;
    const found =
      (authfile === undefined ? undefined : await this.#fromFiles(host, repository)) ??
      this.#fromEnvironment(what, loginOfRegistry(env, host)) ??
      this.#fromEnvironment(what, loginOfNamedRegistry(env, host, repository)) ??
      (await this.#fromDockerVariable(host, repository)) ??
      (await this.#fromHelpers(host, repository)) ??
      (authfile === undefined ? await this.#fromKeychain(host, repository) : undefined) ??
      this.#fromEnvironment(what, loginOfAnyRegistry(env));
    this.#log(
      found === undefined ? `${what}: no credentials found, going on without` : `${what}: from ${found.source}`,
    );
    return found;
  }

  #fromEnvironment(what: string, finding: EnvironmentFinding): FoundCredentials | undefined {
    if (finding.kind === 'login') {
      return {
        credentials: credentialsOf(finding.login),
        source: finding.source,
        origin: { kind: 'environment' },
      };
    }
    this.#log(`${what}: not from ${finding.source}: ${finding.why}`);
    if (finding.kind === 'incomplete') this.#warn('CREDENTIALS_INCOMPLETE', `${finding.why}; neither is used`);
    return undefined;
  }

  async #fromDockerVariable(host: string, repository: string): Promise<FoundCredentials | undefined> {
    const source = 'DOCKER_AUTH_CONFIG';
    const text = this.#options.env[source];
    if (!text) {
      this.#log(`${host}: not from ${source}: it is not set`);
      return undefined;
    }
    return this.#guarded(source, async () => {
      const file = parseAuthFile(text, source);
      return this.#fromSteps(source, host, lookupSteps(file, host, repository));
    });
  }

  /** Step 5: helpers of registries.conf, among which the auth files are one. */
  async #fromHelpers(host: string, repository: string): Promise<FoundCredentials | undefined> {
    const { helpers, authfile } = this.#options;
    const names = typeof helpers === 'function' ? await helpers() : helpers;
    for (const name of names ?? [authFilesHelper]) {
      const found =
        name === authFilesHelper
          ? authfile === undefined && (await this.#fromFiles(host, repository))
          : await this.#fromHelper('registries.conf', name, host, helperServers(host));
      if (found) return found;
    }
    return undefined;
  }

  async #fromFiles(host: string, repository: string): Promise<FoundCredentials | undefined> {
    for (const place of authFilePlaces(this.#options)) {
      const file = await this.#file(place);
      if (file === undefined) {
        this.#log(`${host}: not from ${place.path}: there is no such file`);
        continue;
      }
      const steps = lookupSteps(file, host, repository);
      if (steps.length === 0) this.#log(`${host}: not from ${place.path}: it has no entry for it`);
      const found = await this.#fromSteps(place.path, host, steps);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A file that the user did not name and that is broken must not stop anonymous access to a public registry. */
  #file(place: AuthFilePlace): Promise<AuthFile | undefined> {
    let file = this.#files.get(place.path);
    if (file === undefined) {
      const read = async (): Promise<AuthFile | undefined> => {
        const text = await readAuthFile(place);
        return text === undefined ? undefined : parseAuthFile(text, place.path, place.format);
      };
      file = place.named ? read() : this.#guarded(place.path, read);
      this.#files.set(place.path, file);
    }
    return file;
  }

  async #fromSteps(source: string, host: string, steps: readonly LookupStep[]): Promise<FoundCredentials | undefined> {
    for (const step of steps) {
      if (step.kind === 'credentials') {
        const { key, credentials } = step;
        return { credentials, source: `${source} (${key})`, origin: { kind: 'file', path: source, key } };
      }
      if ('why' in step) {
        if (step.kind === 'unusable')
          this.#warn('CREDENTIALS_UNUSABLE', `the entry ${step.key} of ${source} is not used: ${step.why}`);
        this.#log(`${host}: not from ${source} (${step.key}): ${step.why}`);
        continue;
      }
      const found = await this.#fromHelper(`${step.member} of ${source}`, step.name, host, step.servers);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #fromHelper(
    named: string,
    name: string,
    host: string,
    servers: readonly string[],
  ): Promise<FoundCredentials | undefined> {
    const source = `docker-credential-${name} (${named})`;
    const { session, env } = this.#options;
    const question = `${name} ${normalizeHost(host)}`;
    let answer = this.#helperAnswers.get(question);
    if (answer === undefined) {
      const keychain = name === ownHelper ? this.#keychain : null;
      const ask = async (): Promise<StoredLogin | undefined> =>
        keychain === null
          ? await getFromHelper(name, servers, { signal: session.signal, env })
          : await keychain.get(normalizeHost(host));
      answer = this.#guarded(source, async () => (await ask()) ?? null, true);
      this.#helperAnswers.set(question, answer);
    }
    const login = await answer;
    if (login === null) this.#log(`${host}: not from ${source}: it has none`);
    if (!login) return undefined;
    return { credentials: credentialsOf(login), source, origin: { kind: 'helper', name } };
  }

  async #fromKeychain(host: string, repository: string): Promise<FoundCredentials | undefined> {
    const source = 'the keychain of the operating system';
    const keychain = this.#keychain;
    if (keychain === null) return undefined;
    const login = await this.#guarded(source, async () => {
      for (const server of keysLongestFirst(host, repository)) {
        const found = await keychain.get(server);
        if (found !== undefined) return found;
      }
      this.#log(`${host}: not from ${source}: it has none`);
      return undefined;
    });
    return login === undefined
      ? undefined
      : { credentials: credentialsOf(login), source, origin: { kind: 'keychain' } };
  }

  /** What `work` gives; if it fails, says so once and gives nothing. `configured`: somebody asked for this source by name. */
  async #guarded<T>(source: string, work: () => Promise<T | undefined>, configured = false): Promise<T | undefined> {
    try {
      return await work();
    } catch (thrown) {
      if (thrown instanceof CancelledError) throw thrown;
      const error = asError(thrown);
      this.#log(`not from ${source}: ${error.message}`);
      // most machines have no keychain, and nobody who did not ask for one needs to hear of it
      const unused = !configured && systemCode(error) === 'KEYCHAIN_UNAVAILABLE';
      if (!unused) this.#warn('CREDENTIAL_SOURCE_FAILED', error.message);
      return undefined;
    }
  }

  #log(message: string): void {
    this.#options.session.emit({ type: 'log', level: 'debug', message: `credentials: ${message}` });
  }

  #warn(code: string, message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#options.session.emit({ type: 'warning', code, message });
  }
}
