/**
 * How a layer is compressed: by its first bytes, by its media type, and the media type that it gets with another compression.
 *
 * Source: RFC 1952, RFC 8878 section 3.1; OCI Image Specification v1.1, layer.md and media-types.md; Docker "Image Manifest
 * Version 2, Schema 2".
 */
import { UnsupportedError } from '../foundation/errors.ts';
import type { Annotations } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-types.ts';
import type { CompressionFormat } from './compression.ts';

/** What the first bytes say. zstd:chunked is zstd to them. */
export type DetectedCompression = 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'none';

/** So many bytes are enough for {@link detectCompression}. */
export const magicBytes = 6;

const magics: ReadonlyArray<readonly [DetectedCompression, readonly number[]]> = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

export function detectCompression(start: Uint8Array): DetectedCompression {
  const found = magics.find(([, magic]) => magic.every((byte, at) => start[at] === byte));
  if (found !== undefined) return found[0];
  // a skippable frame, with which zstd data may begin, too: 184D2A5? in little endian
  const skippable = ((start[0] ?? 0) & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18;
  return skippable ? 'zstd' : 'none';
}

/** The table of contents that makes zstd data zstd:chunked is found through this annotation of the layer alone. */
export const tocDigestAnnotation = 'io.github.containers.zstd-chunked.manifest-checksum';

type LayerCompression = 'none' | 'gzip' | 'zstd';

const families: ReadonlyArray<Readonly<Partial<Record<LayerCompression, string>>>> = [
  { none: mediaTypes.ociLayerTar, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd },
  {
    none: mediaTypes.ociNondistributableTar,
    gzip: mediaTypes.ociNondistributableGzip,
    zstd: mediaTypes.ociNondistributableZstd,
  },
  { none: mediaTypes.dockerLayerTar, gzip: mediaTypes.dockerLayerGzip },
  { none: mediaTypes.dockerForeignTar, gzip: mediaTypes.dockerForeignGzip },
];

/**
 * The compression that a layer's media type and annotations tell; undefined when it is no layer whose compression may be
 * changed (artifacts, attestations, encrypted layers).
 */
export function declaredCompression(layer: {
  mediaType: string;
  annotations?: Annotations;
}): CompressionFormat | undefined {
  const compression = familyOf(layer.mediaType)?.compression;
  return compression === 'zstd' && layer.annotations?.[tocDigestAnnotation] !== undefined
    ? 'zstd:chunked'
    : compression;
}

/**
 * The media type of the same kind of layer with another compression. Throws UnsupportedError COMPRESSION_NOT_IN_FORMAT when
 * the format of the image has none (zstd in Docker images), NOT_A_LAYER when it is no layer whose compression may be changed.
 */
export function mediaTypeWith(compression: CompressionFormat, mediaType: string): string {
  const found = familyOf(mediaType);
  if (found === undefined) {
    throw new UnsupportedError(`the compression of "${mediaType}" cannot be changed`, {
      code: 'NOT_A_LAYER',
      hint: 'Copy it as it is.',
    });
  }
  const wanted = found.family[compression === 'zstd:chunked' ? 'zstd' : compression];
  if (wanted !== undefined) return wanted;
  throw new UnsupportedError(`${compression} compression is not supported for type "${mediaType}"`, {
    code: 'COMPRESSION_NOT_IN_FORMAT',
    hint: 'Write an OCI image (--format oci), or choose gzip.',
  });
}

function familyOf(mediaType: string): { family: (typeof families)[number]; compression: LayerCompression } | undefined {
  // nobody should write it, but it is read
  if (mediaType === mediaTypes.dockerLayerZstd) return { family: families[2] ?? {}, compression: 'zstd' };
  for (const family of families) {
    for (const compression of ['none', 'gzip', 'zstd'] as const) {
      if (family[compression] === mediaType) return { family, compression };
    }
  }
  return undefined;
}
