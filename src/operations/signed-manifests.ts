/** What of an image is signed: itself and, of an index, all that it names. */
import { ConflictError } from '../foundation/errors.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseIndex } from '../oci/image-index.ts';
import { isIndexType } from '../oci/media-types.ts';
import { formatPlatform } from '../oci/platform.ts';
import type { SignedManifest } from '../signing/signature-store.ts';
import { parsed, type VerifiedSource } from '../transports/verified-source.ts';

export interface ManifestOfImage extends SignedManifest {
  readonly role: 'index' | 'instance' | 'image';
  readonly platform?: string;
}

/** Where manifests below a root are read. */
export type ManifestReader = Pick<VerifiedSource, 'location' | 'getManifest'>;

/** An index names other indexes this deep at most. */
const maxDepth = 8;

/** The root first, each manifest once, indexes in indexes with what they name. Instances are not read: their digests say all. */
export async function signedManifests(source: ManifestReader, root: RawManifest): Promise<readonly ManifestOfImage[]> {
  if (!isIndexType(root.mediaType)) return [entryOf(root, 'image')];
  const found = new Map<Digest, ManifestOfImage>([[root.digest, entryOf(root, 'index')]]);
  await collect(source, root, found, 0);
  return [...found.values()];
}

function entryOf({ mediaType, digest, bytes }: RawManifest, role: ManifestOfImage['role']): ManifestOfImage {
  return { mediaType, digest, size: bytes.byteLength, role };
}

async function collect(
  source: ManifestReader,
  raw: RawManifest,
  found: Map<Digest, ManifestOfImage>,
  depth: number,
): Promise<void> {
  if (depth > maxDepth) {
    throw new ConflictError(`${source.location.format()} has indexes in indexes, more than ${maxDepth} deep`, {
      code: 'INDEX_TOO_DEEP',
    });
  }
  for (const { mediaType, digest, size, platform } of parsed(source, () => parseIndex(raw)).manifests) {
    if (found.has(digest)) continue;
    const role = isIndexType(mediaType) ? 'index' : 'instance';
    const shown = platform === undefined ? {} : { platform: formatPlatform(platform) };
    found.set(digest, { mediaType, digest, size, role, ...shown });
    if (role === 'index') await collect(source, { ...(await source.getManifest(digest)), mediaType }, found, depth + 1);
  }
}
