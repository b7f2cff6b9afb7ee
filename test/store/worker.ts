/** A process that works on a store together with others: `worker.ts WHAT FOLDER SEED`. Begins when it is told to. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { Digest } from '../../src/oci/digest.ts';
import { Store } from '../../src/store/store.ts';
import { emptyList, fileMatches, sha256, withEntry } from './fixtures.ts';
import { randomFrom } from './random.ts';

const [what = '', dir = '', seed = '0'] = process.argv.slice(2);
const random = randomFrom(Number(seed));
const pick = (below: number): number => Math.floor(random() * below);

function tell(message: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, {}, (failed) => (failed === null ? resolve() : reject(failed)));
  });
}

/** Contents that all workers share, so that one finds there what another is about to let go. */
const shared = ['a', 'b', 'c', 'd'].map((text) => Buffer.from(text.repeat(5000)));

async function requireContent(store: Store, digests: readonly Digest[]): Promise<void> {
  for (const digest of digests) {
    if (!(await fileMatches(store.content.path(digest), digest))) throw new Error(`${digest} is not what it should be`);
  }
}

const works: Record<string, (store: Store) => Promise<void>> = {
  async nothing() {},

  /** Adds five entries to one list and makes a list of its own. */
  async add(store) {
    for (let at = 0; at < 5; at += 1) {
      store.lists.update('shared', (record) => ({ ...record, index: withEntry(record.index, `${seed}-${at}`) }));
    }
    store.lists.create({ name: `own-${seed}`, index: emptyList });
  },

  /** Makes a list, in a store that may not be there yet. */
  async make(store) {
    store.lists.create({ name: `own-${seed}`, index: emptyList });
  },

  /** Makes lists of contents that are shared, checks that they are whole, and removes them, again and again. */
  async share(store) {
    for (let round = 0; round < 40; round += 1) {
      const wanted = shared.filter(() => random() < 0.6).map((bytes) => ({ bytes, digest: sha256(bytes) }));
      using lease = store.openLease();
      const there = new Set(await lease.hold(wanted.map(({ digest }) => digest)));
      const missing = wanted.filter(({ digest }) => !there.has(digest));
      if (pick(2) === 0) await store.content.putAll(missing, { lease: lease.id });
      else {
        for (const { bytes } of missing) await store.content.putStream(Readable.from([bytes]), { lease: lease.id });
      }
      const content = wanted.map(({ digest }) => digest);
      const { id } = store.lists.create({ name: `list-${seed}-${round}`, index: emptyList, content });
      lease.close();
      if (pick(8) === 0) await store.collectGarbage({ forget: pick(2) === 0 });
      await requireContent(store, content);
      store.lists.remove(id);
    }
  },

  /** Does everything that writes, for ever, and tells what has been done. */
  async churn(store) {
    for (let step = 0; ; step += 1) {
      const text = `${seed}-${step}`;
      const lease = store.openLease();
      const bytes = Buffer.from(text.repeat(1 + pick(20_000)));
      const one = await store.content.putStream(Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]), {
        lease: lease.id,
      });
      const others = await store.content.putAll(
        shared.filter(() => random() < 0.5).map((chunk) => ({ bytes: chunk })),
        { lease: lease.id },
      );
      const content = [one, ...others].map(({ digest }) => digest);
      store.lists.update('shared', (record) => ({
        ...record,
        index: withEntry(record.index, text),
        content: [...record.content, one.digest],
      }));
      await tell({ added: sha256(text) });
      store.lists.create({ name: `list-${text}`, index: withEntry(emptyList, text), content });
      lease.close();
      if (pick(3) > 0) store.lists.remove(`list-${text}`);
      if (pick(10) === 0) await store.collectGarbage({ forget: pick(2) === 0, olderThanMs: pick(2) });
    }
  },
};

const work = works[what];
if (work === undefined) throw new Error(`there is no work ${what}`);
if (process.connected) {
  await tell('ready');
  await once(process, 'message');
}
{
  using store = Store.open(dir);
  await work(store);
}
if (process.connected) process.disconnect();
