/**
 * The local store: one folder with a database (`sheaf.db`), content-addressed blobs (`blobs/`) and blobs on their way
 * in (`tmp/`). Any number of processes may use it at once.
 */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { UsageError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import type { StoreCheck } from './check.ts';
import { blobPath, type ContentStore } from './content-store.ts';
import type { StoreContents } from './contents.ts';
import { StoreDatabase } from './database.ts';
import type { GarbageReport, GarbageRequest } from './garbage.ts';
import { createKnowledge, type Knowledge } from './knowledge.ts';
import { createContentStore } from './lazy-content.ts';
import { type Lease, Leases } from './leases.ts';
import { createListStore, type ListStore } from './list-store.ts';

export type { Defect, StoreCheck } from './check.ts';
export type { Amount, StoreContents } from './contents.ts';
export type { GarbageReport, GarbageRequest } from './garbage.ts';
export type { Recompression } from './knowledge.ts';

export interface StoreOptions {
  /** Milliseconds since the Unix epoch, now. */
  readonly now?: () => number;
}

export class Store implements Disposable {
  readonly dir: string;
  readonly lists: ListStore;
  readonly content: ContentStore;
  readonly knowledge: Knowledge;
  readonly #database: StoreDatabase;
  readonly #leases: Leases;
  readonly #now: () => number;

  private constructor(dir: string, now: () => number) {
    this.dir = dir;
    this.#now = now;
    this.#database = new StoreDatabase(dir);
    this.#leases = new Leases(this.#database, now, (digest) => blobPath(dir, digest));
    this.lists = createListStore(this.#database, this.#leases, now);
    this.content = createContentStore(dir, this.#leases);
    this.knowledge = createKnowledge(this.#database, now);
  }

  /**
   * The store in the folder `dir`. Touches nothing yet: the folder is made by the first write, and reading none finds
   * none. Throws UsageError STORE_FOLDER where `dir` is no name of a folder.
   */
  static open(dir: string, { now = Date.now }: StoreOptions = {}): Store {
    // an empty one would be the working directory
    if (typeof dir !== 'string' || dir === '' || dir.includes('\0')) {
      throw new UsageError(`a store cannot be in the folder ${JSON.stringify(dir)}`, {
        code: 'STORE_FOLDER',
        hint: 'Name the folder in "dir"; storeDirectory(process.env) is the one that the commands use.',
      });
    }
    return new Store(dir, now);
  }

  /**
   * Opens a lease: what is put under it, or held by it, stays until it is closed, so that whoever gathers content for
   * a list cannot lose it to somebody who removes another. Throws StorageError.
   */
  openLease(): Lease {
    const leases = this.#leases;
    const id = leases.open();
    const close = (): void => leases.close(id);
    return {
      id,
      hold: async (digests) => {
        leases.hold(digests, id);
        const there = await Promise.all(digests.map((digest) => this.content.has(digest)));
        return digests.filter((_, at) => there[at] === true);
      },
      close,
      [Symbol.dispose]: close,
    };
  }

  /** What is in it, in numbers. Throws StorageError. */
  async contents(): Promise<StoreContents> {
    const { readContents } = await import('./contents.ts');
    return readContents(this.#database, this.#leases, this.#now());
  }

  /**
   * Reads every blob, and tells what of the store is not as it must be. Throws StorageError where it cannot be read at
   * all, CancelledError.
   */
  async check(session: Session): Promise<StoreCheck> {
    const { checkStore } = await import('./check.ts');
    return checkStore(this.#database, session);
  }

  /** Removes what no list and no running process needs. Throws UsageError OLDER_THAN; StorageError, also NO_DATABASE; CancelledError. */
  async collectGarbage(request: GarbageRequest = {}): Promise<GarbageReport> {
    const { collectGarbage } = await import('./garbage.ts');
    return collectGarbage(this.#database, this.#leases, { ...request, now: this.#now() });
  }

  /** Ends the leases of this store and closes its database. A store that was closed opens again when it is used. */
  close(): void {
    try {
      this.#leases.closeAll();
    } finally {
      this.#database.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * The folder of the store: `$SHEAF_HOME`, else `$XDG_DATA_HOME/sheaf`, else `~/.local/share/sheaf` (XDG Base Directory
 * Specification: a relative `XDG_DATA_HOME` does not count).
 */
export function storeDirectory(env: NodeJS.ProcessEnv): string {
  const { SHEAF_HOME: own, XDG_DATA_HOME: data, HOME: home } = env;
  if (own) return resolve(own);
  if (data && isAbsolute(data)) return join(data, 'sheaf');
  return join(home || homedir(), '.local', 'share', 'sheaf');
}
