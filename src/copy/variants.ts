/**
 * Which compression variants an index lacks. Pure.
 *
 * Source: containers/image, "EnsureCompressionVariantsExist": an entry is zstd if its annotation says so, else gzip; each
 * platform gets each wanted compression once, made from its first instance. Other than there, attestations are no instances.
 */
import type { ImageIndex, IndexEntry } from '../oci/image-index.ts';
import { isAttestation } from '../oci/matcher.ts';
import { isManifestType, zstdAnnotation } from '../oci/media-types.ts';
import { platformKey } from '../oci/platform.ts';
import type { CompressionRecipe } from './recipe.ts';

export interface MissingVariant {
  /** To be made from this entry. */
  readonly entry: IndexEntry;
  readonly recipe: CompressionRecipe;
}

/** In the order of the entries. */
export function missingVariants(
  index: ImageIndex,
  chosen: readonly IndexEntry[],
  wanted: readonly CompressionRecipe[],
): MissingVariant[] {
  const isImage = (entry: IndexEntry): boolean => isManifestType(entry.mediaType) && !isAttestation(entry);
  const present = new Map<string, Set<string>>();
  const ofPlatform = (entry: IndexEntry): Set<string> => {
    const key = platformKey(entry.platform);
    const known = present.get(key) ?? new Set();
    present.set(key, known);
    return known;
  };
  for (const entry of index.manifests.filter(isImage)) {
    ofPlatform(entry).add(entry.annotations?.[zstdAnnotation] === 'true' ? 'zstd' : 'gzip');
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
