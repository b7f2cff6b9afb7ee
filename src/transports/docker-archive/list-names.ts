/** Names of the images of a list in an archive that knows single images only: each has its platform in its tag. Pure. */
import { ConflictError, UnsupportedError } from '../../foundation/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { IndexEntry } from '../../oci/image-index.ts';
import { isAttestation } from '../../oci/matcher.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';
import type { ImageOfList } from '../transport.ts';

/** An image of a list, as it goes into an archive. */
export interface NamedImage {
  readonly entry: IndexEntry;
  /** What follows the tag; '' where it is the only image. */
  readonly suffix: string;
}

/** Longer tags are no tags. */
const maxTagLength = 128;

/** Whether something with this config could be run, and has a place in such an archive. */
export function isRunnable(configType: string): boolean {
  return configType === mediaTypes.dockerConfig || configType === mediaTypes.ociConfig;
}

/**
 * The images among `members`: neither attestations nor artifacts, and of compression variants, which are the same image there,
 * the first. `references`: the names that all of them are to have; without any, tags need not be told apart.
 *
 * @throws UnsupportedError NO_IMAGES; ConflictError TAGS_CLASH, NO_PLATFORM_FOR_TAG, TAG_TOO_LONG
 */
export function nameImages(
  members: readonly ImageOfList[],
  references: readonly Reference[],
  where: string,
): readonly NamedImage[] {
  const byConfig = new Map<Digest, IndexEntry>();
  for (const { entry, config } of members) {
    if (isAttestation(entry) || !isRunnable(config.mediaType) || byConfig.has(config.digest)) continue;
    byConfig.set(config.digest, entry);
  }
  const entries = [...byConfig.values()];
  if (entries.length === 0) {
    throw new UnsupportedError(`there is no image for ${where} among what was chosen of the list`, {
      code: 'NO_IMAGES',
      side: 'destination',
      hint: 'Choose images with --platform, or write the list to oci-archive:, which holds everything.',
    });
  }
  const images = suffixed(entries);
  if (references.length > 0) checkTags(images, references, where);
  return images;
}

/** `app:1.0` as `app:1.0-linux-arm64-v8`. */
export function withSuffix(reference: Reference, suffix: string): Reference {
  return { ...reference, tag: `${reference.tag ?? ''}${suffix}` };
}

/** What becomes of the list, for the plan. */
export function notesOf(
  members: readonly ImageOfList[],
  images: readonly NamedImage[],
  references: readonly Reference[],
  where: string,
): readonly string[] {
  const told = images.map(({ entry, suffix }) => {
    const names = references.map((reference) => formatReference(withSuffix(reference, suffix)));
    const what = entry.platform === undefined ? entry.digest : formatPlatform(entry.platform);
    return names.length === 0 ? `${what} without a name` : `${what} as ${names.join(' and ')}`;
  });
  const others = members.filter(({ entry, config }) => isAttestation(entry) || !isRunnable(config.mediaType));
  return [
    `${where} keeps images and no lists: ${told.join(', ')}`,
    ...(others.length === 0
      ? []
      : [`${where} has no place for ${others.map(({ entry }) => nameOf(entry)).join(', ')}, left out`]),
  ];
}

function nameOf(entry: IndexEntry): string {
  return isAttestation(entry) ? `attestation ${entry.digest}` : `artifact ${entry.digest}`;
}

function suffixed(entries: readonly IndexEntry[]): NamedImage[] {
  const [only] = entries;
  if (only !== undefined && entries.length === 1) return [{ entry: only, suffix: '' }];
  const plain = entries.map((entry) => ({ entry, suffix: suffixOf(entry, false) }));
  const counts = new Map<string, number>();
  for (const { suffix } of plain) counts.set(suffix, (counts.get(suffix) ?? 0) + 1);
  // Windows has images for several versions of itself
  return plain.map(({ entry, suffix }) => ({ entry, suffix: suffixOf(entry, (counts.get(suffix) ?? 0) > 1) }));
}

function suffixOf({ platform }: IndexEntry, withVersion: boolean): string {
  if (platform === undefined) return '';
  const { os, architecture, variant, 'os.version': osVersion } = platform;
  const parts = [os, architecture, variant, withVersion ? osVersion : undefined];
  return parts.map((part) => (part ? `-${part.replaceAll(/[^\w.-]/g, '_')}` : '')).join('');
}

function checkTags(images: readonly NamedImage[], references: readonly Reference[], where: string): void {
  const taken = new Map<string, IndexEntry>();
  for (const { entry, suffix } of images) {
    if (suffix === '' && images.length > 1) {
      throw new ConflictError(
        `no tag can be made for ${entry.digest} in ${where}: the list says of no platform of it`,
        {
          code: 'NO_PLATFORM_FOR_TAG',
          side: 'destination',
          hint: 'Say which it is with `sheaf manifest annotate`, or leave it out with --platform.',
        },
      );
    }
    for (const reference of references) {
      const named = withSuffix(reference, suffix);
      const name = formatReference(named);
      const other = taken.get(name);
      if (other !== undefined) {
        throw new ConflictError(`${other.digest} and ${entry.digest} would both be ${name} in ${where}`, {
          code: 'TAGS_CLASH',
          side: 'destination',
          hint: 'Take one of them off the list, or copy one image alone: `sheaf image copy --override-os OS --override-arch ARCH`.',
        });
      }
      if ((named.tag ?? '').length > maxTagLength) {
        throw new ConflictError(`the tag of ${name} is longer than ${maxTagLength} characters`, {
          code: 'TAG_TOO_LONG',
          side: 'destination',
          hint: 'Choose a shorter tag: the platform comes behind it.',
        });
      }
      taken.set(name, entry);
    }
  }
}
