/** What an edit would change of a list, where it was not made. */
import { diffIndexes } from '../../oci/diff-indexes.ts';
import { emptyIndex, type ImageIndex } from '../../oci/image-index.ts';
import type { IndexChanges } from '../documents/diffs.ts';
import { changesDocument, renderChanges } from './diff.ts';
import { visible } from './texts.ts';

/** `plan` says in a few words what would be done; `before` is `undefined` for a list that would be made. */
export function renderEdit(
  plan: string,
  before: ImageIndex | undefined,
  after: ImageIndex,
): { lines: string[]; changes: IndexChanges } {
  const diff = diffIndexes(before ?? emptyIndex(after.mediaType), after);
  const changes = renderChanges(diff).map((line) => `  ${line}`);
  const nothing = before !== undefined && changes.length === 0 ? ['  nothing changes on the list'] : [];
  return { lines: [visible(`Plan: ${plan}`), ...changes, ...nothing], changes: changesDocument(diff) };
}

/** A list by its first name and its ID. */
export function describeList({ id, names }: { readonly id: string; readonly names: readonly string[] }): string {
  const [name] = names;
  return name === undefined ? id : `${name} (${id})`;
}
