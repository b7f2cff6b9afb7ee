/** Puts the instances of images on a list. */
import type { EntryChanges } from '../oci/edits.ts';
import type { ImageIndex, IndexEntry } from '../oci/image-index.ts';
import type { ListRecord } from '../store/list-store.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { editList } from './edit-list.ts';
import type { Env } from './environment.ts';
import { keepContent } from './keep-content.ts';
import { type AddPlan, planAdd, warnOfDuplicates } from './plan-add.ts';
import type { Taking } from './read-image.ts';
import { withAdded } from './save-added.ts';

export interface AddInstancesRequest {
  /** Name or ID. */
  readonly list: string;
  readonly images: readonly ImageLocation[];
  readonly taking: Taking;
  readonly changes: EntryChanges;
  /** Reads everything and writes nothing. */
  readonly dryRun?: boolean;
}

export interface AddedInstances {
  readonly record: ListRecord;
  readonly added: readonly IndexEntry[];
  /** What the list was before anything was read. */
  readonly before: ImageIndex;
}

/** Throws NotFoundError LIST_NOT_FOUND and whatever reading the images throws; then the list is as before. */
export async function addInstances(env: Env, request: AddInstancesRequest): Promise<AddedInstances> {
  const list = env.store().lists.read(request.list);
  const plan = await planAdd(env, request.images, request.taking, request.changes);
  return saveAdded(env, list, plan, request.dryRun);
}

/** Writes a plan to a list; with `dryRun` only tells what that would make of it. */
export async function saveAdded(
  env: Env,
  { id, index: before }: ListRecord,
  plan: AddPlan,
  dryRun: boolean | undefined,
): Promise<AddedInstances> {
  const save = (): AddedInstances => {
    const record = editList(env, id, (now) => withAdded(now, plan), dryRun);
    warnOfDuplicates(env, record.index, plan.added);
    const byDigest = new Map(record.index.manifests.map((entry) => [entry.digest, entry]));
    return { record, added: plan.added.map((entry) => byDigest.get(entry.digest) ?? entry), before };
  };
  return dryRun ? save() : keepContent(env, plan.content, save);
}
