/**
 * The files of an OCI image layout: `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`.
 *
 * Source: OCI Image Specification v1.1, image-layout.md.
 */
import { join } from 'node:path';
import { writeAtomically } from '../../foundation/atomic-file.ts';
import { UnsupportedError } from '../../foundation/errors.ts';
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

/** Writes `oci-layout` and `index.json` in the folder `layout`, each whole or not at all. */
export async function writeLayoutIndex(layout: string, index: ImageIndex): Promise<void> {
  await writeAtomically(join(layout, headerName), headerBytes);
  await writeAtomically(join(layout, indexName), encodeIndex(index).bytes);
}
