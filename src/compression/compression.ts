/**
 * The ways in which sheaf writes layers, their names and their levels.
 *
 * `gzip` is one RFC 1952 member, `zstd` is RFC 8878 frames in a row, `zstd:chunked` is the same with an index of the files
 * at its end (see `zstd-chunked.ts`), `none` is the plain tar.
 */
import { UsageError } from '../foundation/errors.ts';

export type CompressionFormat = 'gzip' | 'zstd' | 'zstd:chunked' | 'none';

export const compressionFormats: readonly CompressionFormat[] = ['gzip', 'zstd', 'zstd:chunked', 'none'];
/** Those of variants that stand beside other instances of a platform. */
export const variantFormats: readonly CompressionFormat[] = ['gzip', 'zstd', 'zstd:chunked'];

interface Levels {
  lowest: number;
  highest: number;
  /** What is taken when nobody asks for a level. */
  standard: number;
}

/**
 * The standard level of gzip gives layers that are no larger than those that skopeo, podman and buildah make when nobody asks
 * for a level. That of zstd is the one of zstd itself, and theirs.
 */
const levels: Readonly<Record<Exclude<CompressionFormat, 'none'>, Levels>> = {
  gzip: { lowest: 1, highest: 9, standard: 4 },
  zstd: { lowest: 1, highest: 22, standard: 3 },
  'zstd:chunked': { lowest: 1, highest: 22, standard: 9 },
};

/** Throws UsageError UNKNOWN_COMPRESSION, in the peers' words. */
export function parseCompressionFormat(text: string, formats = compressionFormats): CompressionFormat {
  const format = formats.find((known) => known === text);
  if (format !== undefined) return format;
  throw new UsageError(`cannot find compressor for "${text}"`, {
    code: 'UNKNOWN_COMPRESSION',
    hint: `Choose one of ${formats.join(', ')}.`,
  });
}

export function defaultCompressionLevel(format: CompressionFormat): number {
  return format === 'none' ? 0 : levels[format].standard;
}

/** A level as it stands on a command line. Throws UsageError INVALID_COMPRESSION_LEVEL. */
export function parseCompressionLevel(text: string, format: CompressionFormat): number {
  const level = /^-?[0-9]{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return checkCompressionLevel(level, format, text);
}

/** The level itself, or the default one. Throws UsageError INVALID_COMPRESSION_LEVEL when the format has no such level. */
export function compressionLevel(level: number | undefined, format: CompressionFormat): number {
  return level === undefined ? defaultCompressionLevel(format) : checkCompressionLevel(level, format, String(level));
}

function checkCompressionLevel(level: number, format: CompressionFormat, text: string): number {
  if (format === 'none') {
    throw new UsageError(`invalid compression level: ${text}: plain layers have no level`, {
      code: 'INVALID_COMPRESSION_LEVEL',
      hint: 'Leave the level away, or choose a compression format.',
    });
  }
  const { lowest, highest } = levels[format];
  if (Number.isInteger(level) && level >= lowest && level <= highest) return level;
  throw new UsageError(`invalid compression level: ${text}: ${format} has the levels ${lowest} to ${highest}`, {
    code: 'INVALID_COMPRESSION_LEVEL',
    hint: `Choose a level from ${lowest} (fastest) to ${highest} (smallest).`,
  });
}
