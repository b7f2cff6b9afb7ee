/**
 * Which compression variants an index lacks. Pure.
 *
 * Source: containers/image, "EnsureCompressionVariantsExist": each platform gets each wanted compression once, made from its
 * first instance; what it has is told by the annotations of the source. Other than there, attestations and artifacts are no
 * instances, and what an instance will offer anyway when all is done is not added: containers/image adds twice what has no
 * annotation. An annotation of zstd says nothing of what will be zstd no more.
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
  /** Whether it is copied, so that something may be made from it. */
  readonly chosen: boolean;
  /** The compressions that it will offer; `undefined` where nobody looked, and of what is chosen and no image. */
  readonly forms?: ReadonlySet<CompressionFormat> | undefined;
}

/** In the order of the entries. */
export function missingVariants(
  staying: readonly StayingEntry[],
  wanted: readonly CompressionRecipe[],
): MissingVariant[] {
  const images = staying.filter(
    ({ entry, chosen, forms }) =>
      isManifestType(entry.mediaType) && !isAttestation(entry) && (!chosen || forms !== undefined),
  );
  const present = new Map<string, Set<CompressionFormat>>();
  const ofPlatform = (entry: IndexEntry): Set<CompressionFormat> => {
    const key = platformKey(entry.platform);
    const known = present.get(key) ?? new Set();
    present.set(key, known);
    return known;
  };
  for (const { entry, forms } of images) {
    const there = ofPlatform(entry);
    if (forms === undefined || forms.has('zstd')) there.add(annotatedForm(entry));
    for (const form of forms ?? []) there.add(form);
  }
  return images.flatMap(({ entry, chosen }) =>
    (chosen ? wanted : []).flatMap((recipe) => {
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
