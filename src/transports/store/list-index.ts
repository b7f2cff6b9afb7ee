/** Which document a list stands for when nobody asks for a format. */
import type { RawManifest } from '../../oci/descriptor.ts';
import {
  convertIndex,
  encodeIndex,
  type ImageIndex,
  parseIndex,
  preferredIndexType,
  sameIndexContent,
} from '../../oci/image-index.ts';
import type { ListRecord } from '../../store/list-store.ts';

/** The record's index in the format that the peers would choose for it. */
export function indexOf(record: ListRecord): ImageIndex {
  return convertIndex(record.index, preferredIndexType(record.index)).index;
}

/**
 * `index` as bytes: those it was once read from, when nothing was edited since, so that its digest stays; else encoded anew.
 * `base` may be any older form of it.
 */
export function bytesOf(index: ImageIndex, base: RawManifest | undefined): RawManifest {
  if (base !== undefined && base.mediaType === index.mediaType && sameIndexContent(parseIndex(base), index))
    return base;
  return encodeIndex(index);
}
