/** Gives a list more names. */
import { fullName } from '../store/list-names.ts';
import type { ListRecord, ListStore } from '../store/list-store.ts';
import { checkNewListName } from './new-list-name.ts';

export interface TaggedList {
  readonly id: string;
  /** All names that it has then, in full. */
  readonly names: readonly string[];
  /** The names that were asked for, in full, each with the list that had it before. */
  readonly given: ReadonlyArray<{ readonly name: string; readonly before: ListRecord | undefined }>;
}

/**
 * Nothing is given where one of the names cannot be: throws UsageError INVALID_REFERENCE, NotFoundError LIST_NOT_FOUND. With
 * `dryRun` nothing is written.
 */
export function tagList(
  lists: ListStore,
  list: string,
  newNames: readonly string[],
  { dryRun }: { readonly dryRun?: boolean } = {},
): TaggedList {
  for (const name of newNames) checkNewListName(name);
  const { id, names } = lists.read(list);
  const given = [...new Set(newNames.map(fullName))].map((name) => ({ name, before: lists.find(name) }));
  if (dryRun) return { id, names: [...new Set([...names, ...given.map(({ name }) => name)])], given };
  for (const { name } of given) lists.tag(id, name);
  return { id, names: lists.read(id).names, given };
}
