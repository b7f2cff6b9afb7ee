/**
 * The files of an OCI image layout: `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`.
 *
 * Source: OCI Image Specification v1.1, image-layout.md.
 */
import { join } from 'node:path';
import { writeAtomically } from '../../foundation/atomic-file.ts';
import { StorageError, UnsupportedError } from '../../foundation/errors.ts';
import { writeError } from '../../foundation/file-errors.ts';
import { syncFolder } from '../../foundation/sync-folder.ts';
import { algorithmOf, type Digest, digestOf, encodedOf } from '../../oci/digest.ts';
import { emptyIndex, encodeIndex, type ImageIndex, parseIndex } from '../../oci/image-index.ts';
import { isJsonObject, parseJson } from '../../oci/json.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import type { LayoutFiles } from './layout-files.ts';

const layoutVersion = '1.0.0';
/** A layout's index.json may list many images; what is larger than this is not one. */
const maxIndexBytes = 8 << 20;
const maxHeaderBytes = 64 << 10;

/** The folder of the blobs. */
export const blobsName = 'blobs';
export const headerName = 'oci-layout';
export const indexName = 'index.json';
export const headerBytes: Uint8Array = Buffer.from(`{"imageLayoutVersion":"${layoutVersion}"}`);

/** The file of a blob in the layout. */
export function blobName(digest: Digest): string {
  return `${blobsName}/${algorithmOf(digest)}/${encodedOf(digest)}`;
}

/** Reads and checks `oci-layout` and `index.json`; `undefined` where that is no layout yet (absent or an empty folder). */
export async function readLayoutIndex(files: LayoutFiles): Promise<ImageIndex | undefined> {
  const header = await files.read(headerName, maxHeaderBytes);
  if (header === undefined) return undefined;
  const version = parseJson(header, `${files.where}/${headerName}`);
  const declared = isJsonObject(version) ? version['imageLayoutVersion'] : undefined;
  if (declared !== layoutVersion) {
    throw new UnsupportedError(
      `${files.where} has the image layout version ${String(declared)}, not ${layoutVersion}`,
      { code: 'UNKNOWN_LAYOUT_VERSION' },
    );
  }
  const bytes = await files.read(indexName, maxIndexBytes);
  if (bytes === undefined) return emptyIndex(mediaTypes.ociIndex);
  return parseIndex({ bytes, mediaType: mediaTypes.ociIndex, digest: digestOf(bytes) });
}

/**
 * Writes `oci-layout` and `index.json` in the folder `layout`, each whole or not at all. Whenever the power is cut, index.json
 * names nothing of the folder `blobs` that is not on the disk; once this is done, it is there itself. Throws StorageError.
 */
export async function writeLayoutIndex(layout: string, blobs: string, index: ImageIndex): Promise<void> {
  try {
    for (const folder of ['sha256', 'sha512', '.']) await syncFolder(join(blobs, folder));
    await writeAtomically(join(layout, headerName), headerBytes);
    await writeAtomically(join(layout, indexName), encodeIndex(index).bytes);
    for (const folder of ['.', '..']) await syncFolder(join(layout, folder));
  } catch (thrown) {
    throw thrown instanceof StorageError ? thrown : writeError(thrown, `cannot write an image layout to ${layout}`);
  }
}
