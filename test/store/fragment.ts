/** Pieces of work on a store that tests run in a process of their own: `fragment.ts WHAT FOLDER`. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { SheafError } from '../../src/foundation/errors.ts';
import type { ImageIndex } from '../../src/oci/image-index.ts';
import { Store } from '../../src/store/store.ts';

const [what = '', dir = ''] = process.argv.slice(2);
const emptyList: ImageIndex = { mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] };
const store = Store.open(dir);

/** The code of the error that `work` ends in, with the place where it began when it is not one of ours. */
async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'no error';
  } catch (thrown) {
    return thrown instanceof SheafError && thrown.exitCode === 9
      ? thrown.code
      : `not a StorageError: ${String(thrown)}`;
  }
}

const fragments: Record<string, () => Promise<string>> = {
  use: async () => {
    const { digest } = await store.content.putBytes(Buffer.from('x'));
    store.lists.create({ name: 'foo', index: emptyList, content: [digest] });
    store.lists.update('foo', (record) => ({ ...record, locations: { a: ['b'] } }));
    return 'used';
  },
  read: async () => {
    const { content } = store.lists.read('foo');
    const [digest] = content;
    return `read ${digest === undefined ? 'nothing' : (await store.content.read(digest, 10)).byteLength}`;
  },
  exists: async () => `exists: ${await codeOf(() => store.lists.exists('foo'))}`,
  write: async () => {
    const code = await codeOf(() => {
      // what the file of the database has room for inside still fits on a full disk
      for (let at = 0; at < 500; at += 1) store.lists.create({ name: `n-${process.pid}-${at}`, index: emptyList });
    });
    return `write: ${code}`;
  },
  'fill-content': async () => {
    const chunk = Buffer.alloc(64 << 10, 7);
    const much = Readable.from(
      Array.from({ length: 64 }, () => chunk),
      { objectMode: false },
    );
    const code = await codeOf(() => store.content.putStream(much));
    return `content: ${code}, ${readdirSync(join(dir, 'tmp')).length} temporary files`;
  },
  'full-lease': async () => {
    const code = await codeOf(async () => {
      using lease = store.openLease();
      for (let at = 0; at < 500; at += 1) await store.content.putBytes(randomBytes(8192), { lease: lease.id });
    });
    return `lease: ${code}`;
  },
  'fill-lists': async () => {
    store.lists.create({ name: 'foo', index: emptyList });
    const code = await codeOf(() => {
      for (let at = 0; at < 100; at += 1) {
        store.lists.update('foo', (record) => ({
          ...record,
          files: { ...record.files, [`file ${at}`]: ['x'.repeat(64 << 10)] },
        }));
      }
    });
    return `lists: ${code}`;
  },
  check: async () => {
    for (const list of store.lists.list()) store.lists.read(list.id);
    store.close();
    if (!existsSync(join(dir, 'sheaf.db'))) return 'no database';
    const raw = new DatabaseSync(join(dir, 'sheaf.db'));
    const found = raw.prepare('PRAGMA integrity_check').all();
    raw.close();
    return found.length === 1 && found[0]?.['integrity_check'] === 'ok' ? 'sound' : JSON.stringify(found);
  },
};

const fragment = fragments[what];
if (fragment === undefined) throw new Error(`there is no fragment ${what}`);
console.log(await fragment());
store.close();
