/** Registries for the time of one test: our own, in this process, and a real one of CNCF distribution. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Registry, type RegistryOptions, startRegistry } from '../../src/registry-server/index.ts';
import type { Certificate } from './certificate.ts';
import { createFaults, type Faults } from './faults.ts';
import { findPeer } from './peers.ts';
import type { TokenServer } from './token-server.ts';

export interface TestRegistry extends Registry {
  /** What the registry saw, and what it is to do wrong. */
  readonly faults: Faults;
}

/** Our own registry, in memory unless told, with a fault layer; closed when the test ends. */
export async function withRegistry(t: TestContext, options: Partial<RegistryOptions> = {}): Promise<TestRegistry> {
  const faults = createFaults();
  const errors: Error[] = [];
  const registry = await startRegistry({
    storage: 'memory',
    intercept: faults.intercept,
    onError: (error) => errors.push(error),
    ...options,
  });
  t.after(async () => {
    await registry.close({ graceMs: 0 });
    // a test that meets a defect of the registry without noticing has not tested what it says
    if (errors.length > 0) throw new AggregateError(errors, 'the registry failed');
  });
  return { ...registry, faults };
}

export interface RealRegistry {
  readonly url: string;
  /** `127.0.0.1:5000` */
  readonly host: string;
  readonly port: number;
}

export interface RealRegistryOptions {
  /** Any free one unless told. */
  port?: number;
  /** Asks for {@link realRegistryUser}. */
  htpasswd?: boolean;
  tls?: Certificate;
  /** With `tls`: only who shows a certificate that this one has signed gets in. */
  clientAuthority?: Certificate;
  /** Takes the tokens of this server alone. */
  token?: Pick<TokenServer, 'realm' | 'service' | 'issuer' | 'certificate'>;
}

/** Who a real registry with `htpasswd` lets in. */
export const realRegistryUser = { username: 'alice', password: 'wonderland' } as const;
const htpasswdLine = 'alice:$2y$05$sheaftestsaltsheafteseSBetUwBSeLrJY7tq1MU4LuZxBpW4skW';

/**
 * A real registry of CNCF distribution over a folder of its own, stopped when the test ends. Throws when there is none:
 * give the test `{ skip: skipWithout('registry') }`.
 */
export async function realRegistry(t: TestContext, options: RealRegistryOptions = {}): Promise<RealRegistry> {
  const program = findPeer('registry');
  if (program === undefined) throw new Error('no CNCF registry is installed');
  // below /tmp, which the registry sees under the same path as we do
  const folder = await mkdtemp('/tmp/sheaf-registry-');
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify(await configuration(folder, options)));
  const child = spawn(program, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(async () => {
    await stop(child);
    await rm(folder, { recursive: true, force: true });
  });
  const port = await listeningPort(child);
  const host = `127.0.0.1:${port}`;
  return { url: `${options.tls === undefined ? 'http' : 'https'}://${host}`, host, port };
}

/** YAML is a superset of JSON. */
async function configuration(folder: string, options: RealRegistryOptions): Promise<object> {
  const { port = 0, htpasswd, tls, clientAuthority, token } = options;
  const data = join(folder, 'data');
  await mkdir(data);
  const http: Record<string, unknown> = { addr: `127.0.0.1:${port}` };
  if (tls !== undefined) {
    await writeFile(join(folder, 'cert.pem'), tls.cert);
    await writeFile(join(folder, 'key.pem'), tls.key);
    const authorities = clientAuthority && { clientcas: [join(folder, 'clients.pem')] };
    if (clientAuthority !== undefined) await writeFile(join(folder, 'clients.pem'), clientAuthority.cert);
    http['tls'] = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), ...authorities };
  }
  const tokens = token && {
    realm: token.realm,
    service: token.service,
    issuer: token.issuer,
    rootcertbundle: join(folder, 'tokens.pem'),
  };
  if (token !== undefined) await writeFile(join(folder, 'tokens.pem'), token.certificate.cert);
  if (htpasswd) await writeFile(join(folder, 'htpasswd'), `${htpasswdLine}\n`);
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: data }, delete: { enabled: true } },
    ...(htpasswd ? { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } } : {}),
    ...(tokens ? { auth: { token: tokens } } : {}),
    http,
  };
}

/** The port that the registry says in its log that it listens on. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (log.length < 100_000) log += text;
      const match = /listening on [^"\s]*?:(\d+)/.exec(log);
      if (match !== null) resolve(Number(match[1]));
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the registry ended with ${code}:\n${log}`)));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
