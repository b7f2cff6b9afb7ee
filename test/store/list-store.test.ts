import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { ConflictError, NotFoundError, SheafError, UsageError } from '../../src/foundation/errors.ts';
import { ExactNumber } from '../../src/oci/json-value.ts';
import type { ListRecord } from '../../src/store/list-store.ts';
import { Store } from '../../src/store/store.ts';
import { randomFrom } from '../oci/generate.ts';
import { emptyList, entryOf, sha256, testStore, withEntry } from './fixtures.ts';

const fails =
  (type: abstract new (...args: never[]) => SheafError, code: string, text?: RegExp) => (thrown: unknown) => {
    assert.ok(thrown instanceof type, String(thrown));
    assert.equal(thrown.code, code);
    if (text !== undefined) assert.match(thrown.message, text);
    return true;
  };

test('reading where there is no store finds nothing and makes nothing', async (t) => {
  const store = await testStore(t);
  assert.equal(store.lists.exists('foo'), false);
  assert.equal(store.lists.find('foo'), undefined);
  assert.deepEqual(store.lists.list(), []);
  assert.deepEqual(store.lists.names(), []);
  assert.throws(() => store.lists.read('foo'), fails(NotFoundError, 'LIST_NOT_FOUND', /^foo: image not known$/));
  assert.throws(() => store.lists.update('foo', (record) => record), fails(NotFoundError, 'LIST_NOT_FOUND'));
  assert.throws(() => store.lists.remove('foo'), fails(NotFoundError, 'LIST_NOT_FOUND'));
  assert.throws(() => store.lists.tag('foo', 'bar'), fails(NotFoundError, 'LIST_NOT_FOUND'));
  assert.throws(
    () => store.lists.read('me:hunter2@quay.io/a'),
    fails(NotFoundError, 'LIST_NOT_FOUND', /^\*\*\*@quay\.io\/a: /),
  );
  assert.equal(existsSync(store.dir), false);
});

test('a list is kept whole, also for the next process', async (t) => {
  let time = 1_000;
  const store = await testStore(t, { now: () => time });
  const { digest } = await store.content.putBytes(Buffer.from('content'));
  const bytes = new TextEncoder().encode('{ "bytes": 1 }');
  const base = { bytes, mediaType: emptyList.mediaType, digest: sha256(bytes) };
  const created = store.lists.create({
    name: 'foo',
    index: { ...withEntry(emptyList, 'one'), annotations: { 'a<b>&"': 'grüße \u2028 😀', ['__proto__']: 'x' } },
    locations: { [sha256('one')]: ['docker://a/b@x', 'oci:/c'] },
    files: { [sha256('one')]: ['file.txt'] },
    content: [digest],
    base,
  });
  assert.match(created.id, /^[0-9a-f]{64}$/);
  assert.deepEqual(created.names, ['localhost/foo:latest']);
  assert.deepEqual([created.createdAt, created.updatedAt, created.revision], [1_000, 1_000, 1]);
  time = 2_000;
  const updated = store.lists.update('foo', (record) => ({ ...record, index: withEntry(record.index, 'two') }));
  assert.deepEqual([updated.createdAt, updated.updatedAt, updated.revision], [1_000, 2_000, 2]);
  store.close();
  using again = Store.open(store.dir);
  const read = again.lists.read('foo');
  assert.deepEqual(read, updated);
  assert.deepEqual(
    read.index.manifests.map((entry) => entry.digest),
    [entryOf('one').digest, entryOf('two').digest],
  );
});

test('members that sheaf does not know survive to the letter', async (t) => {
  const store = await testStore(t);
  const unknown = {
    big: new ExactNumber('12345678901234567890'),
    one: new ExactNumber('1.0'),
    list: [1, null, 'x', true],
  };
  const index = { ...emptyList, manifests: [{ ...entryOf('one'), unknown }], unknown };
  store.lists.create({ name: 'foo', index });
  assert.deepEqual(store.lists.read('foo').index, index);
  store.lists.update('foo', (record) => ({ ...record, index: { ...record.index, annotations: { a: 'b' } } }));
  assert.deepEqual(store.lists.read('foo').index, { ...index, annotations: { a: 'b' } });
});

test('the store can be read inside an edit, but not edited', async (t) => {
  const store = await testStore(t);
  store.lists.create({ name: 'foo', index: emptyList });
  const after = store.lists.update('foo', (record) => ({ ...record, files: { x: store.lists.names() } }));
  assert.deepEqual(after.files, { x: ['localhost/foo:latest'] });
  assert.throws(
    () => store.lists.update('foo', () => store.lists.update('foo', (record) => ({ ...record }))),
    (thrown) => thrown instanceof SheafError && thrown.kind === 'bug',
  );
});

test('every part of a list can be edited, and base and content can be taken away', async (t) => {
  const store = await testStore(t);
  const [a, b] = await store.content.putAll([{ bytes: Buffer.from('a') }, { bytes: Buffer.from('b') }]);
  assert.ok(a !== undefined && b !== undefined);
  const base = { bytes: Buffer.from('{}'), mediaType: emptyList.mediaType, digest: sha256('{}') };
  store.lists.create({ name: 'foo', index: emptyList, content: [a.digest], base });
  store.lists.update('foo', (record) => ({
    ...record,
    locations: { x: ['y'] },
    files: { f: ['g'] },
    content: [b.digest, a.digest],
  }));
  const full = store.lists.read('foo');
  assert.deepEqual([full.locations, full.files, full.content], [{ x: ['y'] }, { f: ['g'] }, [a.digest, b.digest]]);
  store.lists.update('foo', ({ base: _base, ...record }) => ({
    ...record,
    locations: {},
    files: {},
    content: [b.digest],
  }));
  const bare = store.lists.read('foo');
  assert.deepEqual([bare.locations, bare.files, bare.content, bare.base], [{}, {}, [b.digest], undefined]);
});

test('an edit that throws leaves the list as it was; one that changes nothing writes nothing', async (t) => {
  const store = await testStore(t);
  const before = store.lists.create({ name: 'foo', index: emptyList });
  const refusal = new UsageError('no');
  assert.throws(
    () =>
      store.lists.update('foo', () => {
        throw refusal;
      }),
    (thrown) => thrown === refusal,
  );
  assert.deepEqual(
    store.lists.update('foo', (record) => record),
    before,
  );
  assert.deepEqual(store.lists.read('foo'), before);
  store.lists.update('foo', (record) => ({ ...record, index: withEntry(record.index, 'x') }));
  assert.equal(store.lists.read('foo').revision, 2);
});

test('a list is found by every form of its name and ID', async (t) => {
  const store = await testStore(t);
  const { id } = store.lists.create({ name: 'docker.io/foo', index: emptyList });
  store.lists.tag(id, 'bar:1');
  for (const text of [
    'foo',
    'library/foo:latest',
    'docker.io/foo',
    'bar:1',
    'localhost/bar:1',
    id,
    `sha256:${id}`,
    id.slice(0, 3),
  ]) {
    assert.equal(store.lists.read(text).id, id, text);
    assert.equal(store.lists.exists(text), true, text);
  }
  for (const text of ['bar', 'quay.io/foo', id.slice(0, 2), `${id}0`, id.slice(1), id.toUpperCase(), 'a b', '']) {
    assert.equal(store.lists.exists(text), false, text);
  }
  assert.throws(
    () => store.lists.find('sha256:abc'),
    fails(UsageError, 'INVALID_LIST_ID', /^sha256:abc: invalid format: no 64-byte/),
  );
  assert.equal(store.lists.find(`sha256:${'0'.repeat(64)}`), undefined);
});

test('names win over beginnings of IDs, and beginnings must be unique', async (t) => {
  const store = await testStore(t);
  const first = store.lists.create({ name: 'first', index: emptyList });
  const named = store.lists.create({ name: first.id.slice(0, 4), index: emptyList });
  assert.equal(store.lists.read(first.id.slice(0, 4)).id, named.id);
  assert.equal(store.lists.read(first.id.slice(0, 12)).id, first.id);
  // among 4097 random IDs two begin with the same three digits
  const seen = new Set<string>();
  let twice: string | undefined;
  for (let at = 0; twice === undefined; at += 1) {
    const prefix = store.lists.create({ name: `n-${at}`, index: emptyList }).id.slice(0, 3);
    if (seen.has(prefix)) twice = prefix;
    seen.add(prefix);
  }
  const ambiguous = twice;
  assert.throws(() => store.lists.read(ambiguous), fails(UsageError, 'AMBIGUOUS_ID'));
});

test('a name belongs to one list', async (t) => {
  const store = await testStore(t);
  const first = store.lists.create({ name: 'foo', index: emptyList });
  assert.throws(
    () => store.lists.create({ name: 'localhost/foo:latest', index: emptyList }),
    fails(
      ConflictError,
      'NAME_IN_USE',
      new RegExp(`"localhost/foo:latest" is already associated with .* ${first.id}: that name is already in use`),
    ),
  );
  const second = store.lists.create({ name: 'foo', index: emptyList, replace: true });
  assert.notEqual(second.id, first.id);
  assert.equal(store.lists.read('foo').id, second.id);
  assert.deepEqual(store.lists.read(first.id).names, []);
  assert.deepEqual(store.lists.tag(first.id, 'foo').names, ['localhost/foo:latest']);
  assert.deepEqual(store.lists.read(second.id).names, []);
  assert.deepEqual(
    store.lists.list().map((list) => list.id),
    [first.id, second.id],
  );
  assert.throws(() => store.lists.tag('foo', 'UPPER'), fails(UsageError, 'INVALID_REFERENCE'));
  assert.throws(() => store.lists.create({ name: 'UPPER', index: emptyList }), fails(UsageError, 'INVALID_REFERENCE'));
});

test('tagging twice with one name changes nothing', async (t) => {
  const store = await testStore(t);
  store.lists.create({ name: 'foo', index: emptyList });
  store.lists.tag('foo', 'bar');
  assert.deepEqual(store.lists.tag('foo', 'foo').names, ['localhost/foo:latest', 'localhost/bar:latest']);
  assert.deepEqual(store.lists.names(), ['localhost/bar:latest', 'localhost/foo:latest']);
});

test('removing by name takes one name, or the list with its last one', async (t) => {
  const store = await testStore(t);
  const { id } = store.lists.create({ name: 'foo', index: emptyList });
  store.lists.tag('foo', 'bar');
  assert.throws(
    () => store.lists.remove(id),
    fails(ConflictError, 'LIST_HAS_SEVERAL_NAMES', /by ID with more than one tag/),
  );
  assert.deepEqual(store.lists.remove('foo'), { untagged: ['localhost/foo:latest'] });
  assert.equal(store.lists.exists(id), true);
  assert.deepEqual(store.lists.remove('bar'), { untagged: ['localhost/bar:latest'], deleted: id });
  assert.equal(store.lists.exists(id), false);
});

test('removing by ID takes a list with one name or none, or with all when that is asked', async (t) => {
  const store = await testStore(t);
  const one = store.lists.create({ name: 'foo', index: emptyList });
  const other = store.lists.create({ name: 'foo', index: emptyList, replace: true });
  assert.deepEqual(store.lists.remove(one.id), { untagged: [], deleted: one.id });
  store.lists.tag('foo', 'bar');
  assert.deepEqual(store.lists.remove(other.id, { allNames: true }), {
    untagged: ['localhost/foo:latest', 'localhost/bar:latest'],
    deleted: other.id,
  });
  assert.deepEqual(store.lists.list(), []);
});

test('a rehearsed removal tells what the removal then does, one after the other, and changes nothing', async (t) => {
  const outcome = (remove: () => unknown): unknown => {
    try {
      return remove();
    } catch (thrown) {
      assert.ok(thrown instanceof SheafError, String(thrown));
      return thrown.code;
    }
  };
  for (let seed = 1; seed <= 40; seed += 1) {
    const { whole, pick } = randomFrom(seed * 7919);
    const store = await testStore(t);
    const ids = ['a', 'b', 'c'].map((name) => store.lists.create({ name, index: emptyList }).id);
    for (let at = whole(5); at > 0; at -= 1) store.lists.tag(pick(ids), pick(['a', 'b', 'd', 'e', 'quay.io/f']));
    const words = ['a', 'localhost/a:latest', 'b', 'c', 'd', 'e', 'quay.io/f', 'g', ...ids];
    const asked = Array.from({ length: 1 + whole(6) }, () => pick(words));
    const before = store.lists.list();
    const rehearse = store.lists.rehearseRemoval();
    const told = asked.map((word) => outcome(() => rehearse(word)));
    assert.deepEqual(store.lists.list(), before);
    assert.deepEqual(
      told,
      asked.map((word) => outcome(() => store.lists.remove(word))),
      `with seed ${seed}: ${asked.join(' ')}`,
    );
  }
});

test('what is not known comes with a hint', async (t) => {
  const store = await testStore(t);
  const hintFor = (name: string): string | undefined => {
    try {
      store.lists.read(name);
    } catch (thrown) {
      if (thrown instanceof SheafError) return thrown.hint;
    }
    return undefined;
  };
  assert.match(hintFor('relase') ?? '', /sheaf manifest create/);
  store.lists.create({ name: 'release', index: emptyList });
  assert.equal(hintFor('relase'), 'Did you mean localhost/release:latest?');
  assert.match(hintFor('something-else') ?? '', /sheaf manifest ls/);
});

test('a list cannot name content that is not there', async (t) => {
  const store = await testStore(t);
  const gone = sha256('never put');
  assert.throws(
    () => store.lists.create({ name: 'foo', index: emptyList, content: [gone] }),
    fails(ConflictError, 'CONTENT_GONE'),
  );
  assert.equal(store.lists.exists('foo'), false);
  store.lists.create({ name: 'foo', index: emptyList });
  assert.throws(
    () => store.lists.update('foo', (record) => ({ ...record, content: [gone] })),
    fails(ConflictError, 'CONTENT_GONE'),
  );
  assert.deepEqual(store.lists.read('foo').content, []);
});

test('an edit sees the newest state, whoever wrote it', async (t) => {
  const store = await testStore(t);
  store.lists.create({ name: 'foo', index: emptyList });
  using other = Store.open(store.dir);
  const revisions: number[] = [];
  const add = (one: Store, text: string): ListRecord =>
    one.lists.update('foo', (record) => {
      revisions.push(record.revision);
      return { ...record, index: withEntry(record.index, text) };
    });
  for (let at = 0; at < 10; at += 1) add(at % 2 === 0 ? store : other, `entry ${at}`);
  assert.deepEqual(revisions, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.equal(store.lists.read('foo').index.manifests.length, 10);
});
