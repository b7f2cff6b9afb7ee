/**
 * Which instance of an index is meant when one is wanted. This is the rule of containers/image (`ChooseInstance`), so that
 * sheaf takes what the peers take from the same index.
 */
import { NotFoundError } from '../foundation/errors.ts';
import type { ImageIndex, IndexEntry } from './image-index.ts';
import { isAttestation } from './matcher.ts';
import { isIndexType, isManifestType, mediaTypes, zstdAnnotation } from './media-types.ts';
import { formatPlatform, type Platform, type PlatformChoice, wantedPlatforms } from './platform.ts';

export type { PlatformChoice } from './platform.ts';

export interface ChooseOptions {
  /** Among instances of one platform take the one that is not annotated as zstd; else the annotated one. OCI indexes only. */
  readonly preferGzip?: boolean;
}

/**
 * In an OCI index the best-ranked platform wins, an entry without a platform matches anything but comes last, then the
 * compression decides, then the position. In a Docker list the first match of the first platform that has one. Unlike with the
 * peers an artifact stands for no platform that was asked for or that others tell. Throws NotFoundError NO_IMAGE_FOR_PLATFORM.
 */
export function chooseInstance(
  index: ImageIndex,
  choice: PlatformChoice,
  host: Platform,
  options: ChooseOptions = {},
): IndexEntry {
  const wanted = wantedPlatforms(choice, host);
  const isOci = index.mediaType === mediaTypes.ociIndex;
  const takesArtifacts = !namesPlatform(choice) && !index.manifests.some(({ platform }) => platform !== undefined);
  let best: Candidate | undefined;
  for (const entry of index.manifests) {
    if (entry.platform === undefined && !takesArtifacts && !mayBeImage(entry)) continue;
    const rank = rankOf(entry.platform, wanted, isOci);
    if (rank === undefined) continue;
    const candidate = { entry, rank, preferred: isOci && isZstd(entry) !== (options.preferGzip ?? false) };
    if (best === undefined || beats(candidate, best)) best = candidate;
  }
  if (best === undefined) throw noImage(index, wanted[0] ?? host);
  return best.entry;
}

function namesPlatform({ os, architecture, variant }: PlatformChoice): boolean {
  return Boolean(os || architecture || variant);
}

/** Whether an entry, by what its index says of it, is an image or an index: no artifact. */
function mayBeImage({ mediaType, artifactType }: IndexEntry): boolean {
  return artifactType === undefined && (isManifestType(mediaType) || isIndexType(mediaType));
}

interface Candidate {
  readonly entry: IndexEntry;
  /** Position in the wanted platforms. */
  readonly rank: number;
  /** Whether its compression is the preferred one. */
  readonly preferred: boolean;
}

/** Candidates are compared in the order of the index, so a tie is lost by the later one. */
function beats(candidate: Candidate, best: Candidate): boolean {
  if (candidate.rank !== best.rank) return candidate.rank < best.rank;
  return candidate.preferred && !best.preferred;
}

function rankOf(platform: Platform | undefined, wanted: readonly Platform[], isOci: boolean): number | undefined {
  if (platform === undefined) return isOci ? Number.MAX_SAFE_INTEGER : undefined;
  const at = wanted.findIndex(
    (one) =>
      one.architecture === platform.architecture &&
      one.os === platform.os &&
      (one.variant ?? '') === (platform.variant ?? ''),
  );
  return at < 0 ? undefined : at;
}

function isZstd(entry: IndexEntry): boolean {
  return entry.annotations?.[zstdAnnotation] === 'true';
}

function noImage(index: ImageIndex, wanted: Platform): NotFoundError {
  const quoted = (text = ''): string => JSON.stringify(text);
  const where = index.mediaType === mediaTypes.ociIndex ? 'image index' : 'manifest list';
  const there = new Set(
    index.manifests.flatMap(({ platform, ...entry }) =>
      platform === undefined || isAttestation(entry) ? [] : [formatPlatform(platform)],
    ),
  );
  return new NotFoundError(
    `no image found in ${where} for architecture ${quoted(wanted.architecture)}, variant ${quoted(wanted.variant)}, OS ${quoted(wanted.os)}`,
    {
      code: 'NO_IMAGE_FOR_PLATFORM',
      hint: there.size === 0 ? `The ${where} names no platforms.` : `It has ${[...there].join(', ')}.`,
    },
  );
}
