/** Reads an image from an OCI image layout. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { IntegrityError, NotFoundError, UsageError } from '../../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { MAX_MANIFEST_BYTES, rawManifest } from '../../oci/manifest.ts';
import { isIndexType, isManifestType } from '../../oci/media-types.ts';
import type { ImageSource, TransportEnv } from '../transport.ts';
import { blobPath, readLayoutIndex, refNameAnnotation, sizeOfFile } from './layout.ts';
import type { LayoutPlace } from './location.ts';

/** containerd's and BuildKit's full image name; looked at when no entry has the plain name. */
const containerdNameAnnotation = 'io.containerd.image.name';

export async function createLayoutSource(place: LayoutPlace, text: string, _env: TransportEnv): Promise<ImageSource> {
  const index = await readLayoutIndex(place.path);
  if (index === undefined) {
    throw new NotFoundError(`${place.path} is not an OCI image layout: there is no oci-layout file in it`, {
      code: 'LAYOUT_NOT_FOUND',
      hint: 'Check the path; a layout is a folder with oci-layout, index.json and blobs in it.',
    });
  }
  const readManifest = async (digest: Digest, declaredType?: string): Promise<RawManifest> => {
    const path = blobPath(place.path, digest);
    const size = await sizeOfFile(path);
    if (size === undefined) throw missing(digest, text);
    if (size > MAX_MANIFEST_BYTES) {
      throw new IntegrityError(`the manifest ${digest} in ${text} has ${size} bytes, more than ${MAX_MANIFEST_BYTES}`, {
        code: 'MANIFEST_TOO_LARGE',
      });
    }
    return { ...rawManifest(await readFile(path), declaredType), digest };
  };
  return {
    getManifest(instance) {
      if (instance !== undefined) return readManifest(instance);
      if (place.digest !== undefined) return readManifest(place.digest);
      const entry = rootEntry(index.manifests, place, text);
      return readManifest(entry.digest, entry.mediaType);
    },
    async openBlob(blob, range) {
      const path = blobPath(place.path, blob.digest);
      if ((await sizeOfFile(path)) === undefined) throw missing(blob.digest, text);
      return createReadStream(path, {
        highWaterMark: 1 << 20,
        ...(range === undefined ? {} : { start: range.start }),
        ...(range?.end === undefined ? {} : { end: range.end }),
      });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

function rootEntry(entries: readonly Descriptor[], place: LayoutPlace, text: string): Descriptor {
  const images = entries.filter((entry) => isIndexType(entry.mediaType) || isManifestType(entry.mediaType));
  const named = images.map((entry) => entry.annotations?.[refNameAnnotation] ?? '(no name)');
  if (place.name === undefined) {
    const [only, second] = images;
    if (only !== undefined && second === undefined) return only;
    if (only === undefined) throw new NotFoundError(`there is no image in ${text}`, { code: 'IMAGE_NOT_FOUND' });
    throw new UsageError(`there is more than one image in ${text}`, {
      code: 'AMBIGUOUS_IMAGE',
      hint: `Add :NAME to choose one of ${named.join(', ')}.`,
    });
  }
  const found =
    images.find((entry) => entry.annotations?.[refNameAnnotation] === place.name) ??
    images.find((entry) => entry.annotations?.[containerdNameAnnotation] === place.name);
  if (found === undefined) {
    throw new NotFoundError(`there is no image named "${place.name}" in the layout ${place.path}`, {
      code: 'IMAGE_NOT_FOUND',
      hint: named.length === 0 ? 'The layout is empty.' : `It holds ${named.join(', ')}.`,
    });
  }
  return found;
}

function missing(digest: Digest, text: string): NotFoundError {
  return new NotFoundError(`${digest} is not in the layout of ${text}`, {
    code: 'BLOB_NOT_FOUND',
    hint: 'The layout is not complete: copy the image into it again.',
  });
}
