/**
 * Which compression variants an index lacks. Pure.
 *
 * Source: containers/image, "EnsureCompressionVariantsExist": each platform gets each wanted compression once, made from its
 * first instance; what it has is told by the annotations of the source. Other than there, attestations are no instances, and what
 * an instance will offer anyway when all is done is not added: containers/image adds twice what has no annotation.
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
  /** The compressions that it will offer, where somebody looked. */
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
  for (const { entry, forms = [] } of staying) {
    if (!isImage(entry)) continue;
    ofPlatform(entry).add(annotatedForm(entry));
    for (const form of forms) ofPlatform(entry).add(form);
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

function annotatedForm({ annotations }: IndexEntry): CompressionFormat {
  return annotations?.[zstdAnnotation] === 'true' ? 'zstd' : 'gzip';
}
