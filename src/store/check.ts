/**
 * Checks the store: every blob against its digest, the lists against the blobs that they keep, the database by SQLite's own
 * means. Changes nothing, and needs no more memory for more or larger blobs.
 */
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { asError, StorageError, systemCode } from '../foundation/errors.ts';
import { type Session, throwIfCancelled } from '../foundation/session.ts';
import { algorithmOf, createDigester, type Digest } from '../oci/digest.ts';
import { type BlobFile, blobFiles } from './blob-files.ts';
import { blobPath, type StoredBlob } from './content-store.ts';
import type { StoreDatabase, Tables } from './database.ts';
import { namesOf, readList } from './list-rows.ts';
import type { ListRecord } from './list-store.ts';
import { toStorageError } from './storage-errors.ts';

export type DefectKind = 'database' | 'list' | 'damaged' | 'unreadable' | 'missing' | 'wrong-size';

/** Something that is not as it must be. */
export interface Defect {
  /**
   * `database`, `list`: rows that cannot be read; `damaged`: a blob with other bytes; `unreadable`: the disk does not give
   * it; `missing`: a blob that a list keeps; `wrong-size`: a list says another size of it.
   */
  readonly kind: DefectKind;
  /** The blob. */
  readonly digest?: Digest;
  /** The file that it is in, or should be. */
  readonly path?: string;
  /** Names (or IDs) of the lists that need it. */
  readonly lists: readonly string[];
  /** What is wrong. */
  readonly message: string;
  /** What to do. */
  readonly hint: string;
}

export interface StoreCheck {
  /** Lists that were looked at. */
  readonly lists: number;
  /** Blobs that were read. */
  readonly blobs: number;
  /** Their bytes. */
  readonly bytes: number;
  /** None where the store is sound. */
  readonly defects: readonly Defect[];
}

/** Blobs that are read side by side: a disk gives more, and the digests keep one processor busy. */
const sideBySide = 4;
const bufferBytes = 1 << 20;

/** Throws StorageError (also STORE_TOO_NEW) where the store cannot be read at all, CancelledError. */
export async function checkStore(database: StoreDatabase, session: Session): Promise<StoreCheck> {
  const { dir } = database;
  try {
    const rows = checkRows(database);
    const files = blobFiles(dir);
    const noDatabase = files.length > 0 && !database.exists() ? [damaged(dir, 'there is no sheaf.db, but blobs')] : [];
    const users = usersOf(rows.lists);
    const found = await checkBlobs(dir, files, session);
    const missing = [...users].filter(([digest]) => !found.read.has(digest) && isMissing(database, digest));
    return {
      lists: rows.lists.length,
      blobs: found.read.size,
      bytes: [...found.read.values()].reduce((sum, { size }) => sum + size, 0),
      defects: [
        ...noDatabase,
        ...rows.defects,
        ...missing.map(([digest, lists]) => missingBlob(dir, digest, lists)),
        ...found.defects.map((defect) => withUsers(defect, users.get(defect.digest) ?? [])),
        ...wrongSizes(dir, rows.lists, found.read),
      ],
    };
  } catch (thrown) {
    throw toStorageError(thrown, dir);
  }
}

function damaged(dir: string, what: string): Defect {
  return {
    kind: 'database',
    path: join(dir, 'sheaf.db'),
    lists: [],
    message: `the database of the local store in ${dir} is damaged: ${what}`,
    hint: 'Restore sheaf.db from a backup, or hand over what can be read still with `sheaf store export`, and move the folder away.',
  };
}

interface Rows {
  readonly lists: readonly ListRecord[];
  readonly defects: readonly Defect[];
}

function checkRows(database: StoreDatabase): Rows {
  try {
    return database.read((tables) => readRows(tables, database.dir)) ?? { lists: [], defects: [] };
  } catch (thrown) {
    if (!(thrown instanceof StorageError) || thrown.code !== 'STORE_CORRUPT') throw thrown;
    return {
      lists: [],
      defects: [damaged(database.dir, asError(thrown.cause ?? thrown).message)],
    };
  }
}

function readRows(tables: Tables, dir: string): Rows {
  const defects: Defect[] = tables
    .all('PRAGMA integrity_check')
    .map((row) => String(row['integrity_check']))
    .filter((message) => message !== 'ok')
    .map((message) => damaged(dir, message));
  for (const { table, rowid, parent } of tables.all('PRAGMA foreign_key_check')) {
    defects.push(damaged(dir, `row ${rowid} of ${table} names something that is not in ${parent}`));
  }
  const lists: ListRecord[] = [];
  for (const row of tables.all('SELECT id FROM lists ORDER BY created_at, rowid')) {
    const id = String(row['id']);
    try {
      lists.push(readList(tables, id));
    } catch (thrown) {
      if (!(thrown instanceof StorageError) || thrown.code !== 'STORE_CORRUPT') throw thrown;
      const { message, hint = '' } = thrown;
      defects.push({ kind: 'list', lists: [namesOf(tables, id)[0] ?? id], message, hint });
    }
  }
  return { lists, defects };
}

type DefectOfBlob = Omit<Defect, 'lists' | 'hint'> & { readonly digest: Digest };

interface Checked {
  /** What was read to its end, whatever it was. */
  readonly read: ReadonlyMap<Digest, StoredBlob>;
  readonly defects: readonly DefectOfBlob[];
}

async function checkBlobs(dir: string, files: readonly BlobFile[], session: Session): Promise<Checked> {
  const read = new Map<Digest, StoredBlob>();
  const defects: DefectOfBlob[] = [];
  const queue = [...files];
  if (files.length > 0) {
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    session.emit({ type: 'plan', title: `Checking ${files.length} blobs in ${dir}`, steps: files.length, bytes });
  }
  const worker = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(bufferBytes);
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      throwIfCancelled(session);
      const { digest, size } = file;
      session.emit({ type: 'step-start', id: digest, label: `Checking blob ${digest}`, bytes: size });
      const path = blobPath(dir, digest);
      try {
        const actual = await readBlob(path, digest, buffer, session);
        read.set(digest, { digest, size: actual.size });
        if (actual.digest !== digest) {
          const message = `${path} is damaged: its ${actual.size} bytes have the digest ${actual.digest}`;
          defects.push({ kind: 'damaged', digest, path, message });
        }
      } catch (thrown) {
        const code = systemCode(thrown);
        // somebody has removed it, which nobody does with what a list keeps
        if (code !== 'ENOENT') {
          if (!(thrown instanceof Error && 'syscall' in thrown)) throw thrown;
          read.set(digest, { digest, size });
          const message = `${path} cannot be read: ${thrown.message}`;
          defects.push({ kind: 'unreadable', digest, path, message });
        }
      }
      session.emit({ type: 'step-end', id: digest, outcome: 'checked' });
    }
  };
  await Promise.all(Array.from({ length: Math.min(sideBySide, files.length) }, worker));
  return { read, defects: defects.sort((a, b) => (a.digest < b.digest ? -1 : 1)) };
}

async function readBlob(path: string, digest: Digest, buffer: Buffer, session: Session): Promise<StoredBlob> {
  await using handle = await open(path, 'r');
  const digester = createDigester(algorithmOf(digest));
  let size = 0;
  for (;;) {
    throwIfCancelled(session);
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength);
    if (bytesRead === 0) return { digest: digester.digest(), size };
    digester.update(buffer.subarray(0, bytesRead));
    size += bytesRead;
    session.emit({ type: 'step-progress', id: digest, bytes: bytesRead });
  }
}

/** By blob: the lists that keep it. */
function usersOf(lists: readonly ListRecord[]): Map<Digest, ListRecord[]> {
  const users = new Map<Digest, ListRecord[]>();
  for (const list of lists) {
    for (const digest of list.content) users.set(digest, [...(users.get(digest) ?? []), list]);
  }
  return users;
}

/** Whether a list keeps it still: that of a list which was removed meanwhile has gone with it. */
function isMissing(database: StoreDatabase, digest: Digest): boolean {
  const kept = database.read(
    (tables) => tables.get('SELECT 1 FROM list_content WHERE digest = ?', digest) !== undefined,
  );
  return kept === true && statSync(blobPath(database.dir, digest), { throwIfNoEntry: false }) === undefined;
}

function missingBlob(dir: string, digest: Digest, users: readonly ListRecord[]): Defect {
  const path = blobPath(dir, digest);
  return withUsers({ kind: 'missing', digest, path, message: `${path} is not there` }, users);
}

function withUsers(defect: DefectOfBlob, users: readonly ListRecord[]): Defect {
  if (users.length === 0) {
    return {
      ...defect,
      lists: [],
      hint: 'No list needs it: `sheaf store gc --forget` removes it, once no running command uses it.',
    };
  }
  const lists = namesIn(users);
  return { ...defect, lists, message: `${defect.message}; it is needed by ${lists.join(', ')}`, hint: fetchAgain };
}

const fetchAgain =
  '`sheaf store verify --repair` fetches it again from where it came. What is nowhere else has to be added to the list again, once the damaged file is removed.';

/** What a list says of its instances must be so. */
function wrongSizes(dir: string, lists: readonly ListRecord[], read: ReadonlyMap<Digest, StoredBlob>): Defect[] {
  return lists.flatMap((list) =>
    list.index.manifests.flatMap(({ digest, size }): Defect[] => {
      const found = read.get(digest);
      if (found === undefined || found.size === size || !list.content.includes(digest)) return [];
      const lists = namesIn([list]);
      const message = `${lists[0]} says that ${digest} has ${size} bytes, and it has ${found.size}`;
      const hint = 'Take it off the list with `sheaf manifest remove`, and add it again.';
      return [{ kind: 'wrong-size', digest, path: blobPath(dir, digest), lists, message, hint }];
    }),
  );
}

function namesIn(lists: readonly ListRecord[]): string[] {
  return lists.map(({ names, id }) => names[0] ?? id);
}
