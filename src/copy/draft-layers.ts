/** The layers of an image as they will be, as far as that is known while planning. Pure. */
import type { CompressionFormat } from '../compression/compression.ts';
import { mediaTypeWith } from '../compression/detect.ts';
import { ociNameOf } from '../oci/convert-manifest.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { encryptedSuffix } from '../oci/media-types.ts';
import { compressedLayer } from './draft.ts';
import type { CopyStep } from './plan.ts';
import type { LayerPlan } from './plan-layers.ts';
import { type CompressionRecipe, isZstd } from './recipe.ts';

export interface DraftedLayers {
  /** Digests and sizes of deferred ones are those in the source still. */
  readonly layers: readonly Descriptor[];
  /** Position of a layer -> ID of the step that makes it. */
  readonly deferred: ReadonlyMap<number, string>;
}

/** `layers` in their format to be, `plans` what becomes of each (nothing where there is none), `compression` the recipe of it. */
export function draftLayers(
  layers: readonly Descriptor[],
  plans: readonly LayerPlan[],
  compression: CompressionRecipe | undefined,
): DraftedLayers {
  const deferred = new Map<number, string>();
  const drafted = layers.map((layer, at) => {
    const plan = plans[at];
    if (plan === undefined || plan.kind === 'keep') return layer;
    if (plan.kind === 'known') {
      return compressedLayer(
        compression === undefined ? layer : withCompression(layer, compression.format),
        plan.result,
      );
    }
    const { step } = plan;
    deferred.set(at, step.id);
    const described = step.recipe === undefined ? layer : withCompression(layer, step.recipe.format);
    // what is decrypted has its plain type already
    return step.kind === 'encrypt'
      ? { ...described, mediaType: `${described.mediaType}${encryptedSuffix}` }
      : described;
  });
  return { layers: drafted, deferred };
}

/** Whether the layer's very bytes go along. */
export function staysBlob(plan: LayerPlan | undefined): boolean {
  return plan === undefined || plan.kind === 'keep' || (plan.kind === 'crypt' && plan.step.kind === 'add-recipients');
}

/** What is to be done for it. */
export function stepOf(plan: LayerPlan): CopyStep | undefined {
  if (plan.kind === 'keep') return undefined;
  return plan.kind === 'known' ? plan.transfer : plan.step;
}

/**
 * A layer's descriptor as it will be in this compression, but for its digest and size. Only OCI images have zstd: one whose
 * layers have names of Docker's (as BuildKit writes them) gets names that there are.
 */
function withCompression(layer: Descriptor, format: CompressionFormat): Descriptor {
  const mediaType = isZstd({ format }) ? ociNameOf(layer.mediaType) : layer.mediaType;
  return { ...layer, mediaType: mediaTypeWith(format, mediaType) };
}
