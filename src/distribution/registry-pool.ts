/**
 * The registries of one run. Connections, tokens, the scheme (https or http) and what was learned about a registry are
 * shared by everything that talks to it.
 */
import { UsageError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import { type Connections, createConnections } from './connections.ts';
import { createLanes } from './lanes.ts';
import { createRegistryClient, type RegistryClient } from './registry-client.ts';
import { createWarnings } from './warnings.ts';

/** What proves to a registry who we are. `login` is for registries that want basic authentication and so take no token. */
export type Credentials =
  | { kind: 'basic'; username: string; password: string }
  /** An OAuth2 refresh token, as `docker login` stores it for some registries. */
  | { kind: 'identity-token'; token: string; login?: { username: string; password: string } }
  /** A ready bearer token; sent as it is, never renewed. */
  | { kind: 'bearer'; token: string; login?: { username: string; password: string } };

/**
 * Finds the credentials for `repository` on `host` (as the reference names it: `docker.io`, `127.0.0.1:5000`);
 * `undefined` where there are none. Called only after the registry has asked for credentials, and once for each
 * repository. `elsewhere`: nobody named this registry, a configuration puts it in the place of another one; it must not
 * get what was given for that one.
 */
export type CredentialProvider = (
  host: string,
  repository: string,
  elsewhere?: boolean,
) => Promise<Credentials | undefined>;

export interface RetrySettings {
  /** How many times a request is made again after its first failure. */
  maxRetries: number;
  /** A fixed wait in milliseconds between tries; without it 1, 2, 4, ... s with up to 10 % on top. */
  delayMs?: number;
  /** The longest `Retry-After` in milliseconds that is waited for; a longer one is an error. Default 10 minutes. */
  maxWaitMs?: number;
}

/** Milliseconds. */
export interface TimeoutSettings {
  /** Until a connection stands, TLS included. Default 30 s. */
  connectMs?: number;
  /** From the end of a request (or the last byte taken from it) to the head of the answer. Default 300 s. */
  headersMs?: number;
  /** Between two pieces of an answer's body. Default 60 s. */
  bodyMs?: number;
  /** For a whole small answer (manifest, token, error list), so that a body that drips for ever ends. Default 300 s. */
  smallBodyMs?: number;
}

/** Bytes. */
export interface UploadSettings {
  /**
   * Blobs up to this size are sent with the closing PUT, which saves a round trip; larger ones can be resumed. Default
   * 32 MiB.
   */
  wholeBytes?: number;
  /** After a cut, larger ones than this are sent in the resumable way. Default 1 MiB. */
  resumableBytes?: number;
  /**
   * Size of the pieces for registries that find a whole blob too large, and where nothing is kept of one that was cut; down to a
   * sixteenth where these are, too. Default 16 MiB.
   */
  pieceBytes?: number;
}

/** Certificate authorities other than those that come with Node.js. */
export interface Authorities {
  /**
   * Whether they take the place of those of Node.js from the start; otherwise they are read when a certificate has an
   * issuer that is not known.
   */
  always: boolean;
  /** All that are trusted then, as PEM texts. */
  read(): Promise<readonly string[]>;
}

export interface RegistrySettings {
  /** `false`: certificates are not verified and plain HTTP is allowed. Default `true`. */
  tlsVerify?: boolean;
  /**
   * A folder with `*.crt` (authorities to trust beside the system's) and `X.cert` with `X.key` (client certificates).
   */
  certDir?: string;
  /** Finds such a folder for a registry that has one of its own; asked before the first request, where there is no `certDir`. */
  findCertDir?: (host: string) => Promise<string | undefined>;
  authorities?: Authorities;
  /** Credentials for every registry of this pool; they win over those of the provider. */
  creds?: { username: string; password: string };
  retry: RetrySettings;
  timeouts?: TimeoutSettings;
  uploads?: UploadSettings;
  /** `sheaf/<version>`. */
  userAgent?: string;
  /** Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (or in lower case) are read. Default `process.env`. */
  env?: Readonly<Record<string, string | undefined>>;
}

/** What the configuration of a machine says of a registry. */
export interface RegistryAccess {
  /** Counts as `tlsVerify: false` where the settings leave that open. */
  insecure?: boolean;
  /** See {@link CredentialProvider}; `creds` of the settings are not for it either. */
  elsewhere?: boolean;
}

export interface RegistryPool extends AsyncDisposable {
  /**
   * The client of a registry, one a host and access a run. `host` as a reference names it: `docker.io`, `[::1]:5000`.
   */
  client(host: string, access?: RegistryAccess): RegistryClient;
}

/**
 * A pool whose requests obey the session's limiter, clock and signal. Disposing of it ends every connection at once.
 *
 * @throws UsageError RETRIES, INVALID_SETTING: what is no number would never be reached
 */
export function createRegistryPool(
  session: Session,
  settings: RegistrySettings,
  credentials: CredentialProvider,
): RegistryPool {
  const { maxRetries } = settings.retry;
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 0) {
    throw new UsageError(`a request cannot be made again ${maxRetries} times`, {
      code: 'RETRIES',
      hint: 'Let "maxRetries" be a whole number from 0 on.',
    });
  }
  checkSettings(settings);
  const shared = { session, warnings: createWarnings(session), lanes: createLanes(session) };
  const opened = new Map<string, Connections>();
  const connectionsFor = (own: RegistrySettings): Connections => {
    const key = `${own.tlsVerify ?? ''} ${own.certDir ?? ''}`;
    let connections = opened.get(key);
    if (connections === undefined) {
      connections = createConnections(own);
      opened.set(key, connections);
    }
    return connections;
  };
  const clients = new Map<string, RegistryClient>();
  const open = (host: string, { insecure = false, elsewhere = false }: RegistryAccess): RegistryClient => {
    const { creds, ...rest } = settings;
    const own: RegistrySettings = {
      ...rest,
      ...(creds && !elsewhere && { creds }),
      ...(insecure && { tlsVerify: settings.tlsVerify ?? false }),
    };
    return createRegistryClient(host, {
      ...shared,
      settings: own,
      credentials: (registry, repository) => credentials(registry, repository, elsewhere),
      connections: certified(host, own, connectionsFor),
    });
  };
  return {
    client(host, access = {}) {
      const key = `${host} ${access.insecure === true} ${access.elsewhere === true}`;
      let client = clients.get(key);
      if (client === undefined) {
        client = open(host, access);
        clients.set(key, client);
      }
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...opened.values()].map((connections) => connections.close()));
    },
  };
}

/** The longest that a timer of Node.js waits, in milliseconds. */
const longestTimer = 2 ** 31 - 1;
/** What each setting may be at least and at most. */
const bounds: Readonly<Record<string, readonly [least: number, most: number]>> = {
  delayMs: [0, longestTimer],
  maxWaitMs: [0, Number.POSITIVE_INFINITY],
  connectMs: [1, longestTimer],
  headersMs: [1, longestTimer],
  bodyMs: [1, longestTimer],
  smallBodyMs: [1, longestTimer],
  wholeBytes: [0, Number.POSITIVE_INFINITY],
  resumableBytes: [0, Number.POSITIVE_INFINITY],
  pieceBytes: [1, Number.POSITIVE_INFINITY],
};

function checkSettings({ retry, timeouts, uploads, certDir }: RegistrySettings): void {
  for (const [name, value] of Object.entries({ ...retry, ...timeouts, ...uploads })) {
    const [least, most] = bounds[name] ?? [];
    if (value === undefined || least === undefined || most === undefined || (value >= least && value <= most)) continue;
    const upTo = most === Number.POSITIVE_INFINITY ? 'on' : `to ${most}`;
    throw new UsageError(`${value} cannot be "${name}" of the connections to registries`, {
      code: 'INVALID_SETTING',
      hint: `Let it be a number from ${least} ${upTo}, or leave it away.`,
    });
  }
  if (certDir === '') {
    throw new UsageError('"certDir" of the connections to registries is empty', {
      code: 'INVALID_SETTING',
      hint: 'Name the folder, or leave it away.',
    });
  }
}

/** The connections for `host`, with the folder of certificates that it may have of its own. */
function certified(
  host: string,
  settings: RegistrySettings,
  connectionsFor: (settings: RegistrySettings) => Connections,
): Omit<Connections, 'close'> {
  const { certDir, findCertDir } = settings;
  if (certDir !== undefined || findCertDir === undefined) return connectionsFor(settings);
  let found: Promise<Connections> | undefined;
  const find = async (): Promise<Connections> => {
    const directory = await findCertDir(host);
    return connectionsFor(directory === undefined ? settings : { ...settings, certDir: directory });
  };
  return {
    async forwarderOf(url) {
      return (await found)?.forwarderOf(url);
    },
    async dispatcherFor(url, own) {
      found ??= find();
      return (await found).dispatcherFor(url, own);
    },
    prepare(origin, count) {
      found ??= find();
      // whoever sends a request is told what is wrong
      found.then((connections) => connections.prepare(origin, count)).catch(() => {});
    },
  };
}
