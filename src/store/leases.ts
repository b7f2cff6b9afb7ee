/**
 * Who keeps a blob alive: the lists that name it, leases, which stand in until there is a list, and for some days what a
 * stopped run had compressed (see knowledge.ts).
 *
 * The rule that makes it safe between processes: whoever wants a blob first commits a row that holds its digest and
 * only then looks whether the file is there (or puts it there); whoever removes files does so inside a transaction
 * that excludes every writer, in which nothing held them. So either the row comes first and the file stays, or the
 * file goes first and whoever wants it finds it gone and puts it again.
 *
 * A lease ends when it is closed, when its process has ended, or, where that cannot be told, after {@link leaseMs}.
 */
import { rmSync, statSync } from 'node:fs';
import { ConflictError, StorageError } from '../foundation/errors.ts';
import { currentOwner, hasEnded } from '../foundation/owner.ts';
import type { Digest } from '../oci/digest.ts';
import type { StoreDatabase, Tables } from './database.ts';
import { toStorageError } from './storage-errors.ts';
import { removeAbandonedFiles } from './temporary-files.ts';

/** Holds blobs for as long as it is open and its process lives. */
export interface Lease extends Disposable {
  /** For {@link PutOptions.lease}. */
  readonly id: string;
  /**
   * Holds `digests` and tells which of them are there: those will not go before the lease is closed. Throws
   * StorageError.
   */
  hold(digests: readonly Digest[]): Promise<Digest[]>;
  /**
   * Lets go; what nothing else holds is removed, now or, when the disk fails, by whoever comes next. Throws nothing.
   */
  close(): void;
}

/** Milliseconds for which a lease counts after its last use, when nobody can tell whether its process lives. */
export const leaseMs = 24 * 60 * 60 * 1000;

export class Leases {
  readonly #database: StoreDatabase;
  readonly #now: () => number;
  readonly #fileOf: (digest: Digest) => string;
  readonly #open = new Set<string>();
  #fallback: string | undefined;
  #tidied = false;

  constructor(database: StoreDatabase, now: () => number, fileOf: (digest: Digest) => string) {
    this.#database = database;
    this.#now = now;
    this.#fileOf = fileOf;
  }

  /** Opens a lease and returns its ID. */
  open(): string {
    if (!this.#tidied) {
      this.#tidied = true;
      quietly(() => this.#tidyTemporaryFiles());
      this.tidy();
    }
    const { host, process } = currentOwner();
    const id = this.#database.transaction(
      (tables) => {
        const fresh = newId(tables);
        tables.run('INSERT INTO leases VALUES (?, ?, ?, ?)', fresh, host, process, this.#now() + leaseMs);
        return fresh;
      },
      { durable: false },
    );
    this.#open.add(id);
    return id;
  }

  /** Holds `digests` by the lease `id`, or by one that lasts until {@link closeAll}. */
  hold(digests: readonly Digest[], id: string = this.#fallbackLease()): void {
    this.#database.transaction(
      (tables) => {
        tables.run('UPDATE leases SET expires_at = ? WHERE id = ?', this.#now() + leaseMs, id);
        if (tables.get('SELECT 1 FROM leases WHERE id = ?', id) === undefined) throw leaseLost();
        for (const digest of digests) tables.run('INSERT OR IGNORE INTO lease_content VALUES (?, ?)', id, digest);
      },
      { durable: false },
    );
  }

  close(id: string): void {
    if (!this.#open.delete(id)) return;
    quietly(() =>
      this.#database.transaction(
        (tables) => {
          tables.run('DELETE FROM leases WHERE id = ?', id);
          this.#sweep(tables);
        },
        { durable: false },
      ),
    );
  }

  closeAll(): void {
    for (const id of [...this.#open]) this.close(id);
    this.#fallback = undefined;
  }

  /**
   * {@link collect}, as a part of something else that has been done already: what cannot be removed now waits for the
   * next time.
   */
  tidy(): void {
    quietly(() => this.collect());
  }

  /**
   * Removes the blobs that have lost their last holder, with those that leases of ended processes held. Costs one
   * query when there are none.
   */
  collect(): void {
    const somethingToDo = this.#database.read(
      (tables) =>
        tables.get('SELECT 1 FROM loose_content LIMIT 1') !== undefined ||
        tables.get('SELECT 1 FROM kept_content WHERE until <= ?', this.#now()) !== undefined ||
        this.ended(tables).length > 0,
    );
    if (somethingToDo === true) this.#database.transaction((tables) => this.#sweep(tables), { durable: false });
  }

  /**
   * Inside a transaction of the caller, which is about to commit rows that hold `digests`. Throws ConflictError
   * CONTENT_GONE.
   */
  requireContent(digests: readonly Digest[]): void {
    for (const digest of digests) {
      if (statSync(this.#fileOf(digest), { throwIfNoEntry: false }) !== undefined) continue;
      throw new ConflictError(`the blob ${digest}, which the list needs, is not in the local store any more`, {
        code: 'CONTENT_GONE',
        hint: 'Run the command again.',
      });
    }
  }

  /** Removes the file of `digest` unless a list or a lease holds it; tells whether it is gone. */
  remove(digest: Digest): boolean {
    return this.#database.transaction((tables) => {
      // what this store itself holds only by default does not count
      tables.run('DELETE FROM lease_content WHERE lease_id = ? AND digest = ?', this.#fallback ?? '', digest);
      return this.removeUnheld(tables, digest);
    });
  }

  /** Inside a transaction of the caller: removes the file of `digest` if nothing holds it, and tells whether. */
  removeUnheld(tables: Tables, digest: Digest): boolean {
    const held = tables.get(
      `SELECT 1 WHERE EXISTS (SELECT 1 FROM list_content WHERE digest = ?1)
          OR EXISTS (SELECT 1 FROM lease_content WHERE digest = ?1)
          OR EXISTS (SELECT 1 FROM kept_content WHERE digest = ?1)`,
      digest,
    );
    if (held !== undefined) return false;
    rmSync(this.#fileOf(digest), { force: true });
    return true;
  }

  /** IDs of the leases that count no more. */
  ended(tables: Tables): string[] {
    const now = this.#now();
    return tables
      .all('SELECT id, host, process, expires_at FROM leases')
      .filter(
        (row) =>
          Number(row['expires_at']) <= now || hasEnded({ host: String(row['host']), process: Number(row['process']) }),
      )
      .map((row) => String(row['id']));
  }

  #sweep(tables: Tables): void {
    for (const id of this.ended(tables)) tables.run('DELETE FROM leases WHERE id = ?', id);
    tables.run('DELETE FROM kept_content WHERE until <= ?', this.#now());
    for (const row of tables.all('SELECT digest FROM loose_content')) {
      this.removeUnheld(tables, String(row['digest']) as Digest);
    }
    tables.run('DELETE FROM loose_content');
  }

  #tidyTemporaryFiles(): void {
    try {
      removeAbandonedFiles(this.#database.dir);
    } catch (thrown) {
      throw toStorageError(thrown, this.#database.dir);
    }
  }

  #fallbackLease(): string {
    this.#fallback ??= this.open();
    return this.#fallback;
  }
}

/** 64 random hexadecimal digits. */
export function newId(tables: Tables): string {
  return String(tables.get('SELECT lower(hex(randomblob(32))) AS id')?.['id']);
}

/**
 * Letting go must not hide the error that led to it: a full disk would fail here once more. The end of the process
 * does the same.
 */
function quietly(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof StorageError)) throw thrown;
  }
}

function leaseLost(): ConflictError {
  return new ConflictError('this run stood still for so long that what it had stored was given up', {
    code: 'LEASE_LOST',
    hint: 'Run the command again.',
  });
}
