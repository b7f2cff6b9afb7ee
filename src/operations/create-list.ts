/** Makes a list, or edits one that is there (`amend`), or puts a new one in its place (`replace`). */
import { ConflictError, UsageError } from '../foundation/errors.ts';
import type { Annotations } from '../oci/descriptor.ts';
import { applyEdits } from '../oci/edits.ts';
import { emptyIndex, type ImageIndex } from '../oci/image-index.ts';
import { mediaTypes } from '../oci/media-types.ts';
import { fullName } from '../store/list-names.ts';
import type { ListParts, ListRecord, ListStore } from '../store/list-store.ts';
import type { ImageLocation } from '../transports/transport.ts';
import type { Env } from './environment.ts';
import { keepContent } from './keep-content.ts';
import { checkNewListName } from './new-list-name.ts';
import { type AddPlan, planAdd, warnOfDuplicates } from './plan-add.ts';
import type { Taking } from './read-image.ts';
import { withAdded } from './save-added.ts';

export interface CreateListRequest {
  readonly name: string;
  readonly images: readonly ImageLocation[];
  readonly taking: Taking;
  readonly annotations: Annotations;
  readonly ifExists: 'fail' | 'amend' | 'replace';
}

/** Throws ConflictError NAME_IN_USE, UsageError and whatever reading the images throws; then nothing was changed. */
export async function createList(env: Env, request: CreateListRequest): Promise<ListRecord> {
  const { lists } = env.store();
  const { name, ifExists } = request;
  const { plan, fill } = await prepare(env, request);
  return keepContent(env, plan.content, () => {
    const create = (): ListRecord => lists.create({ name, replace: ifExists === 'replace', ...fill(emptyRecord) });
    const record = ifExists === 'amend' ? amendOrCreate(lists, name, fill, create) : create();
    warnOfDuplicates(env, record.index, plan.added);
    return record;
  });
}

/** What {@link createList} would do. */
export interface PlannedList {
  /** The names that it would have, in full. */
  readonly names: readonly string[];
  /** The list that would be amended; `undefined` where one would be made, whose ID nobody knows: it is random. */
  readonly amended: ListRecord | undefined;
  /** The list that would lose the name. */
  readonly replaced: ListRecord | undefined;
  readonly index: ImageIndex;
}

/** Reads all that {@link createList} reads, throws what it would throw, and writes nothing. */
export async function planList(env: Env, request: CreateListRequest): Promise<PlannedList> {
  const { lists } = env.store();
  const { plan, fill } = await prepare(env, request);
  const amended = request.ifExists === 'amend' ? lists.find(request.name) : undefined;
  const { index } = fill(amended ?? emptyRecord);
  warnOfDuplicates(env, index, plan.added);
  if (amended !== undefined) return { names: amended.names, amended, replaced: undefined, index };
  const name = fullName(request.name);
  return { names: [name], amended, replaced: lists.find(name), index };
}

interface Prepared {
  readonly plan: AddPlan;
  /** A list with the images on it. Pure. */
  fill(record: ListParts): ListParts;
}

async function prepare(env: Env, request: CreateListRequest): Promise<Prepared> {
  const { name, ifExists, annotations } = request;
  const isThere = env.store().lists.find(name) !== undefined;
  if (isThere && ifExists === 'fail') throw nameInUse(name);
  if (!isThere) checkNewListName(name);
  const plan = await planAdd(env, request.images, request.taking);
  const fill = (record: ListParts): ListParts => {
    const filled = withAdded(record, plan);
    if (Object.keys(annotations).length === 0) return filled;
    return { ...filled, index: applyEdits(filled.index, [{ op: 'annotate-index', annotations }]) };
  };
  return { plan, fill };
}

/** Others may make the list while the images are read, and even between a look and the making of it. */
function amendOrCreate(
  lists: ListStore,
  name: string,
  fill: (record: ListParts) => ListParts,
  create: () => ListRecord,
): ListRecord {
  const existing = lists.find(name);
  if (existing !== undefined) return lists.update(existing.id, fill);
  try {
    return create();
  } catch (thrown) {
    if (!(thrown instanceof ConflictError) || thrown.code !== 'NAME_IN_USE') throw thrown;
    return lists.update(name, fill);
  }
}

const emptyRecord: ListParts = { index: emptyIndex(mediaTypes.ociIndex), locations: {}, files: {}, content: [] };

function nameInUse(name: string): ConflictError {
  return new ConflictError(`there is a list called "${name}" already: that name is already in use`, {
    code: 'NAME_IN_USE',
    hint: 'Use --amend to add to it, --replace to begin anew, or choose another name.',
  });
}

/** `--amend` and `--replace` cannot both be meant. */
export function existingMode(amend: boolean, replace: boolean): CreateListRequest['ifExists'] {
  if (amend && replace) {
    throw new UsageError('--amend and --replace are mutually exclusive', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Use --amend to add to the list that is there, --replace to begin anew.',
    });
  }
  return amend ? 'amend' : replace ? 'replace' : 'fail';
}
