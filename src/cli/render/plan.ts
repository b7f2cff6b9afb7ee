/** A plan as text and as JSON, for `--dry-run`, and as JSON what came of one. */
import { isDraft, type ManifestDraft } from '../../copy/draft.ts';
import type { CopyResult } from '../../copy/execute-plan.ts';
import { type CopyPlan, type CopyStep, isCryptStep, isNothingToDo, plannedDigest } from '../../copy/plan.ts';
import type { RawManifest } from '../../oci/descriptor.ts';
import { formatReference } from '../../oci/reference.ts';
import type { PlannedCopy } from '../../operations/plan-and-execute.ts';
import type { Plan, Transfer } from '../documents/transfers.ts';
import { describeList } from './edit.ts';
import { formatBytes, visible } from './texts.ts';

/** What comes after a push or copy has succeeded. */
export interface Afterwards {
  /** The file that the digest is written to, as it was named. */
  readonly digestFile?: string;
  /** The list that is removed. */
  readonly removedList?: { readonly id: string; readonly names: readonly string[] };
}

/** Lines that say what would be done, in the order in which it would be. */
export function renderPlan(planned: PlannedCopy, { digestFile, removedList }: Afterwards = {}): string[] {
  const { plan, signed, carried = 0, signaturesAdded } = planned;
  const head = [`Plan: ${plan.source} -> ${plan.destination}`];
  const steps = plan.steps.map((step) => `  ${describeStep(step)}`);
  const notes = [...plan.notes, ...plan.changes].map((note) => `  note: ${note}`);
  const last = [
    ...(digestFile === undefined ? [] : [`  write         the digest to ${digestFile}`]),
    ...(removedList === undefined ? [] : [`  remove        the list ${describeList(removedList)}`]),
  ];
  const toAdd = signaturesAdded ? `, ${count(signaturesAdded, 'signature')} to add` : '';
  const nothing = last.length + toAdd.length === 0 ? 'Nothing to do' : 'Nothing to send';
  const total = isNothingToDo(plan)
    ? `${nothing}: everything is there already${toAdd}.`
    : `${plan.steps.length} steps, ${amountOf(plan)}${toAdd}, root ${nameOf(plan.root)}`;
  const names = [signed?.identity, ...(signed?.alsoAs ?? [])].join(', ');
  const verb = signaturesAdded === 0 ? 'keep          the signatures of' : 'sign         ';
  const signers = (signed?.signers ?? []).map((signer) => `  ${verb} every manifest as ${names}, by ${signer}`);
  const along = carried === 0 ? [] : [`  carry         ${count(carried, 'signature')} of the source`];
  return [...head, ...steps, ...along, ...signers, ...last, ...notes, total].map(visible);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** Where layers are compressed or unpacked on the way, nobody can tell before how much they become. */
function amountOf({ steps, bytes }: CopyPlan): string {
  const makes = steps.some((step) => step.kind === 'recompress' || isCryptStep(step));
  return makes ? `${formatBytes(bytes)} to send before layers are made anew` : `at most ${formatBytes(bytes)} to send`;
}

function describeStep(step: CopyStep): string {
  switch (step.kind) {
    case 'reuse':
      return `reuse         ${step.blob.digest}  ${formatBytes(step.blob.size)}`;
    case 'mount':
      return `mount         ${step.blob.digest}  ${formatBytes(step.blob.size)}  from ${formatReference({ ...step.from })}`;
    case 'copy':
      return `copy          ${step.blob.digest}  ${formatBytes(step.blob.size)}${step.from === 'store' ? '  from the local store' : ''}`;
    case 'recompress':
      return `recompress    ${step.blob.digest}  ${formatBytes(step.blob.size)}  with ${step.recipe.format}`;
    case 'encrypt':
    case 'decrypt': {
      const { kind, layer, recipe } = step;
      const how = recipe === undefined ? '' : `  with ${recipe.format}`;
      return `${kind.padEnd(12)}  ${layer.digest}  ${formatBytes(layer.size)}${how}`;
    }
    case 'add-recipients':
      return `recipients    ${step.layer.digest}`;
    case 'put-manifest':
    case 'put-index':
      return `${(step.present ? 'reuse' : step.kind).padEnd(12)}  ${nameOf(step.manifest)}  ${step.label}`;
    case 'tag':
      return `${(step.present ? 'keep' : 'tag').padEnd(12)}  ${nameOf(step.manifest)}  ${step.label}`;
  }
}

/** A digest, or what stands for it until the layers are made. */
function nameOf(document: RawManifest | ManifestDraft): string {
  return isDraft(document) ? '(known once its layers are made)' : document.digest;
}

/** The plan as data, without the bytes of documents. */
export function planDocument(planned: PlannedCopy, afterwards: Afterwards = {}): Plan {
  const { plan, signaturesAdded } = planned;
  return {
    source: plan.source,
    destination: plan.destination,
    digest: plannedDigest(plan) ?? null,
    mediaType: plan.root.mediaType,
    nothingToDo: isNothingToDo(plan) && !signaturesAdded,
    bytes: plan.bytes,
    ...signingMembers(planned),
    ...(signaturesAdded === undefined ? {} : { signaturesAdded }),
    ...afterwardsMembers(afterwards),
    notes: plan.notes,
    changes: plan.changes,
    steps: plan.steps.map(stepDocument),
  };
}

function stepDocument(step: CopyStep): Plan['steps'][number] {
  const { id, needs } = step;
  switch (step.kind) {
    case 'reuse':
      return { id, kind: step.kind, needs, blob: step.blob };
    case 'mount':
      return { id, kind: step.kind, needs, blob: step.blob, from: formatReference(step.from) };
    case 'copy':
      return { id, kind: step.kind, needs, blob: step.blob, from: step.from };
    case 'recompress':
      return { id, kind: step.kind, needs, blob: step.blob, recipe: step.recipe };
    case 'encrypt':
    case 'decrypt':
    case 'add-recipients':
      return { id, kind: step.kind, needs, blob: step.layer, recipe: step.recipe };
    case 'put-manifest':
    case 'put-index':
    case 'tag': {
      const { kind, manifest, label, present } = step;
      const digest = isDraft(manifest) ? null : manifest.digest;
      return { id, kind, needs, digest, mediaType: manifest.mediaType, label, present };
    }
  }
}

/** What was copied or pushed, as data. */
export function transferDocument(planned: PlannedCopy, result: CopyResult, afterwards: Afterwards = {}): Transfer {
  const { plan, signaturesAdded } = planned;
  const { root, ...counts } = result;
  return {
    digest: root.digest,
    mediaType: root.mediaType,
    source: plan.source,
    destination: plan.destination,
    ...counts,
    ...signingMembers(planned),
    ...(typeof signaturesAdded === 'number' ? { signaturesAdded } : {}),
    ...afterwardsMembers(afterwards),
  };
}

function signingMembers({ signed, carried }: PlannedCopy) {
  return { ...signed, ...(carried === undefined ? {} : { signaturesCarried: carried }) };
}

function afterwardsMembers({ digestFile, removedList }: Afterwards) {
  return {
    ...(digestFile === undefined ? {} : { digestFile }),
    ...(removedList === undefined ? {} : { removedList: removedList.id }),
  };
}
