/** Puts the instances of images on a list. */
import type { EntryChanges } from '../oci/edits.ts';
import type { IndexEntry } from '../oci/image-index.ts';
import type { ListRecord } from '../store/list-store.ts';
import type { ImageLocation } from '../transports/transport.ts';
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
}

export interface AddedInstances {
  readonly record: ListRecord;
  readonly added: readonly IndexEntry[];
}

/** Throws NotFoundError LIST_NOT_FOUND and whatever reading the images throws; then the list is as before. */
export async function addInstances(env: Env, request: AddInstancesRequest): Promise<AddedInstances> {
  const { id } = env.store().lists.read(request.list);
  return saveAdded(env, id, await planAdd(env, request.images, request.taking, request.changes));
}

/** Writes a plan to the list with this ID. */
export async function saveAdded(env: Env, id: string, plan: AddPlan): Promise<AddedInstances> {
  return keepContent(env, plan.content, () => {
    const record = env.store().lists.update(id, (before) => withAdded(before, plan));
    warnOfDuplicates(env, record.index, plan.added);
    const byDigest = new Map(record.index.manifests.map((entry) => [entry.digest, entry]));
    return { record, added: plan.added.map((entry) => byDigest.get(entry.digest) ?? entry) };
  });
}
