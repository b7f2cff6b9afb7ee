import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { currentOwner } from '../../src/foundation/owner.ts';
import { emptyList, sha256, testStore, withEntry } from './fixtures.ts';

test('a store that is not there has nothing in it, and is not made', async (t) => {
  const store = await testStore(t);
  const nothing = { count: 0, bytes: 0 };
  assert.deepEqual(await store.contents(), {
    exists: false,
    lists: [],
    blobs: { lists: nothing, leases: nothing, waiting: nothing, garbage: nothing },
    temporaryFiles: { running: nothing, garbage: nothing },
    leases: { running: 0, garbage: 0 },
    knowledge: { recompressions: 0, conversions: 0, places: 0, uploads: 0, repositories: 0 },
    databaseBytes: 0,
  });
  assert.equal(existsSync(store.dir), false);
});

test('every blob is counted once, for the first that needs it', async (t) => {
  const store = await testStore(t);
  const lease = store.openLease();
  const put = async (text: string) => (await store.content.putBytes(Buffer.from(text), { lease: lease.id })).digest;
  const [shared, own, gone] = [await put('shared'), await put('own'), await put('gone')];
  const a = store.lists.create({ name: 'a', index: withEntry(withEntry(emptyList, '1'), '2'), content: [shared, own] });
  const b = store.lists.create({ name: 'b', index: emptyList, content: [shared, gone] });
  store.lists.tag('a', 'c');
  await put('held');
  rmSync(store.content.path(gone));
  for (const text of ['waiting', 'stray']) writeFileSync(store.content.path(sha256(text)), text);
  const { host } = currentOwner();
  const ended = spawnSync(process.execPath, ['--version']).pid;
  store.knowledge.rememberRecompression(sha256('x'), 'gzip', {
    digest: sha256('waiting'),
    size: 7,
    format: 'gzip',
    annotations: {},
    plainSize: 9,
  });
  store.knowledge.rememberBlobs('r.example', 'a', [shared, own]);
  store.knowledge.rememberUpload({ registry: 'r.example', repository: 'a', digest: own }, 'session');
  const raw = new DatabaseSync(join(store.dir, 'sheaf.db'));
  raw.exec(`INSERT INTO leases VALUES ('ended', '${host}', ${ended}, ${Date.now() + 1000})`);
  raw.exec(`INSERT INTO lease_content VALUES ('ended', '${sha256('stray')}')`);
  mkdirSync(join(store.dir, 'tmp'), { recursive: true });
  for (const process of [ended, globalThis.process.pid])
    writeFileSync(join(store.dir, 'tmp', `${host}-${process}-x-1`), '12');

  const { lists, databaseBytes, ...rest } = await store.contents();
  assert.deepEqual(rest, {
    exists: true,
    blobs: {
      lists: { count: 2, bytes: 9 },
      leases: { count: 1, bytes: 4 },
      waiting: { count: 1, bytes: 7 },
      garbage: { count: 1, bytes: 5 },
    },
    temporaryFiles: { running: { count: 1, bytes: 2 }, garbage: { count: 1, bytes: 2 } },
    leases: { running: 1, garbage: 1 },
    knowledge: { recompressions: 1, conversions: 0, places: 2, uploads: 1, repositories: 0 },
  });
  assert.deepEqual(
    lists.map(({ updatedAt, ...list }) => ({ ...list, isNew: updatedAt > Date.now() - 60_000 })),
    [
      {
        id: a.id,
        names: ['localhost/a:latest', 'localhost/c:latest'],
        instances: 2,
        blobs: { count: 2, bytes: 9 },
        missing: 0,
        isNew: true,
      },
      { id: b.id, names: ['localhost/b:latest'], instances: 0, blobs: { count: 1, bytes: 6 }, missing: 1, isNew: true },
    ],
  );
  raw.close();
  lease.close();
  store.close();
  // what was not yet merged into the database was counted, too
  assert.ok(databaseBytes >= statSync(join(store.dir, 'sheaf.db')).size);
});

test('a damaged record hides no other', async (t) => {
  const store = await testStore(t);
  const { id } = store.lists.create({ name: 'a', index: emptyList });
  store.lists.create({ name: 'b', index: emptyList });
  store.close();
  const raw = new DatabaseSync(join(store.dir, 'sheaf.db'));
  raw.prepare('UPDATE lists SET index_json = ? WHERE id = ?').run('{"mediaType":', id);
  raw.close();
  const { lists } = await store.contents();
  assert.deepEqual(
    lists.map(({ instances }) => instances),
    [undefined, 0],
  );
});
