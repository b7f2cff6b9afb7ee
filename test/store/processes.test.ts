/**
 * Many processes on one store, and processes that are killed. `SHEAF_TEST_SEED` repeats a run, `SHEAF_TEST_ROUNDS` and
 * `SHEAF_TEST_KILLS` make it longer.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Digest } from '../../src/oci/digest.ts';
import { Store } from '../../src/store/store.ts';
import { testFolder } from '../support/folders.ts';
import { emptyList, entryOf, fileMatches } from './fixtures.ts';
import { randomFrom } from './random.ts';

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
const seed = Number(process.env['SHEAF_TEST_SEED'] ?? Date.now() % 1_000_000);
const rounds = Number(process.env['SHEAF_TEST_ROUNDS'] ?? 3);
const kills = Number(process.env['SHEAF_TEST_KILLS'] ?? 60);

interface Worker {
  readonly child: ChildProcess;
  /** Resolves when it has ended, with what it wrote to stderr unless all went well. */
  readonly ended: Promise<string>;
}

/** Compiled code for the workers, so that starting hundreds of them takes little. */
const cache = mkdtempSync(join(tmpdir(), 'sheaf-test-'));
after(() => rmSync(cache, { recursive: true, force: true }));
before(() => {
  // killed processes save nothing there, so one that ends has to be the first
  spawnSync(process.execPath, [worker, 'nothing'], { env: { ...process.env, NODE_COMPILE_CACHE: cache } });
});

/** Starts a worker; resolves when it waits for the word. */
async function startWorker(t: TestContext, what: string, dir: string, own: number): Promise<Worker> {
  const child = fork(worker, [what, dir, String(own)], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
  t.after(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  const ended = once(child, 'close').then(([code, signal]) => (code === 0 ? said : `${signal ?? code} ${said}`));
  await Promise.race([
    once(child, 'message'),
    ended.then((why) => Promise.reject(new Error(`a worker ended: ${why}`))),
  ]);
  return { child, ended };
}

/** Runs workers that begin at one moment, to their end. */
async function runTogether(t: TestContext, what: string, dir: string, count: number): Promise<void> {
  const workers = await Promise.all(Array.from({ length: count }, (_, at) => startWorker(t, what, dir, seed + at)));
  for (const { child } of workers) child.send('go');
  const ends = await Promise.all(workers.map(({ ended }) => ended));
  assert.deepEqual(
    ends.filter((end) => end !== ''),
    [],
  );
}

/** Everything that must hold of a store that nobody uses, whatever has happened to it. */
async function requireSound(dir: string): Promise<void> {
  {
    using store = Store.open(dir);
    for (const list of store.lists.list()) {
      assert.deepEqual(store.lists.read(list.id), list);
      for (const digest of list.content) assert.ok(await store.content.has(digest), `${list.names[0]} lacks ${digest}`);
    }
    await store.collectGarbage();
  }
  const raw = new DatabaseSync(join(dir, 'sheaf.db'));
  const rows = (sql: string) =>
    raw
      .prepare(sql)
      .all()
      .map((row) => String(Object.values(row)[0]));
  assert.deepEqual(rows('PRAGMA integrity_check'), ['ok']);
  assert.deepEqual(rows('PRAGMA foreign_key_check'), []);
  assert.deepEqual(rows('SELECT id FROM leases'), []);
  assert.deepEqual(rows('SELECT digest FROM loose_content'), []);
  const kept = new Set(rows('SELECT digest FROM list_content'));
  raw.close();
  const files = readdirSync(join(dir, 'blobs/sha256')).map((hex): Digest => `sha256:${hex}`);
  assert.deepEqual(new Set(files), kept, 'there are other files than the lists keep');
  for (const digest of files) assert.ok(await fileMatches(join(dir, 'blobs/sha256', digest.slice(7)), digest), digest);
  if (existsSync(join(dir, 'tmp'))) assert.deepEqual(readdirSync(join(dir, 'tmp')), []);
}

test(`32 processes that add to one list at once lose nothing (${rounds} times)`, async (t) => {
  for (let round = 0; round < rounds; round += 1) {
    const dir = join(await testFolder(t), 'home');
    {
      using store = Store.open(dir);
      store.lists.create({ name: 'shared', index: emptyList });
    }
    await runTogether(t, 'add', dir, 32);
    using store = Store.open(dir);
    const record = store.lists.read('shared');
    const wanted = Array.from({ length: 32 }, (_, one) =>
      Array.from({ length: 5 }, (_, at) => entryOf(`${seed + one}-${at}`)),
    );
    assert.deepEqual(
      new Set(record.index.manifests.map((entry) => entry.digest)),
      new Set(wanted.flat().map((entry) => entry.digest)),
    );
    assert.equal(record.index.manifests.length, 160);
    assert.equal(record.revision, 161);
    assert.equal(store.lists.list().length, 33);
  }
});

test('16 processes that make the store at one moment all succeed', async (t) => {
  const dir = join(await testFolder(t), 'not', 'there', 'yet');
  await runTogether(t, 'make', dir, 16);
  using store = Store.open(dir);
  assert.equal(store.lists.list().length, 16);
});

test('content that one process finds while another lets it go is there for the list', async (t) => {
  t.diagnostic(`seed ${seed}`);
  const dir = join(await testFolder(t), 'home');
  await runTogether(t, 'share', dir, 4);
  await requireSound(dir);
  assert.deepEqual(readdirSync(join(dir, 'blobs/sha256')), []);
});

test(`${kills} processes killed at any moment leave the store sound`, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const random = randomFrom(seed);
  const dir = join(await testFolder(t), 'home');
  {
    using store = Store.open(dir);
    store.lists.create({ name: 'shared', index: emptyList });
  }
  const added: Digest[] = [];
  for (let killed = 0; killed < kills; killed += 3) {
    const workers = await Promise.all([0, 1, 2].map((at) => startWorker(t, 'churn', dir, seed + killed + at)));
    await Promise.all(
      workers.map(async ({ child, ended }) => {
        let left = Math.floor(random() * 8);
        const spin = random() * 4;
        const kill = (): void => {
          for (const until = performance.now() + spin; performance.now() < until; );
          child.kill('SIGKILL');
        };
        child.on('message', (message: { added: Digest }) => {
          added.push(message.added);
          left -= 1;
          if (left === 0) kill();
        });
        child.send('go');
        if (left === 0) kill();
        assert.match(await ended, /^SIGKILL /);
      }),
    );
    using store = Store.open(dir);
    for (const list of store.lists.list()) {
      assert.deepEqual(store.lists.read(list.id), list);
      if (list.names[0] !== 'localhost/shared:latest') assert.equal(list.index.manifests.length, 1);
      for (const digest of list.content) assert.ok(await fileMatches(store.content.path(digest), digest), digest);
    }
  }
  using store = Store.open(dir);
  const there = new Set<Digest>(store.lists.read('shared').index.manifests.map((entry) => entry.digest));
  assert.deepEqual(
    added.filter((digest) => !there.has(digest)),
    [],
    'what was told as added is gone',
  );
  assert.ok(kills < 20 || added.length > kills, `only ${added.length} additions were made`);
  store.close();
  await requireSound(dir);
});
