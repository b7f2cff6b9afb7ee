/** The files of an OCI image layout: `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { storageError, writeAtomically } from '../../foundation/atomic-file.ts';
import { IntegrityError, NotFoundError, systemCode, UnsupportedError } from '../../foundation/errors.ts';
import { algorithmOf, type Digest, digestOf, encodedOf } from '../../oci/digest.ts';
import { emptyIndex, encodeIndex, type ImageIndex, parseIndex } from '../../oci/image-index.ts';
import { parseJson } from '../../oci/json.ts';
import { mediaTypes } from '../../oci/media-types.ts';

/** The annotation that names an entry of a layout. */
export const refNameAnnotation = 'org.opencontainers.image.ref.name';

const layoutVersion = '1.0.0';
/** A layout's index.json may list many images; what is larger than this is not one. */
const maxIndexBytes = 64 << 20;

export function blobPath(layout: string, digest: Digest): string {
  return join(layout, 'blobs', algorithmOf(digest), encodedOf(digest));
}

/** Reads and checks `oci-layout` and `index.json`; `undefined` where `layout` is no layout yet (absent or an empty folder). */
export async function readLayoutIndex(layout: string): Promise<ImageIndex | undefined> {
  const header = await readIfPresent(join(layout, 'oci-layout'));
  if (header === undefined) return undefined;
  const version = parseJson(header, `${layout}/oci-layout`);
  const declared =
    typeof version === 'object' && version !== null && !Array.isArray(version)
      ? (version as Record<string, unknown>)['imageLayoutVersion']
      : undefined;
  if (declared !== layoutVersion) {
    throw new UnsupportedError(`${layout} has the image layout version ${String(declared)}, not ${layoutVersion}`, {
      code: 'UNKNOWN_LAYOUT_VERSION',
    });
  }
  const bytes = await readIfPresent(join(layout, 'index.json'));
  if (bytes === undefined) return emptyIndex(mediaTypes.ociIndex);
  if (bytes.byteLength > maxIndexBytes) {
    throw new IntegrityError(
      `${layout}/index.json has ${bytes.byteLength} bytes, more than the ${maxIndexBytes} allowed`,
    );
  }
  return parseIndex({ bytes, mediaType: mediaTypes.ociIndex, digest: digestOf(bytes) });
}

/** Writes `oci-layout` and `index.json`, each whole or not at all. */
export async function writeLayoutIndex(layout: string, index: ImageIndex): Promise<void> {
  await writeAtomically(join(layout, 'oci-layout'), Buffer.from(`{"imageLayoutVersion":"${layoutVersion}"}`));
  await writeAtomically(join(layout, 'index.json'), encodeIndex(index).bytes);
}

export async function sizeOfFile(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT' || systemCode(thrown) === 'ENOTDIR') return undefined;
    throw storageError(thrown, `cannot read ${path}`);
  }
}

async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    if (systemCode(thrown) === 'ENOTDIR')
      throw new NotFoundError(`${dirname(path)} is not a folder`, { cause: thrown });
    throw storageError(thrown, `cannot read ${path}`);
  }
}
