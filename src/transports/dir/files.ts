/**
 * The files of a `dir:` folder: `version`, `manifest.json` (what the folder is), `<hex>.manifest.json` (an instance),
 * `<hex>` (a blob), `signature-N` and `<hex>.signature-N`. Digests of another algorithm than sha256 have its name in front,
 * and a folder with such names has version 1.2.
 *
 * Source: containers/image, directory transport, versions 1.1 and 1.2 as skopeo 1.22 writes them.
 */
import { join } from 'node:path';
import { UnsupportedError } from '../../foundation/errors.ts';
import { algorithmOf, type Digest, encodedOf } from '../../oci/digest.ts';
import { MAX_MANIFEST_BYTES } from '../../oci/manifest.ts';
import { readSmallFile } from '../local-file.ts';

export const manifestName = 'manifest.json';
export const versionName = 'version';

/** The name of a blob's file. */
export function blobName(digest: Digest): string {
  return algorithmOf(digest) === 'sha256' ? encodedOf(digest) : `${algorithmOf(digest)}-${encodedOf(digest)}`;
}

/** The name of an instance's file. */
export function instanceName(digest: Digest): string {
  return `${blobName(digest)}.${manifestName}`;
}

/** What stands in `version`. */
export function versionText(names: Iterable<string>): string {
  const second = [...names].some((name) => /^sha512-/.test(name)) ? 2 : 1;
  return `Directory Transport Version: 1.${second}\n`;
}

/** Whether the folder is one of this transport. Throws UnsupportedError UNKNOWN_DIR_VERSION for one of a later kind. */
export async function isImageFolder(folder: string): Promise<boolean> {
  const bytes = await readSmallFile(join(folder, versionName), 1024);
  if (bytes === undefined) return false;
  const found = /^Directory Transport Version: (\d{1,6})\.(\d{1,6})\n$/.exec(Buffer.from(bytes).toString('latin1'));
  if (found === null) return false;
  if (found[1] === '1' && Number(found[2]) >= 1 && Number(found[2]) <= 2) return true;
  throw new UnsupportedError(`${folder} is of version ${found[1]}.${found[2]} of the dir: layout, not 1.1 or 1.2`, {
    code: 'UNKNOWN_DIR_VERSION',
    hint: 'Read it with the program that wrote it.',
  });
}

/** The bytes of a manifest's file; `undefined` where it is not there. Throws IntegrityError FILE_TOO_LARGE. */
export function readManifestFile(path: string): Promise<Uint8Array | undefined> {
  return readSmallFile(path, MAX_MANIFEST_BYTES);
}
