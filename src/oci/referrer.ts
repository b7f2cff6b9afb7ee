/** A manifest that refers to another one. Source: OCI Distribution Specification v1.1, "Listing Referrers". Pure. */
import { type Descriptor, descriptorOf, type RawManifest } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { parseIndex } from './image-index.ts';
import { parseImageManifest } from './manifest.ts';
import { mediaTypes } from './media-types.ts';

/** What a list of referrers says of `manifest`, and of whom it speaks; `undefined` for one without a subject. Throws IntegrityError. */
export function referrerOf(manifest: RawManifest): { subject: Digest; entry: Descriptor } | undefined {
  if (manifest.mediaType !== mediaTypes.ociManifest && manifest.mediaType !== mediaTypes.ociIndex) return undefined;
  // most have none, and need not be parsed for that
  if (!Buffer.from(manifest.bytes).includes('"subject"')) return undefined;
  const image = manifest.mediaType === mediaTypes.ociManifest ? parseImageManifest(manifest) : undefined;
  const { subject, artifactType, annotations } = image ?? parseIndex(manifest);
  if (subject === undefined) return undefined;
  const type = artifactType ?? image?.config.mediaType;
  const entry: Descriptor = {
    ...descriptorOf(manifest),
    ...(type === undefined ? {} : { artifactType: type }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  return { subject: subject.digest, entry };
}
