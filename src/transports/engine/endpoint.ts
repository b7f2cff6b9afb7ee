/**
 * Where the daemon of Docker, or podman's service, listens.
 *
 * Source: the environment variables and contexts of the `docker` command, which takes `DOCKER_HOST` first, then `DOCKER_CONTEXT`,
 * then `currentContext` of its configuration.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NotFoundError, UnsupportedError, UsageError } from '../../foundation/errors.ts';
import { digestOf, encodedOf } from '../../oci/digest.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import { readSmallFile } from '../local-file.ts';
import type { PlaceSettings } from '../transport.ts';

export interface EngineTls {
  /** PEM; absent where the file is. */
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
  /** Whether the daemon must prove who it is. */
  readonly verify: boolean;
}

export type EngineEndpoint =
  | { readonly text: string; readonly socket: string }
  | { readonly text: string; readonly host: string; readonly port: number; readonly tls?: EngineTls };

const maxFileBytes = 1 << 20;
const standardHost = 'unix:///var/run/docker.sock';

/**
 * The daemon that `settings` name, in the words of skopeo's flags: `tcp://` means TLS there, `http://` does not. Else the one
 * that the environment names; certificates of the settings go before its own.
 *
 * Throws UsageError INVALID_DOCKER_HOST, UnsupportedError DAEMON_OVER_SSH, NotFoundError DOCKER_CONTEXT_NOT_FOUND, and
 * StorageError for certificates that cannot be read.
 */
export async function dockerEndpoint(
  settings: PlaceSettings = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<EngineEndpoint> {
  const { daemonHost, certDir, tlsVerify } = settings;
  if (daemonHost === undefined) {
    const found = await environmentEndpoint(env);
    if (certDir === undefined || 'socket' in found) return found;
    return { ...found, tls: await readTls(certDir, tlsVerify ?? true) };
  }
  const isPlain = !/^(?:tcp|https):/.test(daemonHost);
  const verify = tlsVerify ?? true;
  return parseEndpoint(
    daemonHost,
    isPlain ? undefined : certDir === undefined ? { verify } : await readTls(certDir, verify),
  );
}

async function environmentEndpoint(env: NodeJS.ProcessEnv): Promise<EngineEndpoint> {
  const configDir = env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker');
  const host = env['DOCKER_HOST'];
  if (!host) {
    const context = env['DOCKER_CONTEXT'] || (await currentContext(configDir));
    if (context !== undefined && context !== 'default') return contextEndpoint(configDir, context);
  }
  const verify = Boolean(env['DOCKER_TLS_VERIFY']);
  const withTls = verify || Boolean(env['DOCKER_TLS']);
  const tls = withTls ? await readTls(env['DOCKER_CERT_PATH'] || configDir, verify) : undefined;
  return parseEndpoint(host || standardHost, tls);
}

/** Throws UsageError INVALID_DOCKER_HOST, UnsupportedError DAEMON_OVER_SSH. */
export function parseEndpoint(text: string, tls?: EngineTls): EngineEndpoint {
  const [, scheme, rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(text) ?? [];
  if (scheme === 'unix' && rest.startsWith('/')) return { text, socket: rest };
  if (scheme === 'ssh') {
    throw new UnsupportedError(`the daemon is at ${text}, which sheaf cannot reach: it does not speak SSH`, {
      code: 'DAEMON_OVER_SSH',
      hint: 'Bring its socket here with `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST`, and set DOCKER_HOST=unix:///tmp/docker.sock.',
    });
  }
  if (scheme === 'tcp' || scheme === 'http' || scheme === 'https') {
    const secure = scheme === 'http' ? undefined : (tls ?? (scheme === 'https' ? { verify: true } : undefined));
    const standardPort = secure === undefined ? 2375 : 2376;
    const [, name, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]+))(?::(\d+))?\/?$/.exec(rest) ?? [];
    const host = name ?? plain;
    if (host !== undefined) {
      return { text, host, port: Number(port ?? standardPort), ...(secure === undefined ? {} : { tls: secure }) };
    }
  }
  throw new UsageError(`"${text}" is no place of a daemon that sheaf could reach`, {
    code: 'INVALID_DOCKER_HOST',
    hint: 'Write unix:///PATH, tcp://HOST:PORT or http://HOST:PORT.',
  });
}

async function currentContext(configDir: string): Promise<string | undefined> {
  const bytes = await readSmallFile(join(configDir, 'config.json'), maxFileBytes);
  const config = bytes && parseJson(bytes, join(configDir, 'config.json'));
  const context = isJsonObject(config) ? config['currentContext'] : undefined;
  return typeof context === 'string' && context !== '' ? context : undefined;
}

async function contextEndpoint(configDir: string, name: string): Promise<EngineEndpoint> {
  const folder = encodedOf(digestOf(Buffer.from(name)));
  const path = join(configDir, 'contexts', 'meta', folder, 'meta.json');
  const bytes = await readSmallFile(path, maxFileBytes);
  const docker = bytes && memberOf(memberOf(parseJson(bytes, path), 'Endpoints'), 'docker');
  const host = memberOf(docker, 'Host');
  if (typeof host !== 'string') {
    throw new NotFoundError(`the Docker context "${name}" is not there, or names no daemon`, {
      code: 'DOCKER_CONTEXT_NOT_FOUND',
      hint: '`docker context ls` lists them; DOCKER_CONTEXT chooses one, DOCKER_HOST goes before it.',
    });
  }
  const tls = await readTls(
    join(configDir, 'contexts', 'tls', folder, 'docker'),
    memberOf(docker, 'SkipTLSVerify') !== true,
  );
  return parseEndpoint(host, tls.ca === undefined && tls.cert === undefined ? undefined : tls);
}

function memberOf(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) ? value[key] : undefined;
}

async function readTls(folder: string, verify: boolean): Promise<EngineTls> {
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readSmallFile(join(folder, name), maxFileBytes)),
  );
  return {
    verify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
