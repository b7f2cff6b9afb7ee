/** A plan is data: a flat list of steps, each named, with what must be done before it. It can be tested, shown and resumed. */
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import type { Reference } from '../oci/reference.ts';

interface StepBase {
  /** Unique in the plan: what others name in `needs`. */
  readonly id: string;
  /** Steps that must be done before this one. */
  readonly needs: readonly string[];
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
}

/** A blob read from the source and sent to the destination. */
export interface CopyBlobStep extends StepBase {
  readonly kind: 'copy';
  readonly blob: Descriptor;
}

/** A manifest or nested index put under its digest; with `present` it stands there already. */
export interface PutManifestStep extends StepBase {
  readonly kind: 'put-manifest' | 'put-index';
  readonly manifest: RawManifest;
  readonly present: boolean;
  /** What a person calls it: its platform, or its kind. */
  readonly label: string;
}

/** The last step: the root becomes what the destination names. With `present` it is that already. */
export interface TagStep extends StepBase {
  readonly kind: 'tag';
  readonly manifest: RawManifest;
  /** A tag beside the location's own; `undefined` for what the location names. */
  readonly tag: string | undefined;
  readonly present: boolean;
  readonly label: string;
}

export type CopyStep = ReuseBlobStep | MountStep | CopyBlobStep | PutManifestStep | TagStep;

export interface CopyPlan {
  /** Text forms of the two locations. */
  readonly source: string;
  readonly destination: string;
  /** What the destination will name. */
  readonly root: RawManifest;
  readonly steps: readonly CopyStep[];
  /** What a person should know: every loss, every change of a digest. */
  readonly notes: readonly string[];
  /** Bytes of the blobs that may have to be sent (mounts that are refused included). */
  readonly bytes: number;
}

/** Whether the plan changes nothing at the destination. */
export function isNothingToDo(plan: CopyPlan): boolean {
  return plan.steps.every((step) => step.kind === 'reuse' || ('present' in step && step.present));
}
