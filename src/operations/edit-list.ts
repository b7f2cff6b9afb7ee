/** How operations change a list that is there, or find out what the change would make of it. */
import { throwIfCancelled } from '../foundation/session.ts';
import type { ListParts, ListRecord } from '../store/list-store.ts';
import type { Env } from './environment.ts';

/**
 * The list `id` after `edit`, which is as {@link ListStore.update} wants it; with `dryRun` nothing is written. Throws what
 * `edit` throws, NotFoundError LIST_NOT_FOUND, CancelledError.
 */
export function editList(
  env: Env,
  id: string,
  edit: (record: ListRecord) => ListParts,
  dryRun: boolean | undefined,
): ListRecord {
  throwIfCancelled(env.session);
  const { lists } = env.store();
  if (!dryRun) return lists.update(id, edit);
  const before = lists.read(id);
  const { base: _base, ...rest } = before;
  return { ...rest, ...edit(before) };
}
