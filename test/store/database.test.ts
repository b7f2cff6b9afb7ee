import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SheafError, StorageError } from '../../src/foundation/errors.ts';
import { StoreDatabase } from '../../src/store/database.ts';
import { migrations } from '../../src/store/schema.ts';
import { Store } from '../../src/store/store.ts';
import { onSmallDisk } from '../support/disks.ts';
import { testFolder } from '../support/folders.ts';
import { emptyList, testStore, withEntry } from './fixtures.ts';

const isStorageError = (code: string, text?: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof StorageError, String(thrown));
  assert.equal(thrown.code, code, thrown.message);
  assert.equal(thrown.exitCode, 9);
  assert.ok(thrown.hint !== undefined);
  if (text !== undefined) assert.match(thrown.message, text);
  return true;
};

/** Runs code that uses a store in a process of its own; returns what it printed. */
const fragment = fileURLToPath(new URL('./fragment.ts', import.meta.url));

test('the connection is durable, checks keys and waits for others', async (t) => {
  const database = new StoreDatabase(await testFolder(t));
  t.after(() => database.close());
  const value = (pragma: string) =>
    database.transaction((tables) => Object.values(tables.get(`PRAGMA ${pragma}`) ?? {})[0]);
  assert.equal(value('journal_mode'), 'wal');
  assert.equal(value('synchronous'), 2);
  assert.equal(value('foreign_keys'), 1);
  assert.equal(value('busy_timeout'), 30_000);
  assert.equal(value('user_version'), migrations.length);
  assert.equal(value('integrity_check'), 'ok');
  database.transaction((tables) => assert.equal(tables.get('PRAGMA synchronous')?.['synchronous'], 1), {
    durable: false,
  });
  assert.equal(value('synchronous'), 2);
});

test('a transaction is all or nothing', async (t) => {
  const database = new StoreDatabase(await testFolder(t));
  t.after(() => database.close());
  const rows = () => database.read((tables) => tables.all('SELECT digest FROM loose_content').length);
  const refusal = new Error('no');
  for (const durable of [true, false]) {
    assert.throws(
      () =>
        database.transaction(
          (tables) => {
            tables.run("INSERT INTO loose_content VALUES ('x')");
            throw refusal;
          },
          { durable },
        ),
      (thrown) => thrown === refusal,
    );
  }
  assert.equal(rows(), 0);
  assert.equal(
    database.transaction((tables) => {
      tables.run("INSERT INTO loose_content VALUES ('x')");
      return 'result';
    }),
    'result',
  );
  assert.equal(rows(), 1);
  assert.throws(
    () => database.transaction(() => database.transaction(() => {})),
    (thrown) => thrown instanceof SheafError && thrown.kind === 'bug',
  );
});

test('a store of a newer version is left alone', async (t) => {
  const store = await testStore(t);
  store.lists.create({ name: 'foo', index: emptyList });
  store.close();
  const file = join(store.dir, 'sheaf.db');
  const raw = new DatabaseSync(file);
  raw.exec(`PRAGMA user_version = ${migrations.length + 1}`);
  raw.close();
  const before = readFileSync(file);
  const tooNew = isStorageError(
    'STORE_TOO_NEW',
    new RegExp(`has the format ${migrations.length + 1}; .* up to ${migrations.length}$`),
  );
  assert.throws(() => store.lists.exists('foo'), tooNew);
  assert.throws(() => store.lists.create({ name: 'bar', index: emptyList }), tooNew);
  assert.deepEqual(readFileSync(file), before);
});

test('a store that was begun and not finished is finished by the next', async (t) => {
  const folder = await testFolder(t);
  writeFileSync(join(folder, 'sheaf.db'), '');
  using store = Store.open(folder);
  assert.equal(store.lists.exists('foo'), false);
  store.lists.create({ name: 'foo', index: emptyList });
  assert.equal(store.lists.exists('foo'), true);
});

test('a store that was begun and cannot be finished is told as such', async (t) => {
  const folder = await testFolder(t);
  writeFileSync(join(folder, 'sheaf.db'), '');
  // SQLite cannot open what it needs, as where too many files are open
  mkdirSync(join(folder, 'sheaf.db-journal'));
  using store = Store.open(folder);
  assert.throws(() => store.lists.exists('foo'), isStorageError('STORE_READ_ONLY'));
  assert.throws(() => store.lists.create({ name: 'foo', index: emptyList }), isStorageError('STORE_READ_ONLY'));
});

test('a damaged database is told as such', async (t) => {
  const folder = await testFolder(t);
  const dir = join(folder, 'home');
  const original = Store.open(dir);
  original.lists.create({ name: 'foo', index: withEntry(emptyList, 'one') });
  original.close();
  const damages: Record<string, (file: string) => void> = {
    'not a database': (file) =>
      writeFileSync(file, 'this is not a database, but it is long enough to be taken for one. '.repeat(40)),
    'cut short': (file) => truncateSync(file, statSync(file).size - 4096 * 3),
    'overwritten in the middle': (file) => {
      const bytes = readFileSync(file);
      bytes.fill(0x55, 4096);
      writeFileSync(file, bytes);
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    const copy = join(folder, name);
    cpSync(dir, copy, { recursive: true });
    damage(join(copy, 'sheaf.db'));
    using store = Store.open(copy);
    assert.throws(() => store.lists.read('foo'), isStorageError('STORE_CORRUPT', /damaged or is not a database/), name);
    assert.throws(() => store.lists.update('foo', (record) => ({ ...record })), isStorageError('STORE_CORRUPT'), name);
  }
});

test('a record that cannot be parsed is told as such, the others stay readable', async (t) => {
  const store = await testStore(t);
  const { id } = store.lists.create({ name: 'foo', index: emptyList });
  store.lists.create({ name: 'bar', index: emptyList });
  store.close();
  const raw = new DatabaseSync(join(store.dir, 'sheaf.db'));
  raw.prepare('UPDATE lists SET index_json = ? WHERE id = ?').run('{"mediaType":', id);
  raw.close();
  assert.throws(
    () => store.lists.read('foo'),
    isStorageError('STORE_CORRUPT', new RegExp(`the list ${id} .* is damaged`)),
  );
  assert.equal(store.lists.read('bar').revision, 1);
  assert.equal(store.lists.remove('foo').deleted, id);
});

test('a file in the place of the folder is told as such', async (t) => {
  const folder = await testFolder(t);
  writeFileSync(join(folder, 'file'), '');
  for (const dir of [join(folder, 'file'), join(folder, 'file', 'below')]) {
    using store = Store.open(dir);
    assert.throws(
      () => store.lists.create({ name: 'foo', index: emptyList }),
      isStorageError('STORE_NOT_A_DIRECTORY'),
      dir,
    );
    await assert.rejects(store.content.putBytes(Buffer.from('x')), isStorageError('STORE_NOT_A_DIRECTORY'), dir);
  }
  using store = Store.open(join(folder, 'file'));
  assert.throws(() => store.lists.exists('foo'), isStorageError('STORE_NOT_A_DIRECTORY'));
});

test('a lock that is held for too long ends in an error, and readers go on meanwhile', async (t) => {
  const store = await testStore(t);
  store.lists.create({ name: 'foo', index: emptyList });
  const other = new DatabaseSync(join(store.dir, 'sheaf.db'));
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  assert.equal(store.lists.read('foo').revision, 1);
  const impatient = new StoreDatabase(store.dir, { busyTimeoutMs: 1 });
  t.after(() => impatient.close());
  assert.throws(() => impatient.transaction(() => {}), isStorageError('STORE_BUSY', /another process/));
  other.exec('COMMIT');
  assert.equal(
    impatient.transaction(() => 'done'),
    'done',
  );
  other.exec('BEGIN IMMEDIATE');
  assert.throws(() => impatient.transaction(() => {}, { durable: false }), isStorageError('STORE_BUSY'));
  other.exec('COMMIT');
  const level = impatient.transaction((tables) => tables.get('PRAGMA synchronous')?.['synchronous']);
  assert.equal(level, 2, 'what failed has left the connection less durable');
});

test('the database is made smaller while others read, and left alone while they write', async (t) => {
  const store = await testStore(t);
  const { id } = store.lists.create({ name: 'foo', index: emptyList, files: { a: ['x'.repeat(2 << 20)] } });
  store.lists.remove(id);
  const other = new DatabaseSync(join(store.dir, 'sheaf.db'));
  t.after(() => other.close());
  const database = new StoreDatabase(store.dir);
  t.after(() => database.close());
  other.exec('BEGIN IMMEDIATE');
  assert.equal(database.compact(), 0);
  other.exec('COMMIT');
  assert.equal(
    database.transaction((tables) => tables.get('PRAGMA busy_timeout')?.['timeout']),
    30_000,
  );
  other.exec('BEGIN');
  other.exec('SELECT * FROM lists');
  assert.ok(database.compact() > 1 << 20);
  assert.equal(database.compact(), 0);
  other.exec('COMMIT');
  assert.equal(store.lists.exists('foo'), false);
});

test('nothing is printed by using a store', async (t) => {
  const dir = join(await testFolder(t), 'home');
  const run = spawnSync(process.execPath, [fragment, 'use', dir], { encoding: 'utf8' });
  assert.deepEqual([run.status, run.stderr, run.stdout], [0, '', 'used\n']);
});

test('a full disk is an error of its own, and the store is usable afterwards', async (t) => {
  const out = onSmallDisk(
    t,
    join(await testFolder(t), 'disk'),
    `
    "$NODE" "$FRAGMENT" fill-content "$D/home"
    "$NODE" "$FRAGMENT" full-lease "$D/home"
    "$NODE" "$FRAGMENT" fill-lists "$D/home"
    head -c 2000000 /dev/zero > "$D/home/ballast" 2>/dev/null || true
    "$NODE" "$FRAGMENT" write "$D/home"
    "$NODE" "$FRAGMENT" write "$D/new"
    "$NODE" "$FRAGMENT" check "$D/home"
    rm "$D/home/ballast"
    "$NODE" "$FRAGMENT" check "$D/home"
    `,
    { FRAGMENT: fragment },
  );
  if (out === undefined) return;
  assert.deepEqual(out.trim().split('\n'), [
    'content: STORE_FULL, 0 temporary files',
    'lease: STORE_FULL',
    'lists: STORE_FULL',
    'write: STORE_FULL',
    'write: STORE_FULL',
    'sound',
    'sound',
  ]);
});

test('a store that cannot be written is an error of its own, and can be read', async (t) => {
  const out = onSmallDisk(
    t,
    join(await testFolder(t), 'disk'),
    `
    "$NODE" "$FRAGMENT" use "$D/home"
    mount -o remount,ro "$D"
    "$NODE" "$FRAGMENT" write "$D/home"
    "$NODE" "$FRAGMENT" write "$D/new"
    "$NODE" "$FRAGMENT" read "$D/home"
    `,
    { FRAGMENT: fragment },
  );
  if (out === undefined) return;
  assert.deepEqual(out.trim().split('\n'), ['used', 'write: STORE_READ_ONLY', 'write: STORE_READ_ONLY', 'read 1']);
});

test('a folder without permission is an error of its own', async (t) => {
  const folder = await testFolder(t);
  const dir = join(folder, 'home');
  mkdirSync(dir);
  // permissions do not bind root, which therefore becomes nobody
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  if (nobody.uid !== undefined) {
    chmodSync(folder, 0o755);
    chownSync(dir, nobody.uid, nobody.gid);
  }
  const run = (what: string): string => {
    const { stdout, stderr } = spawnSync(process.execPath, [fragment, what, dir], { encoding: 'utf8', ...nobody });
    return stdout + stderr;
  };
  if (nobody.uid !== undefined && spawnSync(process.execPath, ['--check', fragment], nobody).status !== 0) {
    t.skip('no other user can read this folder');
    return;
  }
  try {
    chmodSync(dir, 0o500);
    assert.equal(run('write'), 'write: STORE_READ_ONLY\n');
    chmodSync(dir, 0o000);
    assert.equal(run('exists'), 'exists: STORE_READ_ONLY\n');
    assert.equal(run('write'), 'write: STORE_READ_ONLY\n');
  } finally {
    chmodSync(dir, 0o700);
  }
});

test('what is deleted beside it is made anew', async (t) => {
  const store = await testStore(t);
  store.lists.create({ name: 'foo', index: emptyList });
  const { digest } = await store.content.putBytes(Buffer.from('x'));
  store.close();
  rmSync(join(store.dir, 'tmp'), { recursive: true });
  rmSync(join(store.dir, 'blobs'), { recursive: true });
  appendFileSync(join(store.dir, 'unknown-file'), '');
  using again = Store.open(store.dir);
  await again.content.putBytes(Buffer.from('x'));
  assert.equal(existsSync(again.content.path(digest)), true);
  await again.collectGarbage();
});
