/** How layers are to be compressed, and a name for all that the bytes depend on. */
import { type CompressionFormat, compressionLevel } from '../compression/compression.ts';

export interface CompressionRecipe {
  readonly format: CompressionFormat;
  /** The standard one of the format without it. */
  readonly level?: number;
  /** With gzip and no level: byte by byte as podman, buildah and skopeo compress it. */
  readonly asPeers?: boolean;
  /** Layers that are compressed already, in whatever way, stay as they are. */
  readonly onlyPlain?: boolean;
}

/** To be raised when our own part of the bytes changes (blocks, frames, headers). */
const generation = 4;

/**
 * The same for two runs only if the same layer comes out byte by byte: format, level, the library that compresses. Throws
 * UsageError INVALID_COMPRESSION_LEVEL.
 */
export function recipeKey({ format, level, asPeers = false }: CompressionRecipe): string {
  if (asPeers && format === 'gzip' && level === undefined) return ['gzip', 'as peers', generation].join('/');
  const library = format === 'gzip' ? process.versions.zlib : process.versions['zstd'];
  return [format, compressionLevel(level, format), library ?? '', generation].join('/');
}

/** Whether layers come out as zstd, which only OCI images can have. */
export function isZstd({ format }: CompressionRecipe): boolean {
  return format === 'zstd' || format === 'zstd:chunked';
}
