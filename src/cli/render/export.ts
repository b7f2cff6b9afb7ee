/** Lists that were handed over, as text and as JSON. */
import { plannedDigest } from '../../copy/plan.ts';
import { redact } from '../../foundation/redaction.ts';
import type { ExportedList, ExportedLists } from '../../operations/export-lists.ts';
import type { ExportedLists as ExportDocument } from '../documents/store.ts';
import { planDocument, renderPlan, transferDocument } from './plan.ts';

/** The digest under each name; after a dry run the plan. */
export function renderExport({ names, copy }: ExportedList): string[] {
  const { result } = copy;
  if (result === undefined) return renderPlan(copy);
  return names.map((name) => `${name}: ${result.root.digest}`);
}

export function exportDocument(destination: string, { lists, failed }: ExportedLists, dryRun: boolean): ExportDocument {
  return {
    destination,
    dryRun,
    lists: lists.map(({ id, names, copy }) => ({
      id,
      names,
      digest: copy.result?.root.digest ?? plannedDigest(copy.plan) ?? null,
      ...(copy.result === undefined ? { plan: planDocument(copy) } : { transfer: transferDocument(copy, copy.result) }),
    })),
    failed: failed.map(({ list, error: { code, message, hint } }) => ({
      list,
      code,
      message: redact(message),
      ...(hint === undefined ? {} : { hint }),
    })),
    bytes: bytesOf(lists),
  };
}

/** Nothing is written twice; plans that are made side by side do not know that of one another. */
function bytesOf(lists: readonly ExportedList[]): number {
  const planned = new Map<string, number>();
  let written = 0;
  for (const { copy } of lists) {
    if (copy.result !== undefined) written += copy.result.bytes;
    else for (const step of copy.plan.steps) if (step.kind === 'copy') planned.set(step.blob.digest, step.blob.size);
  }
  return [...planned.values()].reduce((sum, size) => sum + size, written);
}
