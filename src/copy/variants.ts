/**
 * Which compression variants an index lacks. Pure.
 *
 * Source: containers/image, "EnsureCompressionVariantsExist": each platform gets each wanted compression once, made from its
 * first instance. Other than there, attestations are no instances, and what counts is what the instances are when all is done:
 * containers/image goes by annotations alone, and adds twice what has none.
 */
import type { CompressionFormat } from '../compression/compression.ts';
import type { IndexEntry } from '../oci/image-index.ts';
import { isAttestation } from '../oci/matcher.ts';
import { isManifestType, zstdAnnotation } from '../oci/media-types.ts';
import { platformKey } from '../oci/platform.ts';
import type { CompressionRecipe } from './recipe.ts';

export interface MissingVariant {
  /** To be made from this entry. */
  readonly entry: IndexEntry;
  readonly recipe: CompressionRecipe;
}

/** An entry that the index will have. */
export interface StayingEntry {
  readonly entry: IndexEntry;
  /** The compressions that it will offer; `undefined` where nobody looked: its annotation says so then. */
  readonly forms?: ReadonlySet<CompressionFormat> | undefined;
}

/** In the order of the entries. */
export function missingVariants(
  staying: readonly StayingEntry[],
  chosen: readonly IndexEntry[],
  wanted: readonly CompressionRecipe[],
): MissingVariant[] {
  const isImage = (entry: IndexEntry): boolean => isManifestType(entry.mediaType) && !isAttestation(entry);
  const present = new Map<string, Set<CompressionFormat>>();
  const ofPlatform = (entry: IndexEntry): Set<CompressionFormat> => {
    const key = platformKey(entry.platform);
    const known = present.get(key) ?? new Set();
    present.set(key, known);
    return known;
  };
  for (const { entry, forms = annotatedForms(entry) } of staying) {
    if (isImage(entry)) for (const form of forms) ofPlatform(entry).add(form);
  }
  return chosen.filter(isImage).flatMap((entry) =>
    wanted.flatMap((recipe) => {
      const there = ofPlatform(entry);
      if (there.has(recipe.format)) return [];
      there.add(recipe.format);
      return [{ entry, recipe }];
    }),
  );
}

function annotatedForms({ annotations }: IndexEntry): ReadonlySet<CompressionFormat> {
  return new Set([annotations?.[zstdAnnotation] === 'true' ? 'zstd' : 'gzip']);
}
