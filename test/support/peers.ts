/**
 * Real programs of others to test against: skopeo, buildah, podman, crane, oras and a CNCF registry. They stand in
 * `$PEERS_DIR/bin` (`/opt/peers/bin` unless told) or on the PATH. Where one is absent, tests that need it are skipped with
 * the reason; with CI set in the environment they fail instead.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { testFolder } from './folders.ts';

export type PeerName =
  | 'skopeo'
  | 'buildah'
  | 'podman'
  | 'docker'
  | 'buildx'
  | 'crane'
  | 'oras'
  | 'cosign'
  | 'umoci'
  | 'registry'
  | 'gpg'
  | 'gpgconf'
  | 'openssl';

/** Names under which a program may stand on the PATH. */
const pathNames: Partial<Record<PeerName, string>> = { registry: 'docker-registry' };

/** The peers see this folder as it is, wherever the temporary folder of the system may be. */
const sharedFolder = '/tmp';

export function findPeer(name: PeerName): string | undefined {
  const own = join(process.env['PEERS_DIR'] ?? '/opt/peers', 'bin', name);
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, pathNames[name] ?? name));
  return [own, ...onPath].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** For the `skip` option of a test: why it cannot run here, or false. */
export function skipWithout(...names: readonly PeerName[]): string | false {
  const absent = names.filter((name) => findPeer(name) === undefined);
  return absent.length > 0 && !process.env['CI'] ? `not installed: ${absent.join(', ')}` : false;
}

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string | Uint8Array;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** Runs a program to its end, whatever that is. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const { input, env = process.env, cwd } = options;
    const child = spawn(program, args, { env, ...(cwd === undefined ? {} : { cwd }) });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? 128 + (signal ? 1 : 0), stdout, stderr }));
    // a program that does not read its input closes it, which is its right
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

export interface Peers {
  /** A folder that the peers see under the same path; home and storage of this test are in it. */
  readonly folder: string;
  /** Runs a peer with a home and a storage of its own, and returns what came of it. */
  run(name: PeerName, args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The same, but throws when it fails; returns what it printed. */
  ok(name: PeerName, args: readonly string[], options?: RunOptions): Promise<string>;
}

/** Peers that know nothing of each other's tests, nor of the user's own images and credentials. */
export async function isolatedPeers(t: TestContext): Promise<Peers> {
  const folder = await testFolder(t, sharedFolder);
  const home = { HOME: folder, XDG_RUNTIME_DIR: join(folder, 'run'), XDG_CONFIG_HOME: join(folder, 'config') };
  const storage = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
  const peers: Peers = {
    folder,
    run(name, args, options = {}) {
      const program = findPeer(name);
      if (program === undefined) throw new Error(`${name} is not installed`);
      const own = name === 'podman' || name === 'buildah' ? storage : [];
      const env: NodeJS.ProcessEnv = { ...process.env, ...home, ...options.env };
      // what the user has set is not what the test is about
      for (const variable of ['REGISTRY_AUTH_FILE', 'DOCKER_CONFIG', 'CONTAINERS_CONF', 'STORAGE_DRIVER']) {
        if (options.env?.[variable] === undefined) delete env[variable];
      }
      return run(program, [...own, ...args], { cwd: folder, ...options, env });
    },
    async ok(name, args, options) {
      const { code, stdout, stderr } = await peers.run(name, args, options);
      if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}:\n${stderr || stdout}`);
      return stdout;
    },
  };
  return peers;
}
