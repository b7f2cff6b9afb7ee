/** A plan is data: a flat list of steps, each named, with what must be done before it. It can be tested, shown and resumed. */
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Reference } from '../oci/reference.ts';
import type { RootCondition } from '../oci/root-condition.ts';
import { isDraft, type ManifestDraft } from './draft.ts';
import type { CompressionRecipe } from './recipe.ts';

interface StepBase {
  /** Unique in the plan: what others name in `needs`. */
  readonly id: string;
  /** Steps that must be done before this one. */
  readonly needs: readonly string[];
}

/** A layer of the source and what it is to be compressed to. */
export interface Recompressing {
  readonly layer: Descriptor;
  readonly recipe: CompressionRecipe;
}

/** A blob that the destination has already. */
export interface ReuseBlobStep extends StepBase {
  readonly kind: 'reuse';
  readonly blob: Descriptor;
}

/** A blob taken over from another repository of the same registry; where that is refused, it is copied. */
export interface MountStep extends StepBase {
  readonly kind: 'mount';
  readonly blob: Descriptor;
  readonly from: Reference;
  /** The blob is not in the source, but made like this from what is. */
  readonly made?: Recompressing;
}

/** A blob read from the source, or from the local store, and sent to the destination. */
export interface CopyBlobStep extends StepBase {
  readonly kind: 'copy';
  readonly blob: Descriptor;
  readonly from: 'source' | 'store';
  readonly made?: Recompressing;
}

/** A layer read from the source, compressed, and sent to the destination. */
export interface RecompressStep extends StepBase {
  readonly kind: 'recompress';
  /** The layer as it is in the source. */
  readonly blob: Descriptor;
  readonly recipe: CompressionRecipe;
}

/** What is done to a layer's encryption; further recipients change its annotations, and not its bytes. */
export type Crypting = 'encrypt' | 'decrypt' | 'add-recipients';

/**
 * A layer read from the source, encrypted or decrypted, and sent to the destination. No two encryptions give the same bytes,
 * and the keys are no part of the plan.
 */
export interface CryptStep extends StepBase {
  readonly kind: Crypting;
  /** As it is in the source. */
  readonly layer: Descriptor;
  /** How it is compressed before it is encrypted, or after it was decrypted; left alone without it. */
  readonly recipe?: CompressionRecipe;
}

/** A manifest or nested index put under its digest; with `present` it stands there already. */
export interface PutManifestStep extends StepBase {
  readonly kind: 'put-manifest' | 'put-index';
  readonly manifest: RawManifest | ManifestDraft;
  readonly present: boolean;
  /** What a person calls it: its platform, or its kind. */
  readonly label: string;
}

/** The last step: the root becomes what the destination names. With `present` it is that already. */
export interface TagStep extends StepBase {
  readonly kind: 'tag';
  readonly manifest: RawManifest | ManifestDraft;
  /** A tag beside the location's own; `undefined` for what the location names. */
  readonly tag: string | undefined;
  readonly present: boolean;
  readonly label: string;
}

export type CopyStep =
  | ReuseBlobStep
  | MountStep
  | CopyBlobStep
  | RecompressStep
  | CryptStep
  | PutManifestStep
  | TagStep;

export interface CopyPlan {
  /** Text forms of the two locations. */
  readonly source: string;
  readonly destination: string;
  /** The root in the source. */
  readonly original: RawManifest;
  /** What the destination will name; a draft where that depends on layers that are yet to be compressed. */
  readonly root: RawManifest | ManifestDraft;
  readonly steps: readonly CopyStep[];
  /** What a person should know: every loss, every change that nobody asked for. */
  readonly notes: readonly string[];
  /** Every change of a digest that was asked for. */
  readonly changes: readonly string[];
  /** Manifests of the source whose digests do not survive. */
  readonly changed: readonly Digest[];
  /** How many of the manifests are compression variants of others. */
  readonly variants: number;
  /** How many of them are no part of the image, but speak of it. */
  readonly companions: number;
  /** Bytes of the blobs that may have to be sent (mounts that are refused included; of layers to compress: before that). */
  readonly bytes: number;
  /** Names what was asked for, so that a later run may know what it led to; `undefined` where nothing was changed. */
  readonly recipe: string | undefined;
  /** What the destination must still name when the root gets its name. */
  readonly onlyIf?: RootCondition;
  /** The repository that the blobs go to, where the destination is a registry. */
  readonly repository?: Reference;
}

export function isCryptStep(step: CopyStep): step is CryptStep {
  return step.kind === 'encrypt' || step.kind === 'decrypt' || step.kind === 'add-recipients';
}

/** Bytes of the source that the step reads and may send. */
export function bytesOf(step: CopyStep): number {
  if ('blob' in step) return step.blob.size;
  return step.kind === 'encrypt' || step.kind === 'decrypt' ? step.layer.size : 0;
}

/** Whether what the step is for is at the destination already. */
export function isDone(step: CopyStep): boolean {
  return step.kind === 'reuse' || ('present' in step && step.present);
}

/** Whether the plan changes nothing at the destination. */
export function isNothingToDo(plan: CopyPlan): boolean {
  return plan.steps.every(isDone);
}

/** The digest that the destination will name, where it is known before the layers are compressed. */
export function plannedDigest(plan: CopyPlan): Digest | undefined {
  return isDraft(plan.root) ? undefined : plan.root.digest;
}
