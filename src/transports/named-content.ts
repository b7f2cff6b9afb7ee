/** What a manifest names: the content that must be where the manifest is. */
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import { parseIndex } from '../oci/image-index.ts';
import { parseImageManifest } from '../oci/manifest.ts';
import { isIndexType, isManifestType } from '../oci/media-types.ts';

export interface NamedContent {
  /** Config and layers. */
  readonly blobs: readonly Descriptor[];
  /** Manifests and nested indexes. */
  readonly instances: readonly Descriptor[];
}

/** Throws IntegrityError where the document is not what its type says. What is neither image nor index names nothing. */
export function namedBy(manifest: RawManifest): NamedContent {
  if (isIndexType(manifest.mediaType)) return { blobs: [], instances: parseIndex(manifest).manifests };
  if (!isManifestType(manifest.mediaType)) return { blobs: [], instances: [] };
  const { config, layers } = parseImageManifest(manifest);
  return { blobs: [config, ...layers], instances: [] };
}
