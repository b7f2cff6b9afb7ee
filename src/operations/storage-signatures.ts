/** Signatures of images in the local storage of podman and buildah. */
import { UnsupportedError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { Reference } from '../oci/reference.ts';
import type { SignatureStore } from '../signing/signature-store.ts';
import { keptImage, keptSignatures } from '../transports/containers-storage/kept-signatures.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { type CarriedSignatures, signaturesAlong } from './carried-signatures.ts';
import type { Env } from './environment.ts';
import type { ManifestOfImage } from './signed-manifests.ts';

export interface StoredImage {
  readonly root: Digest;
  readonly all: readonly ManifestOfImage[];
  readonly stores: readonly SignatureStore[];
  readonly reference: Reference | undefined;
}

/** An image as it was pulled, with what the storage has of its signatures. Throws as the storage does. */
export async function storedImage(location: ImageLocation): Promise<StoredImage> {
  const { manifest, signatures, reference } = await keptImage(location.format());
  const { mediaType, digest, bytes } = manifest;
  const role = isIndexType(mediaType) ? 'index' : 'image';
  const store: SignatureStore = {
    name: 'storage',
    keeps: new Set(['simple', 'attachment']),
    async open() {
      return {
        signatures,
        problems: [],
        add: () => Promise.reject(readOnly(location)),
      };
    },
  };
  return { root: digest, all: [{ mediaType, digest, size: bytes.byteLength, role }], stores: [store], reference };
}

/**
 * The signatures that go along with what is copied from a storage: those of images that are handed out as they were pulled. Of the
 * others, which had compressed layers, it is told that they stay behind: what is copied is not what was signed.
 *
 * @param used digests of what is copied
 */
export async function storageSignatures(
  env: Env,
  location: ImageLocation,
  used: readonly Digest[],
): Promise<CarriedSignatures> {
  const signed = (await keptSignatures(location.format())).filter(({ served }) => used.includes(served));
  const same = signed.filter(({ manifest, served }) => manifest.digest === served);
  const carried = new Map(same.map(({ served, signatures }) => [served, signaturesAlong(signatures)]));
  for (const { manifest, served, signatures } of signed) {
    if (carried.has(served)) continue;
    env.session.emit({
      type: 'warning',
      code: 'SIGNATURES_LEFT',
      message: `${signatures.length} signatures in ${location.format()} stay behind: they are of ${manifest.digest}, whose compressed layers the storage does not keep. Copy the image from its registry, or sign the copy.`,
    });
  }
  return carried;
}

function readOnly(location: ImageLocation): UnsupportedError {
  return new UnsupportedError(`signatures of ${location.format()} cannot be kept anywhere`, { code: 'NO_SIGNATURES' });
}
