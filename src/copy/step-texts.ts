/** Steps in the words of the peers, which people and scripts know. */

import type { RawManifest } from '../oci/descriptor.ts';
import { isIndexType } from '../oci/media-types.ts';
import { isDraft, type ManifestDraft } from './draft.ts';
import { type CopyPlan, type CopyStep, isNothingToDo } from './plan.ts';

export function describePlan(plan: CopyPlan): string {
  if (isNothingToDo(plan)) return `Everything is at ${plan.destination} already`;
  if (!isIndexType(plan.root.mediaType)) return `Copying ${plan.source} to ${plan.destination}`;
  const images = plan.steps.filter((step) => step.kind === 'put-manifest').length - plan.companions;
  if (images === 0) return `Copying the index of ${plan.source} to ${plan.destination}, without its images`;
  return `Copying ${images} images generated from ${images - plan.variants} images in list`;
}

export function describeStep(step: CopyStep): string {
  switch (step.kind) {
    case 'reuse':
      return `Blob ${step.blob.digest} is there already`;
    case 'mount':
      return `Mounting blob ${step.blob.digest} from ${step.from.registry}/${step.from.repository}`;
    case 'copy':
      return `Copying blob ${step.blob.digest}`;
    case 'recompress':
      return `Compressing blob ${step.blob.digest} with ${step.recipe.format}`;
    case 'encrypt':
      return `Encrypting blob ${step.layer.digest}`;
    case 'decrypt':
      return `Decrypting blob ${step.layer.digest}`;
    case 'add-recipients':
      return `Adding recipients to blob ${step.layer.digest}`;
    case 'put-manifest':
    case 'put-index':
      return step.present
        ? `Manifest ${nameOf(step.manifest)}(${step.label}) is there already`
        : `Writing manifest ${nameOf(step.manifest)}(${step.label})`;
    case 'tag': {
      if (step.present) return `${step.label} names ${nameOf(step.manifest)}already`;
      if (step.tag !== undefined) return `Writing ${step.label}`;
      const what = isIndexType(step.manifest.mediaType) ? 'manifest list' : 'manifest';
      return `Writing ${what} to image destination ${step.label}`;
    }
  }
}

function nameOf(document: RawManifest | ManifestDraft): string {
  return isDraft(document) ? '' : `${document.digest} `;
}
