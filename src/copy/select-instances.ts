/** Which entries of an index a request means. Pure. */
import { NotFoundError, UsageError } from '../foundation/errors.ts';
import { chooseInstance } from '../oci/choose-instance.ts';
import type { ImageIndex, IndexEntry } from '../oci/image-index.ts';
import { isAttestation, withAttestations } from '../oci/matcher.ts';
import { isIndexType } from '../oci/media-types.ts';
import { formatPlatform, type Platform, type PlatformSpec, platformKey } from '../oci/platform.ts';

/** Every entry, none, or those of some platforms (each with its compression variants and attestations). */
export type InstanceSelection = 'all' | 'none' | { readonly platforms: readonly PlatformSpec[] };

/**
 * The entries that `selection` means, in the order of the index. A platform is matched by the rule of the peers (with their
 * fallback over variants); all entries of the platform found are taken, and of those without a platform the one that the rule
 * gives. An index within it that does not tell its platforms is none of them. Throws NotFoundError NO_IMAGE_FOR_PLATFORM, UsageError
 * NO_PLATFORMS.
 */
export function selectInstances(
  index: ImageIndex,
  selection: InstanceSelection,
  host: Platform,
): readonly IndexEntry[] {
  if (selection === 'all') return index.manifests;
  if (selection === 'none') return [];
  if (selection.platforms.length === 0) {
    throw new UsageError('no platform is named, so nothing is chosen', {
      code: 'NO_PLATFORMS',
      hint: 'Put at least one into "platforms", or choose "all" or "none".',
    });
  }
  const winners = selection.platforms.map((spec) => winnerFor(index, spec, host));
  const keys = new Set(winners.flatMap(({ platform }) => (platform === undefined ? [] : [platformKey(platform)])));
  const chosen = index.manifests.filter(
    (entry) =>
      !isAttestation(entry) &&
      (entry.platform === undefined ? winners.includes(entry) : keys.has(platformKey(entry.platform))),
  );
  return withAttestations(index, chosen);
}

/** The entry that `spec` means, by the rule of the peers, which do not look at the version of the system: sheaf does. */
function winnerFor(index: ImageIndex, spec: PlatformSpec, host: Platform): IndexEntry {
  const winner = chooseInstance(index, spec, host);
  if (isUnknownIndex(winner)) throw onlyWithin(winner, index, spec);
  if (spec.osVersion === undefined || winner.platform?.['os.version'] === spec.osVersion) return winner;
  const exact = index.manifests.find(
    (entry) =>
      entry.platform?.['os.version'] === spec.osVersion &&
      entry.platform?.os === winner.platform?.os &&
      entry.platform?.architecture === winner.platform?.architecture,
  );
  if (exact === undefined) throw noImage(index, spec);
  return exact;
}

/** An index within the index that does not tell its platforms: any, and whatever others, may be in it. */
function isUnknownIndex({ mediaType, platform }: IndexEntry): boolean {
  return platform === undefined && isIndexType(mediaType);
}

function onlyWithin({ digest }: IndexEntry, index: ImageIndex, spec: PlatformSpec): NotFoundError {
  const wanted = [spec.os, spec.architecture, spec.variant].filter(Boolean).join('/');
  return new NotFoundError(`no image found in the index for ${wanted}`, {
    code: 'NO_IMAGE_FOR_PLATFORM',
    hint: `It has ${platformsOf(index)}, and within it the index ${digest}, which does not tell its platforms: choose in that one by its digest, or take all.`,
  });
}

function noImage(index: ImageIndex, spec: PlatformSpec): NotFoundError {
  return new NotFoundError(`no image found in the index for ${spec.os}(${spec.osVersion})/${spec.architecture}`, {
    code: 'NO_IMAGE_FOR_PLATFORM',
    hint: `It has ${platformsOf(index)}.`,
  });
}

function platformsOf(index: ImageIndex): string {
  const there = index.manifests.flatMap((entry) =>
    entry.platform === undefined || isAttestation(entry) ? [] : [formatPlatform(entry.platform)],
  );
  return there.join(', ') || 'no platforms';
}
