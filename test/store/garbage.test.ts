import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { CancelledError, StorageError } from '../../src/foundation/errors.ts';
import { currentOwner } from '../../src/foundation/owner.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { Store } from '../../src/store/store.ts';
import { emptyList, sha256, testStore } from './fixtures.ts';

const day = 24 * 60 * 60 * 1000;

/** The number of a process that has ended. */
const ended = spawnSync(process.execPath, ['--version']).pid;

/** Rows as another process may have left them. */
function execIn(dir: string, ...statements: string[]): void {
  const raw = new DatabaseSync(join(dir, 'sheaf.db'), { enableForeignKeyConstraints: true });
  for (const statement of statements) raw.exec(statement);
  raw.close();
}

function rowsIn(dir: string, sql: string): string[] {
  const raw = new DatabaseSync(join(dir, 'sheaf.db'));
  const rows = raw.prepare(sql).all();
  raw.close();
  return rows.map((row) => String(Object.values(row)[0]));
}

function putFile(store: Store, text: string, writtenAt = new Date()): Digest {
  const path = store.content.path(sha256(text));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  utimesSync(path, writtenAt, writtenAt);
  return sha256(text);
}

const blobsIn = ({ dir }: Store): string[] => readdirSync(join(dir, 'blobs/sha256')).sort();
const namesOf = (digests: readonly Digest[]): string[] => digests.map((digest) => digest.slice(7)).sort();

/** A store with one thing of each kind that may go or stay; its content is its name. */
async function mixedStore(store: Store): Promise<void> {
  const lease = store.openLease();
  const { digest: listed } = await store.content.putBytes(Buffer.from('listed'), { lease: lease.id });
  store.lists.create({ name: 'a', index: emptyList, content: [listed] });
  lease.close();
  const long = new Date(Date.now() - 2 * day);
  for (const text of ['held', 'waiting', 'stray', 'left', 'outdated']) putFile(store, text);
  for (const text of ['old stray', 'old left']) putFile(store, text, long);
  const soon = Date.now() + day;
  const { host } = currentOwner();
  execIn(
    store.dir,
    `INSERT INTO leases VALUES ('running', '${host}', ${process.pid}, ${soon}), ('ended', '${host}', ${ended}, ${soon})`,
    `INSERT INTO lease_content VALUES ('running', '${sha256('held')}'), ('ended', '${sha256('left')}'),
      ('ended', '${sha256('old left')}'), ('ended', '${listed}')`,
    `INSERT INTO kept_content VALUES ('${sha256('waiting')}', ${soon}), ('${sha256('outdated')}', ${Date.now() - 1})`,
    `INSERT INTO recompressions VALUES ('x', 'gzip', 'y', 1, 'gzip', '{}', 2)`,
    `INSERT INTO uploads VALUES ('r', 'a', 'x', 's', ${Date.now()}), ('r', 'b', 'x', 's', ${Date.now() - 8 * day})`,
    `INSERT INTO blob_places VALUES ('x', 'r', 'a', ${Date.now()}), ('x', 'r', 'b', ${Date.now() - 91 * day})`,
    `INSERT INTO written_repositories VALUES ('r', 'a', ${Date.now()}), ('r', 'b', ${Date.now() - 91 * day})`,
  );
  mkdirSync(join(store.dir, 'tmp'), { recursive: true });
  writeFileSync(join(store.dir, 'tmp', `${host}-${ended}-x-1`), '12345');
  writeFileSync(join(store.dir, 'tmp', `${host}-${process.pid}-x-1`), '12345');
}

for (const [title, request, gone, knowledge] of [
  ['', {}, ['stray', 'left', 'outdated', 'old stray', 'old left'], 3],
  [', but not what is young', { olderThanMs: day }, ['old stray', 'old left'], 3],
  [', and what was learned', { forget: true }, ['stray', 'left', 'outdated', 'old stray', 'old left', 'waiting'], 7],
] as const) {
  test(`what nothing needs goes${title}: exactly what a dry run tells`, async (t) => {
    const store = await testStore(t);
    await mixedStore(store);
    const before = blobsIn(store);
    const told = await store.collectGarbage({ ...request, dryRun: true });
    assert.deepEqual(blobsIn(store), before);
    assert.deepEqual(rowsIn(store.dir, 'SELECT id FROM leases ORDER BY id'), ['ended', 'running']);
    assert.equal(rowsIn(store.dir, 'SELECT repository FROM uploads').length, 2);
    assert.equal(readdirSync(join(store.dir, 'tmp')).length, 2);

    const { compacted, ...done } = await store.collectGarbage(request);
    assert.deepEqual(done, told);
    assert.equal(compacted, 0);
    assert.deepEqual(
      done.blobs,
      gone.map((text) => ({ digest: sha256(text), size: text.length })).sort((a, b) => (a.digest < b.digest ? -1 : 1)),
    );
    assert.deepEqual([done.leases, done.knowledge, done.temporaryFiles.map(({ size }) => size)], [1, knowledge, [5]]);
    assert.equal(done.bytes, gone.join('').length + 5);
    const removed = namesOf(gone.map((text) => sha256(text)));
    assert.deepEqual(
      blobsIn(store),
      before.filter((name) => !removed.includes(name)),
    );
    assert.deepEqual(rowsIn(store.dir, 'SELECT id FROM leases'), ['running']);
    assert.equal(readdirSync(join(store.dir, 'tmp')).length, 1);
    const kept = 'forget' in request ? [] : ['a'];
    for (const table of ['uploads', 'blob_places', 'written_repositories']) {
      assert.deepEqual(rowsIn(store.dir, `SELECT repository FROM ${table}`), kept);
    }

    const again = await store.collectGarbage(request);
    assert.deepEqual([again.bytes, again.leases, again.knowledge], [0, 0, 0]);
    // what was young is not forgotten
    if ('olderThanMs' in request) assert.deepEqual((await store.collectGarbage()).blobs.length, 3);
    assert.deepEqual(rowsIn(store.dir, 'SELECT digest FROM loose_content'), []);
  });
}

test('what somebody comes to need while garbage is collected stays', async (t) => {
  const store = await testStore(t);
  store.lists.create({ name: 'a', index: emptyList });
  const digests = Array.from({ length: 1500 }, (_, at) => putFile(store, `stray ${at}`)).sort();
  const [first = sha256(''), last = sha256('')] = [digests[0], digests.at(-1)];
  using other = Store.open(store.dir);
  const collecting = store.collectGarbage();
  while (existsSync(store.content.path(first))) await setImmediate();
  using lease = other.openLease();
  assert.deepEqual(await lease.hold([first, last]), [last]);
  const { blobs } = await collecting;
  assert.equal(blobs.length, digests.length - 1);
  assert.deepEqual(blobsIn(store), namesOf([last]));
});

test('it stops where the run is cancelled, and goes on the next time', async (t) => {
  const store = await testStore(t);
  store.lists.create({ name: 'a', index: emptyList });
  const stop = new AbortController();
  const digests = Array.from({ length: 1000 }, (_, at) => putFile(store, `stray ${at}`)).sort();
  const collecting = assert.rejects(store.collectGarbage({ signal: stop.signal }), CancelledError);
  while (existsSync(store.content.path(digests[0] ?? sha256('')))) await setImmediate();
  stop.abort();
  await collecting;
  const left = blobsIn(store).length;
  assert.ok(left > 0 && left < digests.length, `${left} are left`);
  assert.equal((await store.collectGarbage()).blobs.length, left);
});

test('blobs whose database has gone are left alone', async (t) => {
  const store = await testStore(t);
  store.lists.create({ name: 'a', index: emptyList });
  putFile(store, 'stray');
  store.close();
  rmSync(join(store.dir, 'sheaf.db'));
  for (const dryRun of [true, false]) {
    await assert.rejects(
      store.collectGarbage({ dryRun }),
      (thrown) => thrown instanceof StorageError && thrown.code === 'NO_DATABASE' && /has 1 blobs/.test(thrown.message),
    );
  }
  assert.deepEqual(blobsIn(store), namesOf([sha256('stray')]));
});

test('nothing is removed by what a damaged database says', async (t) => {
  const store = await testStore(t);
  const { digest } = await store.content.putBytes(Buffer.from('listed'));
  store.lists.create({ name: 'a', index: emptyList, content: [digest] });
  store.close();
  // the indexes by which it is asked who needs a blob are empty, as if nobody needed any (SQLite's file format, 1.6)
  const [pageSize = ''] = rowsIn(store.dir, 'PRAGMA page_size');
  const roots = rowsIn(
    store.dir,
    "SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'list_content'",
  );
  const file = join(store.dir, 'sheaf.db');
  const bytes = readFileSync(file);
  for (const root of roots) bytes.writeUInt16BE(0, (Number(root) - 1) * Number(pageSize) + 3);
  writeFileSync(file, bytes);
  for (const dryRun of [true, false]) {
    await assert.rejects(
      store.collectGarbage({ dryRun }),
      (thrown) => thrown instanceof StorageError && thrown.code === 'STORE_CORRUPT',
    );
  }
  assert.deepEqual(blobsIn(store), namesOf([digest]));
});

test('the room of many rows that are gone is given back', async (t) => {
  const store = await testStore(t);
  const much = { files: { a: ['x'.repeat(2 << 20)] } };
  const { id } = store.lists.create({ name: 'a', index: emptyList, ...much });
  store.lists.create({ name: 'b', index: emptyList });
  store.lists.remove(id);
  store.close();
  const file = join(store.dir, 'sheaf.db');
  const before = statSync(file).size;
  const { compacted } = await store.collectGarbage();
  store.close();
  assert.equal(compacted, before - statSync(file).size);
  assert.ok(statSync(file).size < 200_000, `${before} -> ${statSync(file).size}`);
  assert.equal(store.lists.read('b').revision, 1);
});
