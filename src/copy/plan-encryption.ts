/** Which layers of an image are encrypted, decrypted or opened to further recipients. Only reads. */
import { declaredCompression } from '../compression/detect.ts';
import type { LayerEncryption } from '../encryption/layer-encryption.ts';
import { UnsupportedError, UsageError } from '../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import type { ImageManifest } from '../oci/manifest.ts';
import { encryptedSuffix, mediaTypes } from '../oci/media-types.ts';
import type { CopyRequest } from './copy-request.ts';
import type { Crypting, CryptStep } from './plan.ts';
import type { LayerPlan } from './plan-layers.ts';
import { type CompressionRecipe, recipeKey } from './recipe.ts';

/** What becomes of the encryption of an image's layers. */
export interface PlannedEncryption {
  /** The image with those layers in their plain type that will be decrypted: what is compressed and converted. */
  readonly image: ImageManifest;
  /** Position of a layer -> what is done to it. */
  readonly layers: ReadonlyMap<number, Crypting>;
}

/**
 * `label` names the image in notes. Opens the keys of all layers that are encrypted already, so that a key that does not fit
 * is told before anything is written.
 *
 * @throws UsageError NO_SUCH_LAYER; UnsupportedError NOTHING_TO_ENCRYPT; what opening throws
 */
export async function planEncryption(
  image: ImageManifest,
  encryption: LayerEncryption,
  { label, notes }: { label: string; notes: string[] },
): Promise<PlannedEncryption> {
  const layers = new Map<number, Crypting>();
  if (encryption.recipients.length === 0) {
    if (!image.layers.some(isEncrypted)) return { image, layers };
    const { decryptedLayer, openSecret } = await import('../encryption/layer-encryption.ts');
    const plain: Descriptor[] = [];
    for (const [at, layer] of image.layers.entries()) {
      if (isEncrypted(layer)) {
        await openSecret(layer, encryption.keys);
        layers.set(at, 'decrypt');
      }
      plain.push(isEncrypted(layer) ? decryptedLayer(layer) : layer);
    }
    return { image: { ...image, layers: plain }, layers };
  }

  if (image.layers.some((layer) => layer.mediaType === mediaTypes.inToto)) {
    notes.push(`${label}: is no image, so it is not encrypted`);
    return { image, layers };
  }
  for (const at of chosenLayers(image, encryption, label)) {
    const layer = image.layers[at];
    if (layer === undefined) continue;
    if (isEncrypted(layer)) {
      if (encryption.keys.length === 0) {
        notes.push(
          `${label}: layer ${at} is encrypted already and gets no further recipients without --decryption-key`,
        );
        continue;
      }
      const { openSecret } = await import('../encryption/layer-encryption.ts');
      await openSecret(layer, encryption.keys);
      layers.set(at, 'add-recipients');
    } else if ((layer.urls?.length ?? 0) > 0) {
      notes.push(`${label}: layer ${at} is to be fetched from elsewhere, so it is not encrypted`);
    } else if (declaredCompression(layer) === undefined) {
      throw new UnsupportedError(
        `${label}: layer ${at} is of the type "${layer.mediaType}", which cannot be encrypted`,
        {
          code: 'NOTHING_TO_ENCRYPT',
          side: 'source',
          hint: 'Only the layers of images can be; choose them with --encrypt-layer, or copy this as it is.',
        },
      );
    } else layers.set(at, 'encrypt');
  }
  return { image, layers };
}

function isEncrypted({ mediaType }: Descriptor): boolean {
  return mediaType.endsWith(encryptedSuffix);
}

/** Throws UnsupportedError ENCRYPTED_LAYER where the destination would have to look into layers that are encrypted. */
export function refuseEncrypted(
  { destination, location }: CopyRequest,
  stored: ImageManifest,
  plans: readonly LayerPlan[],
  label: string,
): void {
  if (destination.traits.opensLayers !== true) return;
  const staysSo = stored.layers.some((layer, at) => {
    const plan = plans[at];
    const crypting = plan?.kind === 'crypt' ? plan.step.kind : undefined;
    return crypting === 'encrypt' || (isEncrypted(layer) && crypting !== 'decrypt');
  });
  if (!staysSo) return;
  throw new UnsupportedError(`${location.format()} cannot hold encrypted layers, and those of ${label} would be`, {
    code: 'ENCRYPTED_LAYER',
    side: 'destination',
    hint: 'Decrypt the image on the way (--decryption-key of `sheaf image copy`), or write it to a registry, a layout or a folder.',
  });
}

/** Positions, counted from 0. */
function chosenLayers({ layers }: ImageManifest, encryption: LayerEncryption, label: string): ReadonlySet<number> {
  if (encryption.layers.length === 0) return new Set(layers.keys());
  return new Set(
    encryption.layers.map((wanted) => {
      const at = wanted < 0 ? layers.length + wanted : wanted;
      if (at >= 0 && at < layers.length) return at;
      throw new UsageError(`${label}: there is no layer ${wanted} to encrypt, for there are ${layers.length} layers`, {
        code: 'NO_SUCH_LAYER',
        hint: 'Layers are counted from 0, or from the last one as -1.',
      });
    }),
  );
}

/**
 * The recipe for layers of which some are encrypted: the table of contents of zstd:chunked is of no use there, and would tell
 * what the layer holds.
 */
export function recipeBeside(
  { layers }: PlannedEncryption,
  recipe: CompressionRecipe | undefined,
  notes: string[],
): CompressionRecipe | undefined {
  if (recipe?.format !== 'zstd:chunked' || ![...layers.values()].includes('encrypt')) return recipe;
  notes.push('zstd:chunked is of no use to encrypted layers, so the layers of their images are compressed with zstd');
  return { ...recipe, format: 'zstd' };
}

/** `layer` as it is in the image `raw`, where it is at the position `at`. */
export function cryptStep(
  kind: Crypting,
  layer: Descriptor,
  { raw, at, recipe }: { raw: RawManifest; at: number; recipe: CompressionRecipe | undefined },
): CryptStep {
  const how = recipe === undefined ? '' : ` as ${recipeKey(recipe)}`;
  // the same layer of several images is encrypted once; its annotations may differ from one to the other
  const id = kind === 'add-recipients' ? `recipients of layer ${at} of ${raw.digest}` : `${kind} ${layer.digest}${how}`;
  return { id, kind, layer, needs: [], ...(recipe === undefined ? {} : { recipe }) };
}

/** What a person is told of it. */
export function describeEncryption({ layers }: PlannedEncryption): string[] {
  const count = (kind: Crypting): number => [...layers.values()].filter((one) => one === kind).length;
  const said = {
    encrypt: 'encrypted',
    decrypt: 'decrypted',
    'add-recipients': 'opened to further recipients',
  } as const;
  return (['encrypt', 'decrypt', 'add-recipients'] as const).flatMap((kind) => {
    const some = count(kind);
    return some === 0 ? [] : [`${some} layer${some === 1 ? '' : 's'} ${said[kind]}`];
  });
}
