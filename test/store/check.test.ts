import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { CancelledError } from '../../src/foundation/errors.ts';
import type { ProgressEvent } from '../../src/foundation/events.ts';
import { createSession } from '../../src/foundation/session.ts';
import type { Digest } from '../../src/oci/digest.ts';
import type { Store } from '../../src/store/store.ts';
import { emptyList, entryOf, sha256, testStore, withEntry } from './fixtures.ts';

const session = createSession();

/** Lists `a` and `b`, with a blob each and one that both keep; contents are their names. */
async function storeWithLists(store: Store): Promise<(text: string) => string> {
  const lease = store.openLease();
  const put = async (text: string): Promise<Digest> =>
    (await store.content.putBytes(Buffer.from(text), { lease: lease.id })).digest;
  const shared = await put('shared');
  store.lists.create({ name: 'a', index: emptyList, content: [shared, await put('of a')] });
  store.lists.create({ name: 'b', index: emptyList, content: [shared, await put('of b')] });
  lease.close();
  return (text) => store.content.path(sha256(text));
}

test('a sound store has no defects, and its blobs are told as they are read', async (t) => {
  const store = await testStore(t);
  await storeWithLists(store);
  const events: ProgressEvent[] = [];
  const check = await store.check(createSession({ onEvent: (event) => events.push(event) }));
  assert.deepEqual(check, { lists: 2, blobs: 3, bytes: 14, defects: [] });
  assert.deepEqual(events[0], { type: 'plan', title: `Checking 3 blobs in ${store.dir}`, steps: 3, bytes: 14 });
  const of = (type: ProgressEvent['type']) => events.filter((event) => event.type === type);
  assert.deepEqual([of('step-start').length, of('step-end').length], [3, 3]);
  assert.equal(
    events.reduce((sum, event) => sum + (event.type === 'step-progress' ? event.bytes : 0), 0),
    14,
  );
});

test('a store that is not there is sound, and is not made', async (t) => {
  const store = await testStore(t);
  assert.deepEqual(await store.check(session), { lists: 0, blobs: 0, bytes: 0, defects: [] });
  assert.equal(existsSync(store.dir), false);
});

test('each blob that is damaged or missing is told, with whom that hurts and what to do', async (t) => {
  const store = await testStore(t);
  const pathOf = await storeWithLists(store);
  writeFileSync(pathOf('of a'), 'OF A');
  truncateSync(pathOf('shared'), 3);
  rmSync(pathOf('of b'));
  writeFileSync(pathOf('stray'), 'another');
  const { defects, blobs } = await store.check(session);
  assert.equal(blobs, 3);
  const repair = /store verify --repair/;
  const found = new Map(defects.map((defect) => [defect.path, defect]));
  const expected = [
    ['of a', 'damaged', ['localhost/a:latest'], new RegExp(`its 4 bytes have the digest ${sha256('OF A')}`), repair],
    ['shared', 'damaged', ['localhost/a:latest', 'localhost/b:latest'], /its 3 bytes have/, repair],
    ['of b', 'missing', ['localhost/b:latest'], /is not there; it is needed by localhost\/b:latest$/, repair],
    ['stray', 'damaged', [], /its 7 bytes have/, /store gc --forget/],
  ] as const;
  for (const [text, kind, lists, message, hint] of expected) {
    const defect = found.get(pathOf(text)) ?? assert.fail(`${text}: ${JSON.stringify(defects)}`);
    assert.deepEqual([defect.kind, defect.digest, defect.lists], [kind, sha256(text), lists]);
    assert.match(defect.message, message);
    assert.match(defect.hint, hint);
  }
  assert.equal(defects.length, expected.length);
});

const noProc = process.platform !== 'linux' && 'there is no /proc with a file that cannot be read';

test('a blob that cannot be read is told, and the others are read all the same', { skip: noProc }, async (t) => {
  const store = await testStore(t);
  const pathOf = await storeWithLists(store);
  // whose beginning nobody may read, not even root
  rmSync(pathOf('of a'));
  writeFileSync(pathOf('of b'), 'OF B');
  symlinkSync('/proc/self/mem', pathOf('of a'));
  const { defects } = await store.check(session);
  assert.deepEqual(defects.map(({ kind, digest }) => [kind, digest]).sort(), [
    ['damaged', sha256('of b')],
    ['unreadable', sha256('of a')],
  ]);
});

test('what a list says of the size of its instances must be so', async (t) => {
  const store = await testStore(t);
  const { digest } = await store.content.putBytes(Buffer.from('manifest'));
  const entry = entryOf('manifest');
  const index = { ...emptyList, manifests: [entry, { ...entry, size: 9 }] };
  store.lists.create({ name: 'a', index: withEntry(index, 'elsewhere'), content: [digest] });
  const [defect, ...others] = (await store.check(session)).defects;
  assert.deepEqual([defect?.kind, defect?.digest, others], ['wrong-size', digest, []]);
  assert.match(defect?.message ?? '', /^localhost\/a:latest says that \S+ has 9 bytes, and it has 8$/);
});

test('damage of the database is told, and the blobs are read all the same', async (t) => {
  const store = await testStore(t);
  const pathOf = await storeWithLists(store);
  const { id } = store.lists.read('b');
  store.close();
  const file = join(store.dir, 'sheaf.db');
  const raw = new DatabaseSync(file, { enableForeignKeyConstraints: false });
  raw.prepare('UPDATE lists SET index_json = ? WHERE id = ?').run('{"mediaType":', id);
  raw.exec("INSERT INTO list_content (list_id, digest) VALUES ('nobody', 'x')");
  raw.close();
  const { defects, lists } = await store.check(session);
  assert.equal(lists, 1);
  assert.deepEqual(
    defects.map((defect) => [defect.kind, defect.lists]),
    [
      ['database', []],
      ['list', ['localhost/b:latest']],
    ],
  );
  assert.match(defects[0]?.message ?? '', /row \d+ of list_content names something that is not in lists/);
  store.close();

  const bytes = readFileSync(file);
  const broken = Buffer.from(bytes).fill(0x55, 4096);
  for (const damaged of [broken, Buffer.from('this is not a database. '.repeat(200))]) {
    writeFileSync(file, damaged);
    writeFileSync(pathOf('of a'), 'OF A');
    const check = await store.check(session);
    assert.equal(check.blobs, 3);
    const kinds = check.defects.map(({ kind }) => kind);
    assert.ok(kinds.includes('database') && kinds.includes('damaged'), kinds.join());
    store.close();
  }
  rmSync(file);
  assert.match((await store.check(session)).defects[0]?.message ?? '', /there is no sheaf.db, but blobs/);
});

test('it stops where the run is cancelled', async (t) => {
  const store = await testStore(t);
  await storeWithLists(store);
  await assert.rejects(store.check(createSession({ signal: AbortSignal.abort() })), CancelledError);
});
