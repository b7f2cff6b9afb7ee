/** What a copy is asked to encrypt or decrypt, and how one layer goes through it, as a stream. */
import type { Annotations, Descriptor } from '../oci/descriptor.ts';
import { createDigester, type Digest } from '../oci/digest.ts';
import { encryptedSuffix } from '../oci/media-types.ts';
import { decryptBytes, encodeSecret, encryptBytes, newLayerSecret } from './layer-cipher.ts';
import { type KeyUnwrapper, type KeyWrapper, openSecret, withoutEncryption, wrapSecret } from './wrapped-secret.ts';

export { openSecret } from './wrapped-secret.ts';

/** Holds keys: never a part of a plan. */
export interface LayerEncryption {
  /** Whom layers are encrypted for; with nobody, encrypted layers are decrypted. */
  readonly recipients: readonly KeyWrapper[];
  /** Which layers are encrypted, counted from 0, or from the last one as -1; all where it is empty. */
  readonly layers: readonly number[];
  /** What encrypted layers are opened with: to decrypt them or, with recipients, to add these. */
  readonly keys: readonly KeyUnwrapper[];
}

/** A layer as it is before it is encrypted or after it was decrypted: its type and annotations do not speak of that. */
export function decryptedLayer(layer: Descriptor): Descriptor {
  const { annotations, data: _, ...rest } = layer;
  const kept = withoutEncryption(annotations ?? {});
  return {
    ...rest,
    mediaType: layer.mediaType.slice(0, -encryptedSuffix.length),
    ...(Object.keys(kept).length === 0 ? {} : { annotations: kept }),
  };
}

/** A stream, and what is known once all of it is through. */
export interface CryptBytes {
  readonly bytes: AsyncGenerator<Uint8Array>;
  /** Annotations for the layer. */
  finish(): Promise<Annotations>;
}

/** `digest`: that of `plain`, where it is known. */
export function encryptLayer(
  plain: AsyncIterable<Uint8Array>,
  { recipients }: LayerEncryption,
  digest?: Digest,
): CryptBytes {
  const secret = newLayerSecret();
  const digester = digest === undefined ? createDigester() : undefined;
  let hmac: Uint8Array | undefined;
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of plain) {
      digester?.update(chunk);
      yield chunk;
    }
  };
  const bytes = encryptBytes(digester === undefined ? plain : hashed(), secret, (told) => {
    hmac = told;
  });
  return {
    bytes,
    finish: () => wrapSecret(encodeSecret(secret, digest ?? digester?.digest() ?? ''), recipients, {}, hmac),
  };
}

/** `layer` as it is in the source, `encrypted` its bytes. Throws what {@link openSecret} does; the bytes IntegrityError. */
export async function decryptLayer(
  encrypted: () => Promise<AsyncIterable<Uint8Array>>,
  layer: Descriptor,
  { keys }: LayerEncryption,
): Promise<AsyncGenerator<Uint8Array>> {
  const { secret, hmac } = await openSecret(layer, keys);
  return decryptBytes(await encrypted(), secret, hmac, `the layer ${layer.digest}`);
}

/** The annotations with which also the recipients of `encryption` can open `layer`. */
export async function addRecipients(layer: Descriptor, { recipients, keys }: LayerEncryption): Promise<Annotations> {
  const { bytes } = await openSecret(layer, keys);
  return wrapSecret(bytes, recipients, layer);
}
