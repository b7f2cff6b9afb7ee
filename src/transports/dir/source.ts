/** Reads an image from a `dir:` folder. */
import { join } from 'node:path';
import { NotFoundError } from '../../foundation/errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts';
import { rawManifest } from '../../oci/manifest.ts';
import { openFile, sizeOfFile } from '../local-file.ts';
import type { ImageSource } from '../transport.ts';
import { blobName, instanceName, isImageFolder, manifestName, readManifestFile } from './files.ts';

/** `wanted`: the manifest that is meant, where it is not the one of the folder. Throws NotFoundError, UnsupportedError. */
export async function createDirSource(folder: string, wanted: Digest | undefined, text: string): Promise<ImageSource> {
  // older writers left no version file; a later version must not be misread
  await isImageFolder(folder);
  const top = await readManifestFile(join(folder, manifestName));
  if (top === undefined) {
    throw new NotFoundError(`there is no image in ${folder}: it has no ${manifestName}`, {
      code: 'IMAGE_NOT_FOUND',
      hint: 'Check the path; a copy that was stopped before its end leaves none either, so copy the image again.',
    });
  }
  const pathOf = ({ digest }: Descriptor): string => join(folder, blobName(digest));
  const sizeOfBlob = async (blob: Descriptor): Promise<number> => {
    const size = await sizeOfFile(pathOf(blob));
    if (size === undefined) throw missing(blob.digest, text);
    return size;
  };
  return {
    async getManifest(instance = wanted) {
      if (instance === undefined) return rawManifest(top);
      if (digestOf(top, algorithmOf(instance)) === instance) return { ...rawManifest(top), digest: instance };
      const bytes = await readManifestFile(join(folder, instanceName(instance)));
      if (bytes === undefined) throw missing(instance, text);
      return { ...rawManifest(bytes), digest: instance };
    },
    openBlob: async (blob, range) => openFile(pathOf(blob), range, await sizeOfBlob(blob)),
    sizeOfBlob,
    [Symbol.asyncDispose]: async () => {},
  };
}

function missing(digest: Digest, text: string): NotFoundError {
  return new NotFoundError(`${digest} is not in ${text}`, {
    code: 'BLOB_NOT_FOUND',
    hint: 'The folder is not complete: copy the image into it again.',
  });
}
