/** Reads an image from an OCI image layout. */
import { IntegrityError, NotFoundError } from '../../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ImageIndex } from '../../oci/image-index.ts';
import { MAX_MANIFEST_BYTES, rawManifest } from '../../oci/manifest.ts';
import { type Companion, companionTags, type ImageSource } from '../transport.ts';
import { blobName, readLayoutIndex } from './layout.ts';
import { chooseEntry, nameOf } from './layout-entries.ts';
import { folderFiles, type LayoutFiles } from './layout-files.ts';
import { type Referrers, referrersIn } from './layout-repository.ts';
import type { LayoutPlace } from './location.ts';

/** The layout in the folder of `place`. Throws NotFoundError LAYOUT_NOT_FOUND. */
export async function openFolderSource(place: LayoutPlace, text: string): Promise<ImageSource> {
  const files = folderFiles(place.path, place.blobs);
  return createLayoutSource(files, await requireLayout(files), place, text);
}

/** Throws NotFoundError LAYOUT_NOT_FOUND. */
export async function requireLayout(files: LayoutFiles): Promise<ImageIndex> {
  const index = await readLayoutIndex(files);
  if (index !== undefined) return index;
  throw new NotFoundError(`${files.where} is not an OCI image layout: there is no oci-layout file in it`, {
    code: 'LAYOUT_NOT_FOUND',
    hint: 'Check the path; a layout has oci-layout, index.json and blobs in it.',
  });
}

/** A source over the files of a layout whose index is read already. `text` is the name of the image. */
export function createLayoutSource(
  files: LayoutFiles,
  index: ImageIndex,
  place: LayoutPlace,
  text: string,
): ImageSource {
  const readManifest = async (digest: Digest, declaredType?: string): Promise<RawManifest> => {
    const name = blobName(digest);
    const size = await files.size(name);
    if (size === undefined) throw missing(digest, text);
    if (size > MAX_MANIFEST_BYTES) {
      throw new IntegrityError(`the manifest ${digest} in ${text} has ${size} bytes, more than ${MAX_MANIFEST_BYTES}`, {
        code: 'MANIFEST_TOO_LARGE',
      });
    }
    const bytes = await files.read(name, MAX_MANIFEST_BYTES);
    if (bytes === undefined) throw missing(digest, text);
    return { ...rawManifest(bytes, declaredType), digest };
  };
  const sizeOfBlob = async ({ digest }: Descriptor): Promise<number> => {
    const size = await files.size(blobName(digest));
    if (size === undefined) throw missing(digest, text);
    return size;
  };
  let referrers: Promise<Referrers> | undefined;
  return {
    async companions(of) {
      referrers ??= referrersIn(files, index);
      const refer = (await referrers).get(of) ?? [];
      const tags = companionTags(of);
      const tagged = index.manifests.flatMap((entry): Companion[] => {
        const tag = nameOf(entry);
        if (tag === undefined || !tags.includes(tag)) return [];
        const { mediaType, digest, size } = entry;
        return [{ descriptor: { mediaType, digest, size }, tag }];
      });
      return [...refer.map((descriptor) => ({ descriptor })), ...tagged];
    },
    async getManifest(instance) {
      const digest = instance ?? place.digest;
      if (digest !== undefined) return readManifest(digest);
      const entry = chooseEntry(index, place, files.where, text);
      const manifest = await readManifest(entry.digest, entry.mediaType);
      if (manifest.bytes.byteLength !== entry.size) {
        throw new IntegrityError(
          `${text}: index.json says that ${entry.digest} has ${entry.size} bytes, but it has ${manifest.bytes.byteLength}`,
          { code: 'SIZE_MISMATCH', hint: 'The layout is damaged: copy the image into it again.' },
        );
      }
      return manifest;
    },
    openBlob: async (blob, range) => files.open(blobName(blob.digest), range, await sizeOfBlob(blob)),
    sizeOfBlob,
    [Symbol.asyncDispose]: async () => {},
  };
}

function missing(digest: Digest, text: string): NotFoundError {
  return new NotFoundError(`${digest} is not in the layout of ${text}`, {
    code: 'BLOB_NOT_FOUND',
    hint: 'The layout is not complete: copy the image into it again.',
  });
}
