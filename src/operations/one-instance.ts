/** One image out of what may be an index, as a source of its own. */
import { IntegrityError } from '../foundation/errors.ts';
import { chooseInstance, type PlatformChoice } from '../oci/choose-instance.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import { parseIndex } from '../oci/image-index.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { Platform } from '../oci/platform.ts';
import { parsed, type VerifiedSource } from '../transports/verified-source.ts';

/** Index nesting deeper than this is taken for an attack. */
const maxDepth = 8;

export interface OneInstance {
  /** The same source with the instance as what its location names; what it gives is verified as before. */
  readonly source: VerifiedSource;
  readonly manifest: RawManifest;
  /** The index from which it was chosen; `undefined` where the location names an image. */
  readonly index: RawManifest | undefined;
}

/**
 * The instance that `choice` means, by the rule of the peers; an index in an index is gone down into. An image is what it is,
 * whatever the choice.
 *
 * @throws NotFoundError NO_IMAGE_FOR_PLATFORM, IntegrityError, and what reading throws
 */
export async function oneInstance(
  source: VerifiedSource,
  choice: PlatformChoice,
  host: Platform,
): Promise<OneInstance> {
  const root = await source.getManifest();
  let manifest = root;
  for (let depth = 0; isIndexType(manifest.mediaType); depth += 1) {
    if (depth > maxDepth) {
      throw new IntegrityError(`${source.location.format()} nests indexes more than ${maxDepth} deep`, {
        code: 'INDEX_TOO_DEEP',
        side: 'source',
      });
    }
    const raw = manifest;
    const entry = chooseInstance(
      parsed(source, () => parseIndex(raw)),
      choice,
      host,
    );
    const instance = await source.getManifest(entry.digest);
    if (instance.bytes.byteLength !== entry.size) {
      throw new IntegrityError(
        `the index says that ${entry.digest} has ${entry.size} bytes, but it has ${instance.bytes.byteLength}`,
        { code: 'SIZE_MISMATCH', side: 'source' },
      );
    }
    manifest = { ...instance, mediaType: entry.mediaType };
  }
  const chosen = manifest;
  const getManifest: VerifiedSource['getManifest'] = async (instance) =>
    instance === undefined || instance === chosen.digest ? chosen : source.getManifest(instance);
  return { source: { ...source, getManifest }, manifest, index: manifest === root ? undefined : root };
}
