/**
 * Gathers right after a build what bin/built-program.js gathers in a user's first runs: V8's code of the commands that need
 * most of it, in dist/code. So a checkout, which is built again and again, and a machine of CI, which has no cache, are fast from
 * their first run on. It is not published: V8 takes code of its very own version alone.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fixtureImage, fixtureIndex, writeFixtureLayout } from '../fixtures/images.ts';
import { startRegistry } from '../fixtures/registry.ts';

const root = join(import.meta.dirname, '..');
const sheaf = join(root, 'bin', 'run.js');
const code = join(root, 'dist', 'code');
// beside dist/, so that it can be moved there
const folder = await mkdtemp(join(root, '.dist-code-'));
try {
  await typicalRuns();
  await rename(join(folder, 'sheaf', 'compile-cache'), code);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function typicalRuns(): Promise<void> {
  // nothing of the user's: not the store, not the credentials, not a configured registry
  const env = { PATH: process.env['PATH'], HOME: folder, SHEAF_HOME: join(folder, 'store'), XDG_CACHE_HOME: folder };
  const run = async (...args: string[]): Promise<void> => {
    await promisify(execFile)(process.execPath, [sheaf, ...args], { cwd: folder, env });
  };
  await using registry = await startRegistry(sheaf, env);

  const images = await Promise.all(
    ['amd64', 'arm64'].map((architecture) =>
      fixtureImage({
        platform: { os: 'linux', architecture },
        // one that is read, compressed and sent in many pieces, one that is not
        layers: [{ 'usr/bin/app': randomBytes(3 << 20).toString('base64') }, { 'etc/platform': architecture }],
      }),
    ),
  );
  const named = Object.fromEntries(images.map((image) => [image.platform.architecture, image]));
  await writeFixtureLayout(join(folder, 'images'), named, { list: fixtureIndex(images) });

  const copy = ['image', 'copy', '--all', '--quiet', '--tls-verify=false'];
  const to = (name: string): string => `docker://${registry.host}/${name}:1`;
  await run(...copy, 'oci:images:list', to('as-it-is'));
  await run(...copy, 'oci:images:list', to('as-it-is'));
  await run(...copy, '--dest-compress-format', 'zstd', 'oci:images:list', to('zstd'));
  await run(...copy, '--dest-decompress', to('as-it-is'), 'oci:plain:list');
  await run(...copy, '--dest-compress-format', 'gzip', 'oci:plain:list', to('gzip'));
  await run(...copy, '--add-compression', 'zstd', 'oci:images:list', to('variants'));
  await run('manifest', 'create', 'list', 'oci:images:amd64');
  await run('manifest', 'add', 'list', 'oci:images:arm64');
  await run('manifest', 'push', '--tls-verify=false', 'list', to('pushed'));
}
