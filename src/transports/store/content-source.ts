/** Reads a manifest and its blobs from the content of the local store. */

import type { Digest } from '../../oci/digest.ts';
import { MAX_MANIFEST_BYTES, rawManifest } from '../../oci/manifest.ts';
import { notKept } from '../../store/content-files.ts';
import type { ImageSource, TransportEnv } from '../transport.ts';

export function createContentSource(digest: Digest, env: TransportEnv): ImageSource {
  const { content } = env.store();
  return {
    getManifest: async (instance = digest) => ({
      ...rawManifest(await content.read(instance, MAX_MANIFEST_BYTES)),
      digest: instance,
    }),
    openBlob: (blob, range) => content.open(blob.digest, range),
    async sizeOfBlob({ digest: wanted }) {
      const size = await content.size(wanted);
      if (size === undefined) throw notKept(wanted);
      return size;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
