/**
 * Many processes on one list, and processes that are killed at any moment: nothing is lost, nothing is half there.
 * `SHEAF_TEST_ROUNDS` multiplies the rounds; with 10 they are those that the project promises (20 and 200).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type FixtureImage, fixtureImage, pushFixtureImage } from '../../fixtures/images.ts';
import { Store } from '../../src/store/store.ts';
import { type Sheaf, sheafIn } from '../interop/tools.ts';
import { testFolder } from '../support/folders.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';

const times = Number(process.env['SHEAF_TEST_ROUNDS'] ?? 1);
const plain = '--tls-verify=false';

/** A generator of numbers from 0 to 1 that gives the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Scene {
  sheaf: Sheaf;
  registry: TestRegistry;
  images: FixtureImage[];
  names: string[];
}

async function scene(t: TestContext, count: number): Promise<Scene> {
  const registry = await withRegistry(t);
  const images = await Promise.all(
    Array.from({ length: count }, (_, at) =>
      fixtureImage({
        platform: { os: 'linux', architecture: `arch${at}` },
        layers: [{ [`file${at}`]: Buffer.alloc(200_000, at) }, { shared: 'the same in all' }],
      }),
    ),
  );
  for (const [at, image] of images.entries()) await pushFixtureImage(registry.url, 'src/app', image, `p${at}`);
  const sheaf = sheafIn(join(await testFolder(t), 'home'));
  return { sheaf, registry, images, names: images.map((_, at) => `docker://${registry.host}/src/app:p${at}`) };
}

/** Every blob in the store has the digest that is its name. */
async function checkBlobs(sheaf: Sheaf): Promise<void> {
  const folder = join(sheaf.folder, 'store', 'blobs', 'sha256');
  for (const name of await readdir(folder).catch(() => [])) {
    const bytes = await readFile(join(folder, name));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), name);
  }
}

/** What a tag of the registry names is there down to the last blob. */
async function checkComplete(registry: TestRegistry, repository: string, tag: string): Promise<void> {
  const get = (path: string) => fetch(`${registry.url}/v2/${repository}/${path}`);
  const root = await get(`manifests/${tag}`);
  if (root.status === 404) return;
  const index = (await root.json()) as { manifests: Array<{ digest: string }> };
  for (const { digest } of index.manifests) {
    const answer = await get(`manifests/${digest}`);
    assert.equal(answer.status, 200, `${digest} is missing`);
    const manifest = (await answer.json()) as { config: { digest: string }; layers: Array<{ digest: string }> };
    for (const blob of [manifest.config, ...manifest.layers]) {
      const bytes = new Uint8Array(await (await get(`blobs/${blob.digest}`)).arrayBuffer());
      assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, blob.digest);
    }
  }
}

/** Runs a command and kills it after `ms` milliseconds, unless it was done by then. */
function runAndKill(sheaf: Sheaf, ms: number, args: readonly string[]): Promise<void> {
  const program = join(import.meta.dirname, '..', '..', 'bin', 'run.js');
  const env = { PATH: process.env['PATH'], HOME: sheaf.folder, SHEAF_HOME: join(sheaf.folder, 'store') };
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], { cwd: sheaf.folder, env, stdio: 'ignore' });
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    child.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

describe('many processes at once', () => {
  for (let round = 1; round <= 2 * times; round += 1) {
    it(`32 processes add to one list and nothing is lost (${round})`, async (t) => {
      const { sheaf, images, names } = await scene(t, 32);
      await sheaf.ok('manifest', 'create', 'l');
      await Promise.all(names.map((name) => sheaf.ok('manifest', 'add', plain, 'l', name)));
      const list = JSON.parse(await sheaf.ok('manifest', 'inspect', 'l')) as { manifests: Array<{ digest: string }> };
      assert.deepEqual(
        list.manifests.map((entry) => entry.digest).sort(),
        images.map((image) => image.manifest.digest).sort(),
      );
    });
  }
});

describe('sudden death', () => {
  const seed = Number(process.env['SHEAF_TEST_SEED'] ?? Date.now() % 1_000_000);
  const rounds = 20 * times;
  it(`${rounds} adds and pushes killed at random moments leave nothing half done (seed ${seed})`, async (t) => {
    const random = randomFrom(seed);
    const { sheaf, registry, images, names } = await scene(t, 6);
    await sheaf.ok('manifest', 'create', 'l');
    const full = Date.now();
    await sheaf.ok('manifest', 'add', plain, 'l', ...names);
    const span = (Date.now() - full) * 1.1;
    for (let round = 0; round < rounds; round += 1) {
      const at = Math.floor(random() * names.length);
      const list = `k${round}`;
      if (round % 2 === 0) {
        await sheaf.ok('manifest', 'create', list);
        await runAndKill(sheaf, random() * span, ['manifest', 'add', plain, list, ...names.slice(0, at + 1)]);
        const seen = JSON.parse(await sheaf.ok('manifest', 'inspect', list)) as { manifests: unknown[] | null };
        assert.ok(
          [0, at + 1].includes(seen.manifests?.length ?? 0),
          'all images of one add come together or not at all',
        );
      } else {
        const tag = `t${round}`;
        await runAndKill(sheaf, random() * span, [
          'manifest',
          'push',
          plain,
          'l',
          `docker://${registry.host}/dst/r${round}:${tag}`,
        ]);
        await checkComplete(registry, `dst/r${round}`, tag);
      }
      await checkBlobs(sheaf);
    }
    // after all of it everything still works
    const digest = await sheaf.ok('manifest', 'push', plain, '-q', 'l', `docker://${registry.host}/dst/last:1`);
    await checkComplete(registry, 'dst/last', '1');
    assert.match(digest, /^sha256:/);
    using store = Store.open(join(sheaf.folder, 'store'));
    assert.equal(store.lists.read('l').index.manifests.length, images.length);
    for (const record of store.lists.list()) assert.ok(record.index.manifests.length <= images.length);
  });
});

describe('garbage collection', () => {
  const seed = Number(process.env['SHEAF_TEST_SEED'] ?? Date.now() % 1_000_000);
  it(`beside create, add and push, and killed at random moments, loses nothing (seed ${seed})`, async (t) => {
    const random = randomFrom(seed);
    const { sheaf, registry } = await scene(t, 0);
    // compressed, it is larger than what is kept in memory until it is sent
    const noise = Buffer.from(Array.from({ length: 5 << 20 }, () => Math.floor(random() * 256)));
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [{ noise }] });
    await pushFixtureImage(registry.url, 'src/app', image, '1');

    const lists = Array.from({ length: 3 * times }, (_, at) => `l${at}`);
    const working = Promise.allSettled(
      lists.map(async (list) => {
        await sheaf.ok('manifest', 'create', plain, list, `docker://${registry.host}/src/app:1`);
        for (const file of [`${list}-1`, `${list}-2`]) {
          await writeFile(join(sheaf.folder, file), file.repeat(50_000));
          await sheaf.ok('manifest', 'add', '--artifact', list, file);
        }
        const zstd = ['--compression-format', 'zstd', '--force-compression'];
        await sheaf.ok('manifest', 'push', '-q', plain, ...zstd, list, `docker://${registry.host}/to/${list}:1`);
      }),
    );
    let going = true;
    const ended = working.finally(() => {
      going = false;
    });
    let collected = 0;
    for (; going; collected += 1) {
      if (collected % 2 === 0) await sheaf.ok('store', 'gc', '--forget');
      else await runAndKill(sheaf, random() * 600, ['store', 'gc', '--forget']);
    }
    for (const done of await ended) if (done.status === 'rejected') throw done.reason;
    assert.ok(collected > 2, `only ${collected} collections were made`);

    await sheaf.ok('store', 'gc', '--forget');
    await sheaf.ok('store', 'verify', '-q');
    await sheaf.ok('store', 'export', '-q', plain, 'oci:out');
    using store = Store.open(join(sheaf.folder, 'store'));
    const contents = await store.contents();
    assert.deepEqual(
      contents.lists.map(({ instances, missing }) => [instances, missing]),
      lists.map(() => [3, 0]),
    );
    const nothing = { count: 0, bytes: 0 };
    const { lists: _, ...others } = contents.blobs;
    assert.deepEqual(others, { leases: nothing, waiting: nothing, garbage: nothing });
    assert.deepEqual([contents.leases, contents.temporaryFiles.garbage], [{ running: 0, garbage: 0 }, nothing]);
    for (const list of lists) await checkComplete(registry, `to/${list}`, '1');
  });
});
