/** A plan as text and as JSON, for `--dry-run`. */
import type { CopyPlan, CopyStep } from '../../copy/plan.ts';
import { isNothingToDo } from '../../copy/plan.ts';
import { formatReference } from '../../oci/reference.ts';
import { formatBytes } from './texts.ts';

/** Lines that say what would be done, in the order in which it would be. */
export function renderPlan(plan: CopyPlan): string[] {
  const head = [`Plan: ${plan.source} -> ${plan.destination}`];
  const steps = plan.steps.map((step) => `  ${describeStep(step)}`);
  const notes = plan.notes.map((note) => `  note: ${note}`);
  const total = isNothingToDo(plan)
    ? 'Nothing to do: everything is there already.'
    : `${plan.steps.length} steps, at most ${formatBytes(plan.bytes)} to send, root ${plan.root.digest}`;
  return [...head, ...steps, ...notes, total];
}

function describeStep(step: CopyStep): string {
  switch (step.kind) {
    case 'reuse':
      return `reuse         ${step.blob.digest}  ${formatBytes(step.blob.size)}`;
    case 'mount':
      return `mount         ${step.blob.digest}  ${formatBytes(step.blob.size)}  from ${formatReference({ ...step.from })}`;
    case 'copy':
      return `copy          ${step.blob.digest}  ${formatBytes(step.blob.size)}`;
    case 'put-manifest':
    case 'put-index':
      return `${(step.present ? 'reuse' : step.kind).padEnd(12)}  ${step.manifest.digest}  ${step.label}`;
    case 'tag':
      return `${(step.present ? 'keep' : 'tag').padEnd(12)}  ${step.manifest.digest}  ${step.label}`;
  }
}

/** The plan as data, without the bytes of documents. */
export function planDocument(plan: CopyPlan): unknown {
  return {
    source: plan.source,
    destination: plan.destination,
    digest: plan.root.digest,
    mediaType: plan.root.mediaType,
    nothingToDo: isNothingToDo(plan),
    bytes: plan.bytes,
    notes: plan.notes,
    steps: plan.steps.map((step) => {
      const { id, kind, needs } = step;
      if (step.kind === 'mount') return { id, kind, needs, blob: step.blob, from: formatReference(step.from) };
      if (step.kind === 'reuse' || step.kind === 'copy') return { id, kind, needs, blob: step.blob };
      const { digest, mediaType } = step.manifest;
      return { id, kind, needs, digest, mediaType, label: step.label, present: step.present };
    }),
  };
}
