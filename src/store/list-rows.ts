/** Lists as rows. All functions work inside a transaction or snapshot of the caller. */
import { StorageError, UsageError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageIndex } from '../oci/image-index.ts';
import { ExactNumber } from '../oci/json-value.ts';
import type { Row, Tables } from './database.ts';
import { possibleNames } from './list-names.ts';
import type { ListRecord } from './list-store.ts';

type Texts = Readonly<Record<string, readonly string[]>>;

/** The list with this ID, which must be there. Throws StorageError STORE_CORRUPT. */
export function readList(tables: Tables, id: string): ListRecord {
  const row = tables.get('SELECT * FROM lists WHERE id = ?', id);
  if (row === undefined) throw damaged(id);
  const names = namesOf(tables, id);
  const content = tables.all('SELECT digest FROM list_content WHERE list_id = ? ORDER BY position', id);
  const { base_type: mediaType, base_digest: digest, base_bytes: bytes } = row;
  const base =
    typeof mediaType === 'string' && typeof digest === 'string' && bytes instanceof Uint8Array
      ? { base: { bytes, mediaType, digest: digest as Digest } }
      : {};
  return {
    id,
    names,
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
    revision: Number(row['revision']),
    // written by encodeColumn below and by nothing else, so the shape is the one that went in
    index: decodeColumn(row, 'index_json') as ImageIndex,
    locations: decodeColumn(row, 'locations_json') as Texts,
    files: decodeColumn(row, 'files_json') as Texts,
    content: content.map((one) => String(one['digest']) as Digest),
    ...base,
  };
}

export function insertList(tables: Tables, record: ListRecord): void {
  tables.run(
    'INSERT INTO lists VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    record.id,
    record.createdAt,
    record.updatedAt,
    record.revision,
    encodeColumn(record.index),
    encodeColumn(record.locations),
    encodeColumn(record.files),
    record.base?.mediaType ?? null,
    record.base?.digest ?? null,
    record.base?.bytes ?? null,
  );
  for (const digest of record.content) keep(tables, record.id, digest);
}

/** Writes what differs; tells whether some content was let go. */
export function updateList(tables: Tables, before: ListRecord, after: ListRecord): boolean {
  tables.run('UPDATE lists SET updated_at = ?, revision = ? WHERE id = ?', after.updatedAt, after.revision, after.id);
  for (const [column, old, value] of [
    ['index_json', before.index, after.index],
    ['locations_json', before.locations, after.locations],
    ['files_json', before.files, after.files],
  ] as const) {
    if (value !== old) tables.run(`UPDATE lists SET ${column} = ? WHERE id = ?`, encodeColumn(value), after.id);
  }
  if (before.base !== after.base) {
    const { mediaType = null, digest = null, bytes = null } = after.base ?? {};
    tables.run(
      'UPDATE lists SET base_type = ?, base_digest = ?, base_bytes = ? WHERE id = ?',
      mediaType,
      digest,
      bytes,
      after.id,
    );
  }
  const old = new Set(before.content);
  const kept = new Set(after.content);
  for (const digest of kept) if (!old.has(digest)) keep(tables, after.id, digest);
  const dropped = before.content.filter((digest) => !kept.has(digest));
  for (const digest of dropped) {
    tables.run('DELETE FROM list_content WHERE list_id = ? AND digest = ?', after.id, digest);
  }
  return dropped.length > 0;
}

/** Gives a list a name, taking it from the list that has it. */
export function giveName(tables: Tables, id: string, name: string): void {
  tables.run('DELETE FROM list_names WHERE name = ?', name);
  tables.run('INSERT INTO list_names (name, list_id) VALUES (?, ?)', name, id);
}

export function namesOf(tables: Tables, id: string): string[] {
  return tables
    .all('SELECT name FROM list_names WHERE list_id = ? ORDER BY position', id)
    .map((row) => String(row['name']));
}

export function allNames(tables: Tables): string[] {
  return tables.all('SELECT name FROM list_names ORDER BY name').map((row) => String(row['name']));
}

export function idOfName(tables: Tables, name: string): string | undefined {
  const id = tables.get('SELECT list_id FROM list_names WHERE name = ?', name)?.['list_id'];
  return typeof id === 'string' ? id : undefined;
}

/** The ID of the list that `text` means. Throws UsageError INVALID_LIST_ID or AMBIGUOUS_ID. */
export function findId(tables: Tables, text: string): string | undefined {
  if (text.startsWith('sha256:')) {
    const id = text.slice('sha256:'.length);
    if (!/^[0-9a-f]{64}$/.test(id)) {
      throw new UsageError(`${text}: invalid format: no 64-byte hexadecimal value`, {
        code: 'INVALID_LIST_ID',
        hint: 'Write the whole ID after sha256:, or only its beginning without sha256:.',
      });
    }
    return idsFrom(tables, id)[0];
  }
  for (const name of possibleNames(text)) {
    const id = idOfName(tables, name);
    if (id !== undefined) return id;
  }
  if (!/^[0-9a-f]{3,64}$/.test(text)) return undefined;
  const [id, other] = idsFrom(tables, text);
  if (other === undefined) return id;
  throw new UsageError(`${text} is the beginning of more than one ID`, {
    code: 'AMBIGUOUS_ID',
    hint: 'Write more digits of it, or a name.',
  });
}

/** At most two IDs that begin with `prefix`. */
function idsFrom(tables: Tables, prefix: string): string[] {
  return tables
    .all("SELECT id FROM lists WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2", prefix)
    .map((row) => String(row['id']));
}

function keep(tables: Tables, id: string, digest: Digest): void {
  tables.run('INSERT OR IGNORE INTO list_content (list_id, digest) VALUES (?, ?)', id, digest);
}

function encodeColumn(value: object): string {
  return JSON.stringify(value);
}

function decodeColumn(row: Row, column: string): unknown {
  const text = String(row[column]);
  try {
    // numbers that JavaScript cannot hold are only found among the members that nobody knows
    return text.includes('"unknown":') ? JSON.parse(text, exactly) : JSON.parse(text);
  } catch (thrown) {
    throw damaged(String(row['id']), thrown);
  }
}

/**
 * Reviver of `JSON.parse` that keeps the text of a number which would change (ECMAScript, "JSON.parse source text
 * access").
 */
function exactly(_key: string, value: unknown, ...rest: readonly unknown[]): unknown {
  const [context] = rest;
  if (typeof value !== 'number' || typeof context !== 'object' || context === null || !('source' in context))
    return value;
  return context.source === String(value) ? value : new ExactNumber(String(context.source));
}

function damaged(id: string, cause?: unknown): StorageError {
  return new StorageError(`the record of the list ${id} in the local store is damaged`, {
    code: 'STORE_CORRUPT',
    hint: 'Restore sheaf.db from a backup, or remove that list and make it again.',
    ...(cause === undefined ? {} : { cause }),
  });
}
