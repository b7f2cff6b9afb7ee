/**
 * The keychain of the operating system, through keytar: Keychain on macOS, Credential Manager on Windows, the Secret Service
 * (gnome-keyring, KWallet) on Linux. All entries are sheaf's own; other programs reach them through docker-credential-sheaf.
 */
import { AuthError, asError, systemCode, UnsupportedError } from '../foundation/errors.ts';
import { type KeytarModule, loadKeytar } from './keytar.ts';
import type { StoredLogin } from './types.ts';

export interface Keychain {
  get(server: string): Promise<StoredLogin | undefined>;
  store(server: string, login: StoredLogin): Promise<void>;
  /** Answers false if there was nothing. */
  erase(server: string): Promise<boolean>;
  /** User names by server. */
  list(): Promise<Map<string, string>>;
}

export interface KeychainOptions {
  env: NodeJS.ProcessEnv;
  platform?: NodeJS.Platform;
  /** Milliseconds that one call may take; a keyring may ask a person to unlock it. */
  timeoutMs?: number;
  /** For tests. */
  load?: () => Promise<KeytarModule>;
}

/** All entries stand under this service name; the account is the server, the secret is JSON with the user name beside it. */
const service = 'sheaf';
const defaultTimeoutMs = 5_000;

/**
 * A keychain that loads keytar at its first call.
 *
 * Every method throws UnsupportedError KEYCHAIN_UNAVAILABLE (keytar is not installed, there is no session) or AuthError
 * KEYCHAIN_FAILED (locked, refused, timed out), with one line that says which.
 */
export function createKeychain(options: KeychainOptions): Keychain {
  const { timeoutMs = defaultTimeoutMs } = options;
  let loaded: Promise<KeytarModule> | undefined;
  const call = async <T>(work: (keytar: KeytarModule) => Promise<T>): Promise<T> => {
    loaded ??= open(options);
    const keytar = await loaded;
    try {
      return await within(timeoutMs, work(keytar));
    } catch (thrown) {
      throw failure(asError(thrown));
    }
  };
  return {
    get: async (server) => {
      const text = await call((keytar) => keytar.getPassword(service, server));
      return text === null ? undefined : decode(server, text);
    },
    store: (server, login) => call((keytar) => keytar.setPassword(service, server, encode(login))),
    erase: (server) => call((keytar) => keytar.deletePassword(service, server)),
    list: async () => {
      const found = await call((keytar) => keytar.findCredentials(service));
      return new Map(found.map(({ account, password }) => [account, decode(account, password).username]));
    },
  };
}

async function open({ env, platform = process.platform, load = loadKeytar }: KeychainOptions): Promise<KeytarModule> {
  // without a session bus libsecret can only fail; to know it before saves loading native code
  const bus = env['DBUS_SESSION_BUS_ADDRESS'] || env['XDG_RUNTIME_DIR'] || env['DISPLAY'];
  if (platform === 'linux' && !bus) throw unavailable('there is no D-Bus session');
  try {
    return await load();
  } catch (thrown) {
    // ERR_MODULE_NOT_FOUND: the package is not there; MODULE_NOT_FOUND: its native part was never built
    const code = systemCode(thrown);
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    throw unavailable(missing ? 'the optional package keytar is not installed' : 'keytar cannot be loaded', thrown);
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** One line for each way in which keyrings fail. */
function failure(thrown: Error): Error {
  const text = thrown.message;
  if (/autolaunch D-Bus|Could not connect|Connection refused|No such file or directory/i.test(text)) {
    return unavailable('there is no D-Bus session', thrown);
  }
  if (/ServiceUnknown|not provided by any \.service|was not provided/i.test(text)) {
    return unavailable('no keyring service runs in this session', thrown);
  }
  if (/does not exist at path|locked|dismissed|prompt/i.test(text)) {
    return new AuthError('the keychain of the operating system is locked or has no collection', {
      code: 'KEYCHAIN_FAILED',
      hint: 'Unlock the keyring, or log in with "--store file".',
      cause: thrown,
    });
  }
  return new AuthError(`the keychain of the operating system failed: ${text.split('\n', 1)[0] ?? ''}`, {
    code: 'KEYCHAIN_FAILED',
    hint: 'Log in with "--store file" to keep the credentials in a file.',
    cause: thrown,
  });
}

function unavailable(why: string, cause?: unknown): UnsupportedError {
  return new UnsupportedError(`the keychain of the operating system cannot be used: ${why}`, {
    code: 'KEYCHAIN_UNAVAILABLE',
    hint: 'Log in with "--store file" or "--store helper:NAME".',
    cause,
  });
}

function encode(login: StoredLogin): string {
  return JSON.stringify({ Username: login.username, Secret: login.secret });
}

function decode(server: string, text: string): StoredLogin {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'Username' in value && 'Secret' in value) {
      const { Username: username, Secret: secret } = value;
      if (typeof username === 'string' && typeof secret === 'string') return { username, secret };
    }
  } catch {
    // the parser's message quotes the secret
  }
  throw new AuthError(`the keychain entry of sheaf for ${server} is not one that sheaf wrote`, {
    code: 'KEYCHAIN_FAILED',
    hint: `Remove it with "sheaf logout ${server}" and log in again.`,
  });
}
