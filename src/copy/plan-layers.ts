/** Which layers of an image are made anew, by compression or encryption, and what is known of the result already. Only reads. */
import type { CompressionFormat } from '../compression/compression.ts';
import { declaredCompression } from '../compression/detect.ts';
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import type { ImageManifest } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-types.ts';
import type { Recompression, Store } from '../store/store.ts';
import type { DigestPairs } from './digest-pairs.ts';
import type { Inventory, TransferStep } from './inventory.ts';
import type { CryptStep, RecompressStep } from './plan.ts';
import { cryptStep, type PlannedEncryption } from './plan-encryption.ts';
import { type CompressionRecipe, recipeKey } from './recipe.ts';

/** What becomes of one layer. */
export type LayerPlan =
  | { readonly kind: 'keep' }
  /** It was compressed before, and the result can be had without doing it again. */
  | { readonly kind: 'known'; readonly result: Recompression; readonly transfer: TransferStep }
  | { readonly kind: 'recompress'; readonly step: RecompressStep }
  | { readonly kind: 'crypt'; readonly step: CryptStep };

/** Whether the compression of the image's layers may be changed at all: attestations and other artifacts stay as they are. */
export function isCompressible(image: ImageManifest): boolean {
  const { mediaType } = image.config;
  return (
    (mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig) &&
    !image.layers.some((layer) => layer.mediaType === mediaTypes.inToto)
  );
}

/** Whether the layer is in another form than the one wanted. */
export function needsCompression(layer: Descriptor, recipe: CompressionRecipe): boolean {
  if ((layer.urls?.length ?? 0) > 0) return false;
  const declared = declaredCompression(layer);
  if (declared === undefined || declared === recipe.format) return false;
  if (recipe.onlyPlain === true && declared !== 'none') return false;
  // zstd:chunked is zstd to everybody; the other way round the table of contents is what is wanted
  return !(declared === 'zstd:chunked' && recipe.format === 'zstd');
}

/**
 * The compressions that an image offers when its layers have become what `plans` says: zstd where any of them is, as
 * containers/image counts, and zstd:chunked besides where any has a table of contents (very small ones never have). Plain
 * layers count as gzip.
 */
export function formsOf(
  layers: readonly Descriptor[],
  plans: readonly LayerPlan[],
  recipe: CompressionRecipe | undefined,
): ReadonlySet<CompressionFormat> {
  const found = new Set(
    layers.map((layer, at) => {
      const plan = plans[at] ?? { kind: 'keep' };
      if (plan.kind === 'known') return recipe?.format;
      return (plan.kind === 'keep' ? undefined : plan.step.recipe?.format) ?? declaredCompression(layer);
    }),
  );
  if (found.has('zstd:chunked')) return new Set(['zstd', 'zstd:chunked']);
  return new Set([found.has('zstd') ? 'zstd' : 'gzip']);
}

interface LayerSources {
  readonly store: Store;
  readonly pairs?: DigestPairs | undefined;
  /** The manifest that the image stands in, and its layers as they are there. */
  readonly raw: RawManifest;
  readonly stored: ImageManifest;
  readonly encryption?: PlannedEncryption | undefined;
}

/** In the order of the layers. Without `recipe` their compression stays. */
export function planLayers(
  image: ImageManifest,
  recipe: CompressionRecipe | undefined,
  inventory: Inventory,
  { store, pairs, raw, stored, encryption }: LayerSources,
): Promise<LayerPlan[]> {
  return Promise.all(
    image.layers.map(async (layer, at): Promise<LayerPlan> => {
      const asked = recipe !== undefined && needsCompression(layer, recipe) ? recipe : undefined;
      const crypting = encryption?.layers.get(at);
      if (crypting !== undefined) {
        const step = cryptStep(crypting, stored.layers[at] ?? layer, { raw, at, recipe: asked });
        return { kind: 'crypt', step };
      }
      if (asked === undefined) return { kind: 'keep' };
      const key = recipeKey(asked);
      const result = store.knowledge.recompression(layer.digest, key) ?? pairs?.get(layer.digest, key);
      if (result !== undefined) {
        const blob: Descriptor = { mediaType: layer.mediaType, digest: result.digest, size: result.size };
        const transfer = await inventory.transferMade(blob, { layer, recipe: asked });
        if (transfer !== undefined) {
          pairs?.add(layer.digest, key, result);
          return { kind: 'known', result, transfer };
        }
      }
      const id = `layer ${layer.digest} as ${key}`;
      return { kind: 'recompress', step: { id, kind: 'recompress', blob: layer, recipe: asked, needs: [] } };
    }),
  );
}
