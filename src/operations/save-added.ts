/** Puts what a plan read onto a record. Pure; the store calls it inside its lock. */
import { applyEdits } from '../oci/edits.ts';
import type { ListParts } from '../store/list-store.ts';
import type { AddPlan } from './plan-add.ts';

/** `record` with the plan's instances on it. An instance known already keeps its older locations behind the new ones. */
export function withAdded(record: ListParts, plan: AddPlan): ListParts {
  const index = applyEdits(record.index, plan.edits);
  const kept = new Set<string>(index.manifests.map((entry) => entry.digest));
  const locations: Record<string, readonly string[]> = {};
  for (const [digest, places] of Object.entries(record.locations)) if (kept.has(digest)) locations[digest] = places;
  for (const [digest, places] of plan.locations) {
    locations[digest] = [...new Set([...places, ...(locations[digest] ?? [])])];
  }
  const content = new Set([...record.content, ...plan.content.map((blob) => blob.digest), ...plan.kept]);
  const base = record.index.manifests.length === 0 ? plan.base : record.base;
  return {
    index,
    locations,
    files: { ...record.files, ...Object.fromEntries(plan.files) },
    content: [...content],
    ...(base === undefined ? {} : { base }),
  };
}
