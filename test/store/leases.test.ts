import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { ConflictError } from '../../src/foundation/errors.ts';
import { currentOwner, hasEnded } from '../../src/foundation/owner.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { leaseMs } from '../../src/store/leases.ts';
import { type GarbageRequest, Store } from '../../src/store/store.ts';
import { emptyList, sha256, testStore } from './fixtures.ts';

/** Rows of the tables that tell who holds what. */
function rowsOf(dir: string): Record<string, number> {
  const raw = new DatabaseSync(join(dir, 'sheaf.db'));
  const count = (table: string) => Number(raw.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']);
  const rows = { leases: count('leases'), held: count('lease_content'), loose: count('loose_content') };
  raw.close();
  return rows;
}

const nothing = { leases: 0, held: 0, loose: 0 };

/** The number of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

async function put(store: Store, text: string, lease?: string): Promise<Digest> {
  return (await store.content.putBytes(Buffer.from(text), lease === undefined ? {} : { lease })).digest;
}

test('content goes with the list that kept it, unless another keeps it too', async (t) => {
  const store = await testStore(t);
  const lease = store.openLease();
  const shared = await put(store, 'shared', lease.id);
  const own = await put(store, 'own', lease.id);
  store.lists.create({ name: 'a', index: emptyList, content: [shared, own] });
  store.lists.create({ name: 'b', index: emptyList, content: [shared] });
  lease.close();
  store.lists.remove('a');
  assert.deepEqual([await store.content.has(shared), await store.content.has(own)], [true, false]);
  store.lists.remove('b');
  assert.equal(await store.content.has(shared), false);
  assert.deepEqual(rowsOf(store.dir), nothing);
});

test('content that an edit drops goes', async (t) => {
  const store = await testStore(t);
  const lease = store.openLease();
  const digest = await put(store, 'x', lease.id);
  store.lists.create({ name: 'a', index: emptyList, content: [digest] });
  lease.close();
  store.lists.update('a', (record) => ({ ...record, content: [] }));
  assert.equal(await store.content.has(digest), false);
});

test('a lease keeps content until it is closed', async (t) => {
  const store = await testStore(t);
  const first = store.openLease();
  const digest = await put(store, 'x', first.id);
  store.lists.create({ name: 'a', index: emptyList, content: [digest] });
  first.close();
  using other = Store.open(store.dir);
  const lease = other.openLease();
  assert.deepEqual(await lease.hold([digest, sha256('absent')]), [digest]);
  store.lists.remove('a');
  await store.collectGarbage();
  assert.equal(await store.content.has(digest), true);
  lease.close();
  lease.close();
  assert.equal(await store.content.has(digest), false);
  assert.deepEqual(rowsOf(store.dir), nothing);
});

test('what is put without a lease stays until the store is closed', async (t) => {
  const store = await testStore(t);
  const kept = await put(store, 'kept');
  const dropped = await put(store, 'dropped');
  using other = Store.open(store.dir);
  await other.collectGarbage();
  assert.deepEqual([await other.content.has(kept), await other.content.has(dropped)], [true, true]);
  store.lists.create({ name: 'a', index: emptyList, content: [kept] });
  store.close();
  assert.deepEqual([await other.content.has(kept), await other.content.has(dropped)], [true, false]);
  assert.deepEqual(rowsOf(store.dir), nothing);
});

test('what a failed run gathered goes when its lease ends', async (t) => {
  const store = await testStore(t);
  let digest = sha256('');
  await assert.rejects(async () => {
    using lease = store.openLease();
    digest = await put(store, 'x', lease.id);
    throw new Error('the registry failed');
  });
  assert.equal(await store.content.has(digest), false);
});

test('a lease that nobody knows holds nothing', async (t) => {
  const store = await testStore(t);
  const lease = store.openLease();
  lease.close();
  await assert.rejects(
    put(store, 'x', lease.id),
    (thrown) => thrown instanceof ConflictError && thrown.code === 'LEASE_LOST',
  );
  assert.equal(await store.content.has(sha256('x')), false);
});

test('leases of processes that ended do not count, those of other machines only for a day', async (t) => {
  let time = Date.now();
  const store = await testStore(t, { now: () => time });
  const { host } = currentOwner();
  const owners = [
    { text: 'alive', host, process: process.pid },
    { text: 'ended', host, process: endedProcess() },
    { text: 'elsewhere', host: '00000000', process: endedProcess() },
  ];
  const lease = store.openLease();
  for (const { text } of owners) await put(store, text, lease.id);
  const raw = new DatabaseSync(join(store.dir, 'sheaf.db'));
  for (const owner of owners) {
    raw.prepare('INSERT INTO leases VALUES (?, ?, ?, ?)').run(owner.text, owner.host, owner.process, time + leaseMs);
    raw.prepare('INSERT INTO lease_content VALUES (?, ?)').run(owner.text, sha256(owner.text));
  }
  raw.close();
  lease.close();
  const left = async () => {
    const there = await Promise.all(owners.map(({ text }) => store.content.has(sha256(text))));
    return owners.filter((_, at) => there[at]).map(({ text }) => text);
  };
  assert.deepEqual(await left(), ['alive', 'elsewhere']);
  time += leaseMs - 1;
  await store.collectGarbage();
  assert.deepEqual(await left(), ['alive', 'elsewhere']);
  time += 1;
  await store.collectGarbage();
  assert.deepEqual(await left(), []);
});

test('using a lease makes it last', async (t) => {
  let time = Date.now();
  const store = await testStore(t, { now: () => time });
  using lease = store.openLease();
  const digest = await put(store, 'x', lease.id);
  time += leaseMs - 1;
  await lease.hold([digest]);
  time += leaseMs - 1;
  using other = Store.open(store.dir, { now: () => time });
  await other.collectGarbage();
  assert.equal(await store.content.has(digest), true);
});

test('garbage collection removes what nothing holds, and nothing else', async (t) => {
  const store = await testStore(t);
  const lease = store.openLease();
  const kept = await put(store, 'kept', lease.id);
  store.lists.create({ name: 'a', index: emptyList, content: [kept] });
  const held = await put(store, 'held', lease.id);
  const strays = ['stray one', 'stray two'];
  for (const stray of strays) writeFileSync(store.content.path(sha256(stray)), stray);
  writeFileSync(join(store.dir, 'blobs/sha256/README'), 'not ours');
  utimesSync(store.content.path(sha256('stray one')), new Date(0), new Date(0));
  const collect = async (request: GarbageRequest = {}) => {
    const { blobs, bytes } = await store.collectGarbage(request);
    assert.equal(bytes, 9 * blobs.length);
    return blobs.map(({ digest }) => digest);
  };
  assert.deepEqual(await collect({ olderThanMs: 60_000 }), [sha256('stray one')]);
  assert.deepEqual(await collect(), [sha256('stray two')]);
  assert.deepEqual(
    readdirSync(join(store.dir, 'blobs/sha256')).sort(),
    ['README', kept.slice(7), held.slice(7)].sort(),
  );
  lease.close();
});

test('garbage collection where there is no store makes none', async (t) => {
  const store = await testStore(t);
  assert.equal((await store.collectGarbage()).bytes, 0);
  assert.equal(existsSync(store.dir), false);
});

test('half-written files of processes that ended go with the next write or collection', async (t) => {
  const store = await testStore(t);
  const { host } = currentOwner();
  const folder = join(store.dir, 'tmp');
  const day = 24 * 60 * 60 * 1000;
  const names = {
    ended: `${host}-${endedProcess()}-x-1`,
    alive: `${host}-${process.pid}-x-1`,
    elsewhere: `00000000-${endedProcess()}-x-1`,
    old: `00000000-${endedProcess()}-x-2`,
    unknown: 'something else',
  };
  const fill = () => {
    mkdirSync(folder, { recursive: true });
    for (const name of Object.values(names)) writeFileSync(join(folder, name), 'x');
    const past = new Date(Date.now() - day - 1000);
    utimesSync(join(folder, names.old), past, past);
  };
  const left = () => readdirSync(folder).sort();
  const expected = [names.alive, names.elsewhere, names.unknown].sort();
  fill();
  assert.equal((await store.collectGarbage()).temporaryFiles.length, 2);
  assert.deepEqual(left(), expected);
  fill();
  store.openLease().close();
  assert.deepEqual(left(), expected);
});

test('one knows of oneself and of the ended, and of nobody elsewhere', () => {
  const own = currentOwner();
  assert.match(own.host, /^[0-9a-f]{8}$/);
  assert.equal(hasEnded(own), false);
  assert.equal(hasEnded({ ...own, process: endedProcess() }), true);
  assert.equal(hasEnded({ host: '00000000', process: endedProcess() }), false);
});
