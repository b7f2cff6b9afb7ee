/** What is different between two indexes or images, wherever they are. Only reads. */
import { descriptorOf, type RawManifest } from '../oci/descriptor.ts';
import { diffIndexes, type IndexDiff, isDifferent } from '../oci/diff-indexes.ts';
import { emptyIndex, type ImageIndex, parseIndex } from '../oci/image-index.ts';
import { isIndexType, mediaTypes } from '../oci/media-types.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource, parsed, type VerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';
import { entryOf } from './read-image.ts';

/** `identical`: the very bytes; `equal`: other bytes, for example white space, that say the same. */
export type DiffVerdict = 'identical' | 'equal' | 'different';

export interface DiffedImage {
  readonly location: ImageLocation;
  /** The index or the manifest of a single image. */
  readonly manifest: RawManifest;
}

export interface ImagesDiff extends IndexDiff {
  readonly a: DiffedImage;
  readonly b: DiffedImage;
  readonly verdict: DiffVerdict;
}

/**
 * Reads the two manifests and nothing below them. A single image counts as an index of this one instance; its config is read,
 * which alone says for which platform it is, unless both manifests are the very same.
 *
 * `toB`: how `b` is reached, where that differs from `a`. Throws what reading throws.
 */
export async function diffImages(env: Env, a: ImageLocation, b: ImageLocation, toB: Env = env): Promise<ImagesDiff> {
  await using first = await openVerifiedSource(a, env);
  await using second = await openVerifiedSource(b, toB);
  const [one, other] = await Promise.all([first.getManifest(), second.getManifest()]);
  const sides = { a: { location: a, manifest: one }, b: { location: b, manifest: other } };
  const identical = one.mediaType === other.mediaType && Buffer.compare(one.bytes, other.bytes) === 0;
  const [left, right] = await Promise.all([indexOf(first, one, identical), indexOf(second, other, identical)]);
  const found = diffIndexes(left, right);
  const diff =
    isIndexType(one.mediaType) === isIndexType(other.mediaType) ? found : { ...found, index: types(one, other) };
  return { ...sides, ...diff, verdict: identical ? 'identical' : isDifferent(diff) ? 'different' : 'equal' };
}

async function indexOf(source: VerifiedSource, root: RawManifest, identical: boolean): Promise<ImageIndex> {
  if (isIndexType(root.mediaType)) return parsed(source, () => parseIndex(root));
  const entry = identical ? descriptorOf(root) : await entryOf(source, root);
  return { ...emptyIndex(mediaTypes.ociIndex), manifests: [entry] };
}

/** An index and an image have nothing else in common. */
function types(a: RawManifest, b: RawManifest): IndexDiff['index'] {
  return [{ path: ['mediaType'], a: a.mediaType, b: b.mediaType }];
}
