/** What becomes of an image, in words. Pure. */
import type { RawManifest } from '../oci/descriptor.ts';
import type { ManifestFormat } from './copy-request.ts';
import { isDraft, type ManifestDraft } from './draft.ts';
import { describeEncryption, type PlannedEncryption } from './plan-encryption.ts';
import type { CompressionRecipe } from './recipe.ts';

export interface ImageChange {
  /** It is converted to this format. */
  readonly to: ManifestFormat | undefined;
  readonly compression: CompressionRecipe | undefined;
  readonly encryption: PlannedEncryption | undefined;
}

/** `raw` is what the image was, `document` what it becomes. */
export function describeChange(
  raw: RawManifest,
  document: RawManifest | ManifestDraft,
  { to, compression, encryption }: ImageChange,
): string {
  const how = [
    ...(to === undefined ? [] : [`converted to ${document.mediaType}`]),
    ...(compression === undefined ? [] : [`layers compressed with ${compression.format}`]),
    ...(encryption === undefined ? [] : describeEncryption(encryption)),
  ];
  const digests = isDraft(document) ? `from ${raw.digest}` : `from ${raw.digest} to ${document.digest}`;
  return `${how.join(', ') || 'points at what its subject becomes'}, so its digest changes ${digests}`;
}
