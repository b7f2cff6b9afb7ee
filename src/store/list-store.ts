/** The lists: local, named, editable records of an index and of where its instances are. */
import { ConflictError, NotFoundError } from '../foundation/errors.ts';
import { redactName } from '../foundation/redaction.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageIndex } from '../oci/image-index.ts';
import type { StoreDatabase, Tables } from './database.ts';
import { type Leases, newId } from './leases.ts';
import { fullName, possibleNames, similarNames } from './list-names.ts';
import { allNames, findId, giveName, idOfName, insertList, namesOf, readList, updateList } from './list-rows.ts';

/** What an edit may change. */
export interface ListParts {
  readonly index: ImageIndex;
  /** By digest of an instance: where its bytes are, best first, each as `transport:rest`. */
  readonly locations: Readonly<Record<string, readonly string[]>>;
  /** By digest of an artifact manifest: the file names it may be called by. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** Blobs of the content store that this list keeps alive. */
  readonly content: readonly Digest[];
  /** The bytes of the index that the list was made from. */
  readonly base?: RawManifest;
}

export interface ListRecord extends ListParts {
  /** 64 random hex digits; the same over all edits. */
  readonly id: string;
  /** In full (`localhost/foo:latest`), oldest first; may be empty. */
  readonly names: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Grows by one with every edit. */
  readonly revision: number;
}

export interface NewList extends Partial<ListParts> {
  readonly name: string;
  readonly index: ImageIndex;
  /** Takes the name away from the list that has it; that list stays, reachable by its ID. */
  readonly replace?: boolean;
}

export interface RemovedList {
  /** Names that went, in full. */
  readonly untagged: readonly string[];
  /** ID of the list; `undefined` when other names keep it. */
  readonly deleted?: string;
}

/**
 * Lists are found by name as the peers normalise it (`foo` is `localhost/foo:latest`), by ID, by a unique beginning
 * of the ID of at least three digits, or by `sha256:<ID>`. Names win over beginnings of IDs.
 *
 * Every method throws StorageError when the disk or the database fails, and UsageError AMBIGUOUS_ID or INVALID_LIST_ID.
 */
export interface ListStore {
  /** Throws ConflictError NAME_IN_USE, ConflictError CONTENT_GONE, UsageError INVALID_REFERENCE. */
  create(list: NewList): ListRecord;
  /** Throws NotFoundError LIST_NOT_FOUND. */
  read(nameOrId: string): ListRecord;
  find(nameOrId: string): ListRecord | undefined;
  /** Cheap: reads no index. */
  exists(nameOrId: string): boolean;
  /**
   * Replaces the parts of a list by what `edit` makes of its newest state. The lock is in here: `edit` runs inside
   * the one transaction, so it must be pure and quick. What it throws passes through and leaves the list as it was;
   * when it returns the very record it was given, nothing is written. Throws NotFoundError LIST_NOT_FOUND,
   * ConflictError CONTENT_GONE.
   */
  update(nameOrId: string, edit: (record: ListRecord) => ListParts): ListRecord;
  /**
   * Gives a list one more name; another list that has it loses it. Throws NotFoundError, UsageError
   * INVALID_REFERENCE.
   */
  tag(nameOrId: string, newName: string): ListRecord;
  /**
   * Takes a list away, with the content that only it kept. By name, a list that has other names only loses this one;
   * by ID, it is ConflictError LIST_HAS_SEVERAL_NAMES. With `allNames` the list goes whatever its names. Throws
   * NotFoundError.
   */
  remove(nameOrId: string, options?: { readonly allNames?: boolean }): RemovedList;
  /**
   * A {@link remove} that writes nothing: tells, and throws, what it would if everything that the same rehearsal was asked for
   * before had gone.
   */
  rehearseRemoval(): (nameOrId: string) => RemovedList;
  /** All lists, oldest first. */
  list(): ListRecord[];
  /** All names, sorted. */
  names(): string[];
}

/** The lists of the store behind `database`. */
export function createListStore(database: StoreDatabase, leases: Leases, now: () => number): ListStore {
  const read = <T>(work: (tables: Tables) => T, otherwise: T): T => {
    const found = database.read((tables) => ({ result: work(tables) }));
    return found === undefined ? otherwise : found.result;
  };

  const find = (nameOrId: string): ListRecord | undefined =>
    read((tables) => {
      const id = findId(tables, nameOrId);
      return id === undefined ? undefined : readList(tables, id);
    }, undefined);

  /** Runs `work` on the list in one transaction; throws NotFoundError without creating a store. */
  const withList = <T>(nameOrId: string, work: (tables: Tables, id: string) => T): T => {
    if (read((tables) => findId(tables, nameOrId), undefined) !== undefined) {
      const done = database.transaction((tables) => {
        const id = findId(tables, nameOrId);
        return id === undefined ? undefined : { result: work(tables, id) };
      });
      if (done !== undefined) return done.result;
    }
    throw notFound(nameOrId, read(allNames, []));
  };

  return {
    create(list) {
      const name = fullName(list.name);
      return database.transaction((tables) => {
        const owner = idOfName(tables, name);
        if (owner !== undefined && list.replace !== true) throw nameInUse(name, owner);
        const time = now();
        const { name: _name, replace: _replace, ...parts } = list;
        const record: ListRecord = {
          locations: {},
          files: {},
          content: [],
          ...parts,
          id: newId(tables),
          names: [name],
          createdAt: time,
          updatedAt: time,
          revision: 1,
        };
        leases.requireContent(record.content);
        insertList(tables, record);
        giveName(tables, record.id, name);
        return record;
      });
    },

    read(nameOrId) {
      const record = find(nameOrId);
      if (record === undefined) throw notFound(nameOrId, read(allNames, []));
      return record;
    },

    find,

    exists: (nameOrId) => read((tables) => findId(tables, nameOrId) !== undefined, false),

    update(nameOrId, edit) {
      let dropped = false;
      const record = withList(nameOrId, (tables, id) => {
        const before = readList(tables, id);
        const parts = edit(before);
        if (parts === before) return before;
        const known = new Set(before.content);
        leases.requireContent(parts.content.filter((digest) => !known.has(digest)));
        const { base: _base, ...rest } = before;
        const after: ListRecord = {
          ...rest,
          index: parts.index,
          locations: parts.locations,
          files: parts.files,
          content: [...new Set(parts.content)],
          ...(parts.base === undefined ? {} : { base: parts.base }),
          updatedAt: Math.max(now(), before.updatedAt),
          revision: before.revision + 1,
        };
        dropped = updateList(tables, before, after);
        return after;
      });
      if (dropped) leases.tidy();
      return record;
    },

    tag(nameOrId, newName) {
      const name = fullName(newName);
      return withList(nameOrId, (tables, id) => {
        if (idOfName(tables, name) !== id) giveName(tables, id, name);
        return readList(tables, id);
      });
    },

    remove(nameOrId, { allNames: whole = false } = {}) {
      const removed = withList(nameOrId, (tables, id): RemovedList => {
        const removal = removalOf(id, namesOf(tables, id), nameOrId, whole);
        if (removal.deleted !== undefined) tables.run('DELETE FROM lists WHERE id = ?', id);
        else for (const name of removal.untagged) tables.run('DELETE FROM list_names WHERE name = ?', name);
        return removal;
      });
      leases.tidy();
      return removed;
    },

    rehearseRemoval() {
      const untagged = new Set<string>();
      const deleted = new Set<string>();
      return (nameOrId) => {
        const record = find(nameOrId);
        const name = record && nameAmong(record.names, nameOrId);
        if (record === undefined || deleted.has(record.id) || (name !== undefined && untagged.has(name))) {
          throw notFound(nameOrId, read(allNames, []));
        }
        const names = record.names.filter((one) => !untagged.has(one));
        const removal = removalOf(record.id, names, nameOrId, false);
        for (const one of removal.untagged) untagged.add(one);
        if (removal.deleted !== undefined) deleted.add(removal.deleted);
        return removal;
      };
    },

    list: () =>
      read(
        (tables) =>
          tables
            .all('SELECT id FROM lists ORDER BY created_at, rowid')
            .map((row) => readList(tables, String(row['id']))),
        [],
      ),

    names: () => read(allNames, []),
  };
}

/** What goes when the list `id`, which has `names`, is removed as `nameOrId`. Throws ConflictError LIST_HAS_SEVERAL_NAMES. */
function removalOf(id: string, names: readonly string[], nameOrId: string, whole: boolean): RemovedList {
  if (names.length < 2 || whole) return { untagged: names, deleted: id };
  const name = nameAmong(names, nameOrId);
  if (name === undefined) throw severalNames(id, names);
  return { untagged: [name] };
}

function nameAmong(names: readonly string[], nameOrId: string): string | undefined {
  return possibleNames(nameOrId).find((one) => names.includes(one));
}

function notFound(nameOrId: string, names: readonly string[]): NotFoundError {
  const similar = similarNames(nameOrId, names);
  const hint =
    similar.length > 0
      ? `Did you mean ${similar.join(' or ')}?`
      : names.length === 0
        ? 'There is no list yet: make one with `sheaf manifest create`.'
        : 'See the lists that there are with `sheaf manifest ls`.';
  return new NotFoundError(`${redactName(nameOrId) || '""'}: image not known`, { code: 'LIST_NOT_FOUND', hint });
}

function nameInUse(name: string, id: string): ConflictError {
  return new ConflictError(
    `the name "${name}" is already associated with the list ${id}: that name is already in use`,
    {
      code: 'NAME_IN_USE',
      hint: 'Use --amend to add to that list, --replace to begin anew, or choose another name.',
    },
  );
}

function severalNames(id: string, names: readonly string[]): ConflictError {
  return new ConflictError(
    `unable to delete list ${id} by ID with more than one tag (${names.join(', ')}): please remove it by its names`,
    { code: 'LIST_HAS_SEVERAL_NAMES', hint: `Run \`sheaf manifest rm ${names.join(' ')}\`.` },
  );
}
