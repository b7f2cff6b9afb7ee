/**
 * The connection to the store's database: opened on first use, created on first write, one transaction at a time.
 *
 * WAL lets readers go on while somebody writes; `synchronous = FULL` makes a committed transaction survive a power cut.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { BugError, StorageError } from '../foundation/errors.ts';
import { migrations } from './schema.ts';
import { SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_FULL, sqliteCode, toStorageError } from './storage-errors.ts';

export type Row = Readonly<Record<string, SQLOutputValue>>;

/** What a piece of work does with the tables. */
export interface Tables {
  run(sql: string, ...values: SQLInputValue[]): void;
  get(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all(sql: string, ...values: SQLInputValue[]): Row[];
}

export interface TransactionOptions {
  /**
   * Whether the result must survive a power cut (default). `false` is for what only matters to processes that run
   * now: it survives their death, but costs no wait for the disk.
   */
  readonly durable?: boolean;
}

export interface DatabaseOptions {
  /** Milliseconds to wait for the lock of another process; default 30 s. */
  readonly busyTimeoutMs?: number;
}

/** A database with less than so many free bytes, or less than a quarter of it free, stays as it is. */
const worthwhileBytes = 1 << 20;

export class StoreDatabase {
  readonly dir: string;
  readonly #file: string;
  readonly #busyTimeoutMs: number;
  readonly #statements = new Map<string, StatementSync>();
  readonly #tables: Tables;
  #connection: DatabaseSync | undefined;
  /** Whether it is opened without sharing it. */
  #alone = false;

  constructor(dir: string, { busyTimeoutMs = 30_000 }: DatabaseOptions = {}) {
    this.dir = dir;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#file = join(dir, 'sheaf.db');
    this.#tables = {
      run: (sql, ...values) => {
        this.#prepare(sql).run(...values);
      },
      get: (sql, ...values) => this.#prepare(sql).get(...values),
      all: (sql, ...values) => this.#prepare(sql).all(...values),
    };
  }

  /** Paths of the files that it may have on the disk. */
  files(): readonly string[] {
    return ['', '-wal'].map((suffix) => `${this.#file}${suffix}`);
  }

  /** Whether anything was ever written, which costs a look for a file. Throws StorageError. */
  exists(): boolean {
    try {
      return this.#connection !== undefined || this.#isThere();
    } catch (error) {
      throw toStorageError(error, this.dir);
    }
  }

  /**
   * Opens the database for what makes room: also where a full disk has none for the file that its users share. Nobody else can
   * use it then, until {@link close}. Throws StorageError.
   */
  openWhereFull(): void {
    try {
      this.read(() => {});
    } catch (thrown) {
      if (!(thrown instanceof StorageError) || thrown.code !== 'STORE_FULL') throw thrown;
      this.#alone = true;
      this.read(() => {});
    }
  }

  /** Runs `work`, which only reads; `undefined` when there is no store yet. Creates nothing. Throws StorageError. */
  read<T>(work: (tables: Tables) => T): T | undefined {
    try {
      if (!this.exists()) return undefined;
      const connection = this.#open();
      if (connection.isTransaction) return work(this.#tables);
      // one snapshot for all statements
      connection.exec('BEGIN');
      try {
        return work(this.#tables);
      } finally {
        if (connection.isTransaction) connection.exec('COMMIT');
      }
    } catch (thrown) {
      throw toStorageError(thrown, this.dir);
    }
  }

  /**
   * Runs `work` in one transaction that excludes all other writers from its beginning, and creates the store when
   * there is none. What `work` throws undoes it and passes through. Throws StorageError.
   */
  transaction<T>(work: (tables: Tables) => T, { durable = true }: TransactionOptions = {}): T {
    try {
      this.createFolder();
      const connection = this.#open();
      if (connection.isTransaction) throw new BugError('a transaction of the store was begun inside another');
      try {
        connection.exec(durable ? 'BEGIN IMMEDIATE' : 'PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE');
        const result = work(this.#tables);
        connection.exec('COMMIT');
        return result;
      } finally {
        // SQLite itself rolls back on some errors (a full disk)
        if (connection.isTransaction) connection.exec('ROLLBACK');
        if (!durable) connection.exec('PRAGMA synchronous = FULL');
      }
    } catch (thrown) {
      throw toStorageError(thrown, this.dir);
    }
  }

  /** Makes the folder of the store, readable by its owner only. */
  createFolder(): void {
    if (this.#connection === undefined) mkdirSync(this.dir, { recursive: true, mode: 0o700 });
  }

  /**
   * Gives the room of rows that are gone back to the disk, where that is worth the work, and tells how many bytes that
   * were. It waits for nobody: while others write, or where the disk has no room for it, all stays as it is, and rows to
   * come fill that room. Throws StorageError.
   */
  compact(): number {
    try {
      const connection = this.#open();
      const pragma = (name: string): number =>
        Number(Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
      const pageSize = pragma('page_size');
      const [free, all] = [pragma('freelist_count'), pragma('page_count')];
      if (free * pageSize < worthwhileBytes || free * 4 < all) return 0;
      connection.exec('PRAGMA busy_timeout = 0');
      try {
        connection.exec('VACUUM');
        connection.exec('PRAGMA wal_checkpoint(PASSIVE)');
      } finally {
        connection.exec(`PRAGMA busy_timeout = ${this.#busyTimeoutMs}`);
      }
      return (all - pragma('page_count')) * pageSize;
    } catch (thrown) {
      const code = sqliteCode(thrown);
      if (code === SQLITE_BUSY || code === SQLITE_FULL) return 0;
      throw toStorageError(thrown, this.dir);
    }
  }

  close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#alone = false;
    this.#statements.clear();
    connection?.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#open().prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #open(): DatabaseSync {
    if (this.#connection !== undefined) return this.#connection;
    this.#connection = this.#connect();
    return this.#connection;
  }

  /** For reading only when SQLite cannot make the files that it needs beside the database. */
  #connect(): DatabaseSync {
    const connection = new DatabaseSync(this.#file, {
      open: false,
      timeout: this.#busyTimeoutMs,
      enableForeignKeyConstraints: true,
    });
    try {
      connection.open();
      if (this.#alone) connection.exec('PRAGMA locking_mode = EXCLUSIVE');
      connection.exec('PRAGMA synchronous = FULL');
      if (versionOf(connection) !== migrations.length) migrate(connection, this.dir, this.#busyTimeoutMs);
      return connection;
    } catch (thrown) {
      if (connection.isOpen) connection.close();
      const readOnly =
        sqliteCode(thrown) === SQLITE_CANTOPEN && !this.#isWriterAbout() ? this.#connectReadOnly() : undefined;
      if (readOnly === undefined) throw thrown;
      return readOnly;
    }
  }

  /**
   * For a folder that nobody can write to, such as one on a read-only disk: nothing changes there, so no lock is
   * needed. `undefined` where the database is one that was begun only.
   */
  #connectReadOnly(): DatabaseSync | undefined {
    const url = pathToFileURL(this.#file);
    url.searchParams.set('immutable', '1');
    const connection = new DatabaseSync(url, { readOnly: true });
    const version = versionOf(connection);
    requireVersion(version, this.dir);
    return version === 0 ? undefined : connection;
  }

  /** Whether there is a write-ahead log: then the database alone is not the whole state. */
  #isWriterAbout(): boolean {
    return (statSync(`${this.#file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  }

  #isThere(): boolean {
    if (statSync(this.#file, { throwIfNoEntry: false }) !== undefined) return true;
    // a file in the place of the folder is not "no store yet": the person must hear of it
    if (statSync(this.dir, { throwIfNoEntry: false })?.isDirectory() === false) readdirSync(this.dir);
    return false;
  }
}

function versionOf(connection: DatabaseSync): number {
  return Number(connection.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** Brings the tables to this program's version. Several processes may do this at once: the first one does the work. */
function migrate(connection: DatabaseSync, dir: string, busyTimeoutMs: number): void {
  if (versionOf(connection) === 0) switchToWal(connection, busyTimeoutMs);
  connection.exec('BEGIN IMMEDIATE');
  try {
    const from = versionOf(connection);
    requireVersion(from, dir);
    for (const step of migrations.slice(from)) connection.exec(step);
    connection.exec(`PRAGMA user_version = ${migrations.length}`);
    connection.exec('COMMIT');
  } finally {
    if (connection.isTransaction) connection.exec('ROLLBACK');
  }
}

function requireVersion(found: number, dir: string): void {
  if (found <= migrations.length) return;
  const known = migrations.length;
  throw new StorageError(
    `the local store in ${dir} has the format ${found}; this version of sheaf knows formats up to ${known}`,
    {
      code: 'STORE_TOO_NEW',
      hint: 'It was written by a newer sheaf: update this one, or set SHEAF_HOME to another folder.',
    },
  );
}

/** Turns on the write-ahead log, which then stays on. SQLite does not wait here when another process does the same. */
function switchToWal(connection: DatabaseSync, busyTimeoutMs: number): void {
  const idle = new Int32Array(new SharedArrayBuffer(4));
  for (const deadline = Date.now() + busyTimeoutMs; ; ) {
    try {
      connection.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (thrown) {
      if (sqliteCode(thrown) !== SQLITE_BUSY || Date.now() > deadline) throw thrown;
      Atomics.wait(idle, 0, 0, 5 + Math.random() * 20);
    }
  }
}
