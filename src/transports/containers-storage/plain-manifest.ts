/**
 * Manifests of a storage as they can be served: it keeps layers without compression only, whatever the manifest with which an
 * image came says. This is what containers/image does on the way out of a storage, before anything is compressed again.
 */
import { IntegrityError } from '../../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import { encodeImageManifest, parseImageManifest } from '../../oci/manifest.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import type { PlainLayer } from './storage.ts';

/**
 * `manifest` with the descriptors of its uncompressed layers (base first); the same bytes where it has them already. Throws
 * IntegrityError LAYERS_DIFFER.
 */
export function plainManifest(manifest: RawManifest, layers: readonly PlainLayer[]): RawManifest {
  const image = parseImageManifest(manifest);
  if (image.layers.length !== layers.length) {
    throw new IntegrityError(
      `the manifest ${manifest.digest} has ${image.layers.length} layers, the storage has ${layers.length} of the image`,
      { code: 'LAYERS_DIFFER', side: 'source', hint: 'Pull or build the image again.' },
    );
  }
  if (image.layers.every((layer, at) => layer.digest === layers[at]?.diffId)) return manifest;
  const mediaType = image.mediaType === mediaTypes.dockerManifest ? mediaTypes.dockerLayerTar : mediaTypes.ociLayerTar;
  return encodeImageManifest({
    ...image,
    layers: layers.map(({ diffId, size }): Descriptor => ({ mediaType, digest: diffId, size })),
  });
}
