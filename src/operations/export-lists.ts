/** Hands lists of the local store over: copies them, with all that they name, into one layout or archive for another machine. */
import { NotFoundError, SheafError, UsageError } from '../foundation/errors.ts';
import { redactName } from '../foundation/redaction.ts';
import { throwIfCancelled } from '../foundation/session.ts';
import type { ListRecord } from '../store/list-store.ts';
import { assertName, formatLayoutPlace, parseFolderPlace, parseLayoutPlace } from '../transports/oci/location.ts';
import type { ArchiveOfImages } from '../transports/oci-archive/archive-of-images.ts';
import type { Env } from './environment.ts';
import type { PlannedCopy } from './plan-and-execute.ts';
import { type ListSignatures, pushList } from './push-list.ts';

export interface ExportListsRequest {
  /** `oci:FOLDER` or `oci-archive:FILE`. */
  readonly destination: string;
  /** Names or IDs; without any, all lists. */
  readonly lists: readonly string[];
  /** Refuses lists with something that would have to be fetched from a registry. */
  readonly offline: boolean;
  /** Takes what refers to the images along. */
  readonly referrers?: boolean;
  readonly signatures?: ListSignatures;
  readonly dryRun: boolean;
}

export interface ExportedList {
  readonly id: string;
  /** What it is called there: its names in full, or its ID where it has none. */
  readonly names: readonly string[];
  readonly copy: PlannedCopy;
}

export interface ExportedLists {
  readonly lists: readonly ExportedList[];
  /** In the order in which they failed: `list` as it was asked for, or the name. */
  readonly failed: ReadonlyArray<{ readonly list: string; readonly error: SheafError }>;
}

/**
 * One list after the other; one that fails is told in the result, and the others are exported all the same. In a folder they
 * join what is there; an archive has them alone, and of a list that failed what the archive of before had.
 *
 * @throws UsageError INVALID_DESTINATION; CancelledError, and StorageError where the store or the destination fails: these end it
 */
export async function exportLists(env: Env, request: ExportListsRequest): Promise<ExportedLists> {
  const { lists: store } = env.store();
  await using target = await openTarget(env, request.destination);
  const source = request.offline ? withoutRegistries(env) : env;
  const lists: ExportedList[] = [];
  const failed: Array<ExportedLists['failed'][number]> = [];
  for (const text of await wantedLists(env, request.lists)) {
    throwIfCancelled(env.session);
    let names: readonly string[] = [text];
    try {
      const record = store.read(text);
      names = namesOf(record);
      if (lists.some(({ id }) => id === record.id)) continue;
      lists.push(await exportList(source, record, target, request));
    } catch (thrown) {
      if (!(thrown instanceof SheafError) || endsAll(thrown)) throw thrown;
      failed.push({ list: redactName(text), error: request.offline ? asNotKept(thrown) : thrown });
      for (const name of names) await target.keep(name);
    }
  }
  if (!request.dryRun && lists.length > 0) await target.write();
  return { lists, failed };
}

/** Those that are named, or all of them, also those whose records are damaged: that is told of each. */
async function wantedLists(env: Env, named: readonly string[]): Promise<readonly string[]> {
  if (named.length > 0) return named;
  const { lists } = await env.store().contents();
  return lists.map(({ id, names: [name = id] }) => name);
}

async function exportList(
  env: Env,
  record: ListRecord,
  target: Target,
  request: ExportListsRequest,
): Promise<ExportedList> {
  const [name = record.id, ...others] = namesOf(record);
  const copy = await pushList(env, {
    list: record.id,
    destination: target.location(name),
    select: 'all',
    unselected: 'keep',
    tags: others,
    require: [],
    dryRun: request.dryRun,
    ...(request.referrers === undefined ? {} : { referrers: request.referrers }),
    ...(request.signatures === undefined ? {} : { signatures: request.signatures }),
  });
  return { id: record.id, names: [name, ...others], copy };
}

/** What it is called there: its names in full, or its ID where it has none. */
function namesOf({ id, names }: ListRecord): readonly string[] {
  return names.length === 0 ? [id] : names;
}

/** The next list would fail in the same way. */
function endsAll({ kind, side, code }: SheafError): boolean {
  if (kind === 'storage') return side !== 'source' && code !== 'STORE_CORRUPT';
  return kind === 'cancelled' || kind === 'bug';
}

/** Something that takes several images, each under its name. */
type Target = Pick<ArchiveOfImages, 'location' | 'keep' | 'write'> & AsyncDisposable;

async function openTarget(env: Env, text: string): Promise<Target> {
  const [, transport, rest = ''] = /^(oci|oci-archive):(.+)$/s.exec(text) ?? [];
  if (transport === undefined) throw notATarget(text);
  const { path, blobs, ...named } =
    transport === 'oci' ? parseFolderPlace(rest) : parseLayoutPlace('oci-archive', rest);
  if (Object.keys(named).length > 0) throw notATarget(text);
  if (transport === 'oci-archive') {
    const { createArchiveOfImages } = await import('../transports/oci-archive/archive-of-images.ts');
    return createArchiveOfImages(path, env);
  }
  const place = { path, ...(blobs === undefined ? {} : { blobs }) };
  return {
    location(name) {
      assertName(name, path);
      return env.locate(formatLayoutPlace('oci', { ...place, name }));
    },
    keep: async () => {},
    write: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

function notATarget(text: string): UsageError {
  return new UsageError(`lists cannot be exported to "${redactName(text)}"`, {
    code: 'INVALID_DESTINATION',
    hint: 'Write oci:FOLDER or oci-archive:FILE: each list gets its own name there. To another place, or under another name, goes one list with `sheaf image copy --all store:LIST DESTINATION`.',
  });
}

/** The same, but that what is in registries is not found there. */
function withoutRegistries(env: Env): Env {
  return {
    ...env,
    locate(text) {
      const location = env.locate(text);
      if (location.transport !== 'docker') return location;
      const openSource = async (): Promise<never> => {
        throw new NotFoundError(`${text} is in a registry, and nothing is to be fetched`, { code: 'NOT_KEPT' });
      };
      return { ...location, openSource };
    },
  };
}

/** What is only in registries is at none of the places that were looked at. */
function asNotKept(error: SheafError): SheafError {
  if (error.code !== 'INSTANCE_GONE' && error.code !== 'NOT_KEPT') return error;
  return new NotFoundError(error.message, {
    code: 'NOT_KEPT',
    side: 'source',
    cause: error.cause,
    hint: 'Leave --offline away to fetch it, or leave this list out.',
  });
}
