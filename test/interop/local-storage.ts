/** Storages that real podman made, for tests with them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { testFolder } from '../support/folders.ts';
import { findPeer, type RunResult, run, skipWithout } from '../support/peers.ts';
import { type Sheaf, sheafIn } from './tools.ts';

type Driver = 'overlay' | 'vfs';

export interface World {
  readonly folder: string;
  /** The text before the image in names of the storage. */
  readonly storage: string;
  readonly sheaf: Sheaf;
  podman(...args: string[]): Promise<string>;
  skopeo(...args: string[]): Promise<string>;
  /** Podman's service for this storage; the place where it listens. */
  service(): Promise<string>;
}

/** A storage with the images `localhost/built:ARCHITECTURE`, and with `localhost/list:1` of all of them. */
export async function world(t: TestContext, driver: Driver, architectures = ['amd64', 'arm64']): Promise<World> {
  const folder = await testFolder(t, '/tmp');
  const [root, runRoot] = [join(folder, 'storage'), join(folder, 'run')];
  const flags = ['--root', root, '--runroot', runRoot, '--storage-driver', driver];
  const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: runRoot, XDG_CONFIG_HOME: join(folder, 'config') };
  const ok = async (name: 'podman' | 'skopeo', args: readonly string[]): Promise<string> => {
    const ran: RunResult = await run(findPeer(name) ?? '', args, { cwd: folder, env });
    assert.equal(ran.code, 0, `${name} ${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout.trim();
  };
  const podman = (...args: string[]): Promise<string> => ok('podman', [...flags, ...args]);
  await mkdir(join(folder, 'context', 'files', 'deeper'), { recursive: true });
  await writeFile(join(folder, 'context', 'files', 'deeper', 'text'), 'a text');
  await writeFile(join(folder, 'context', 'files', `${'long-name-'.repeat(20)}é`), Buffer.alloc(1_500_000, 'data'));
  await writeFile(
    join(folder, 'context', 'Containerfile'),
    'FROM scratch\nCOPY files /files\nCOPY files/deeper /files/other\nENV A="<b>"\n',
  );
  for (const architecture of architectures) {
    const name = `localhost/built:${architecture}`;
    await podman('build', '-q', '--isolation', 'chroot', '--platform', `linux/${architecture}`, '-t', name, 'context');
  }
  await podman('manifest', 'create', 'localhost/list:1', ...architectures.map((one) => `localhost/built:${one}`));
  t.after(() => podman('system', 'reset', '--force').catch(() => {}));
  return {
    folder,
    storage: `containers-storage:[${driver}@${root}+${runRoot}]`,
    sheaf: sheafIn(join(folder, 'sheaf')),
    podman,
    skopeo: (...args) => ok('skopeo', args),
    async service() {
      const socket = join(folder, 'podman.sock');
      const child = spawn(
        findPeer('podman') ?? '',
        [...flags, 'system', 'service', '--time', '0', `unix://${socket}`],
        {
          env,
          stdio: 'ignore',
        },
      );
      const ended = new Promise((resolve) => child.once('exit', resolve));
      t.after(async () => {
        child.kill();
        await ended;
      });
      while (!(await answers(socket))) await new Promise((resolve) => setTimeout(resolve, 50));
      return `unix://${socket}`;
    },
  };
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/_ping' }, (answer) => resolve(answer.resume().statusCode === 200));
    asked.once('error', () => resolve(false)).end();
  });
}

/** Every file of a `dir:` with its bytes. */
export async function filesIn(folder: string): Promise<Record<string, Digest>> {
  const names = (await readdir(folder)).sort();
  const digests = names.map(async (name) => [name, digestOf(await readFile(join(folder, name)))] as const);
  return Object.fromEntries(await Promise.all(digests));
}

/** The same without manifest: skopeo calls layers of a daemon compressed that are not. */
export async function blobsIn(folder: string): Promise<Record<string, Digest>> {
  const { 'manifest.json': _manifest, version: _version, ...blobs } = await filesIn(folder);
  return blobs;
}

/** The uncompressed layers of the manifest that a folder of `dir:` holds, and how each is kept. */
export async function layersIn(
  folder: string,
  manifest = 'manifest.json',
): Promise<Array<{ diffId: Digest; digest: string }>> {
  const { layers } = JSON.parse(await readFile(join(folder, manifest), 'utf8')) as { layers: { digest: string }[] };
  return Promise.all(
    layers.map(async ({ digest }) => {
      const bytes = await readFile(join(folder, digest.slice(7)));
      return { digest, diffId: digestOf(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes) };
    }),
  );
}

/** For the `skip` option of tests with such storages. */
export const skip =
  skipWithout('podman', 'skopeo') || (process.getuid?.() !== 0 ? 'storages of the tests are those of root' : false);
