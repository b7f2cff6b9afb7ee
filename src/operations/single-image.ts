/** A single image where a platform was asked for: it is what it is, but nobody is to take it for another. */
import { selectInstances } from '../copy/select-instances.ts';
import { NotFoundError } from '../foundation/errors.ts';
import type { IndexEntry } from '../oci/image-index.ts';
import { isIndexType, mediaTypes } from '../oci/media-types.ts';
import { formatPlatform, type Platform, type PlatformSpec } from '../oci/platform.ts';
import type { VerifiedSource } from '../transports/verified-source.ts';
import type { CopyTaking } from './copy-image.ts';
import type { Env } from './environment.ts';
import { entryOf } from './read-image.ts';

/**
 * Platforms that are selected must be there, as those of an index must; where one is chosen in place of this machine's a warning
 * says that the image is for another, as with podman. An index is left to whoever chooses from it.
 *
 * @throws NotFoundError NO_IMAGE_FOR_PLATFORM, and what reading the config throws
 */
export async function checkSingleImage(env: Env, source: VerifiedSource, take: CopyTaking): Promise<void> {
  const wanted = wantedOf(take, env.host);
  if (wanted.length === 0) return;
  const root = await source.getManifest();
  if (isIndexType(root.mediaType)) return;
  const entry = await entryOf(source, root);
  const missing = wanted.find((spec) => !isFor(entry, spec, env.host));
  if (missing === undefined) return;
  const { platform } = entry;
  const what = platform === undefined ? 'an artifact' : `a single image for ${formatPlatform(platform)}`;
  const message = `${source.location.format()} is ${what}, and ${formatPlatform(missing)} was asked for`;
  if ('one' in take) return env.session.emit({ type: 'warning', code: 'OTHER_PLATFORM', message });
  throw new NotFoundError(message, {
    code: 'NO_IMAGE_FOR_PLATFORM',
    side: 'source',
    hint: 'Leave the platform away to copy it as it is, or name the index that has an image for that platform.',
  });
}

/** The platforms that were asked for; none where this machine's is meant. */
function wantedOf(take: CopyTaking, host: Platform): readonly PlatformSpec[] {
  if ('select' in take) return typeof take.select === 'string' ? [] : take.select.platforms;
  const { os, architecture, variant } = take.one;
  if (!os && !architecture && !variant) return [];
  return [{ os: os || host.os, architecture: architecture || host.architecture, ...(variant ? { variant } : {}) }];
}

/** By the rule that holds for the entries of an index. */
function isFor(entry: IndexEntry, spec: PlatformSpec, host: Platform): boolean {
  try {
    selectInstances({ mediaType: mediaTypes.ociIndex, manifests: [entry] }, { platforms: [spec] }, host);
    return true;
  } catch (thrown) {
    if (thrown instanceof NotFoundError) return false;
    throw thrown;
  }
}
