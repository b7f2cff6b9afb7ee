/** What is in the store, in numbers: whose blobs take how much room, and what else there is. Reads no blob. */
import { statSync } from 'node:fs';
import type { Digest } from '../oci/digest.ts';
import { blobFiles } from './blob-files.ts';
import type { StoreDatabase, Tables } from './database.ts';
import { countKnowledge, type KnowledgeCounts } from './knowledge-rows.ts';
import type { Leases } from './leases.ts';
import { namesOf } from './list-rows.ts';
import { toStorageError } from './storage-errors.ts';
import { temporaryFiles } from './temporary-files.ts';

/** Some files. */
export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

export interface ListContents {
  readonly id: string;
  readonly names: readonly string[];
  /** `undefined` where the record is damaged. */
  readonly instances: number | undefined;
  /** What it keeps in the store: manifests, configs and files that were added. */
  readonly blobs: Amount;
  /** Blobs that it keeps and that are not there. */
  readonly missing: number;
  /** Milliseconds since the Unix epoch. */
  readonly updatedAt: number;
}

export interface StoreContents {
  /** Whether anything was ever written; else all is nothing. */
  readonly exists: boolean;
  /** Oldest first. */
  readonly lists: readonly ListContents[];
  /** Every blob once, by who needs it; the first of these that does. */
  readonly blobs: {
    readonly lists: Amount;
    readonly leases: Amount;
    /** Layers that a stopped run has compressed, and that the next one will find. */
    readonly waiting: Amount;
    readonly garbage: Amount;
  };
  /** Blobs on their way in. */
  readonly temporaryFiles: { readonly running: Amount; readonly garbage: Amount };
  /** Of processes that run, and of those that have ended. */
  readonly leases: { readonly running: number; readonly garbage: number };
  readonly knowledge: KnowledgeCounts;
  /** Bytes of the database, with what is not yet merged into it. */
  readonly databaseBytes: number;
}

const nothing: Amount = { count: 0, bytes: 0 };

/** Creates nothing. Throws StorageError. */
export function readContents(database: StoreDatabase, leases: Leases, now: number): StoreContents {
  const { dir } = database;
  try {
    const files = new Map(blobFiles(dir).map(({ digest, size }) => [digest, size]));
    const left = temporaryFiles(dir);
    database.openWhereFull();
    const found = database.read((tables) => {
      const ended = new Set(leases.ended(tables));
      const holders = {
        lists: digestsOf(tables, 'SELECT digest FROM list_content'),
        leases: new Set(
          tables
            .all('SELECT lease_id, digest FROM lease_content')
            .flatMap((row) => (ended.has(String(row['lease_id'])) ? [] : [String(row['digest']) as Digest])),
        ),
        waiting: digestsOf(tables, 'SELECT digest FROM kept_content WHERE until > ?', now),
      };
      const all = Number(tables.get('SELECT count(*) AS count FROM leases')?.['count']);
      return {
        lists: listsOf(tables, files),
        blobs: share(files, holders),
        leases: { running: all - ended.size, garbage: ended.size },
        knowledge: countKnowledge(tables),
      };
    });
    return {
      exists: found !== undefined,
      ...(found ?? {
        lists: [],
        blobs: share(files, { lists: new Set(), leases: new Set(), waiting: new Set() }),
        leases: { running: 0, garbage: 0 },
        knowledge: { recompressions: 0, conversions: 0, places: 0, uploads: 0, repositories: 0 },
      }),
      temporaryFiles: {
        running: sumOf(left.filter(({ abandoned }) => !abandoned)),
        garbage: sumOf(left.filter(({ abandoned }) => abandoned)),
      },
      databaseBytes: database.files().reduce((sum, file) => sum + sizeOf(file), 0),
    };
  } catch (thrown) {
    throw toStorageError(thrown, dir);
  } finally {
    // where the disk is full nobody else could use it until then
    database.close();
  }
}

type Holders = Readonly<Record<'lists' | 'leases' | 'waiting', ReadonlySet<Digest>>>;

/** Each blob is counted for the first that needs it. */
function share(files: ReadonlyMap<Digest, number>, { lists, leases, waiting }: Holders): StoreContents['blobs'] {
  const shares = { lists: nothing, leases: nothing, waiting: nothing, garbage: nothing };
  for (const [digest, size] of files) {
    const holder = lists.has(digest)
      ? 'lists'
      : leases.has(digest)
        ? 'leases'
        : waiting.has(digest)
          ? 'waiting'
          : 'garbage';
    const { count, bytes } = shares[holder];
    shares[holder] = { count: count + 1, bytes: bytes + size };
  }
  return shares;
}

function listsOf(tables: Tables, files: ReadonlyMap<Digest, number>): ListContents[] {
  // not as records: one that is damaged must not hide the others
  const rows = tables.all(
    `SELECT id, updated_at,
        CASE WHEN json_valid(index_json) THEN json_array_length(index_json, '$.manifests') END AS instances
      FROM lists ORDER BY created_at, rowid`,
  );
  return rows.map(({ id, updated_at: updatedAt, instances }) => {
    const kept = [...digestsOf(tables, 'SELECT digest FROM list_content WHERE list_id = ?', String(id))];
    const there = kept.flatMap((digest) => {
      const size = files.get(digest);
      return size === undefined ? [] : [{ size }];
    });
    return {
      id: String(id),
      names: namesOf(tables, String(id)),
      instances: instances === null ? undefined : Number(instances),
      blobs: sumOf(there),
      missing: kept.length - there.length,
      updatedAt: Number(updatedAt),
    };
  });
}

function digestsOf(tables: Tables, sql: string, ...values: ReadonlyArray<string | number>): Set<Digest> {
  return new Set(tables.all(sql, ...values).map((row) => String(row['digest']) as Digest));
}

function sumOf(files: ReadonlyArray<{ readonly size: number }>): Amount {
  return { count: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
