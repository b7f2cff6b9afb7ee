/**
 * Descriptors and raw manifests: the nouns that every other module passes around.
 *
 * Source: OCI Image Specification v1.1, descriptor.md; the Docker list entry adds `platform.features`
 * (Docker "Image Manifest Version 2, Schema 2", manifest list).
 */
import type { Digest } from './digest.ts';
import type { UnknownMembers } from './json-value.ts';
import type { Platform } from './platform.ts';

export type Annotations = Readonly<Record<string, string>>;

/**
 * Names content: type, digest and size in bytes. Members of the document that the format has no field for are in `unknown`
 * and are written back after the known ones; so it is with platforms, manifests and indexes.
 */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Bytes. */
  size: number;
  urls?: readonly string[];
  annotations?: Annotations;
  /** Base64 of the content itself. */
  data?: string;
  platform?: Platform;
  artifactType?: string;
  unknown?: UnknownMembers;
}

/** A manifest or index exactly as it is stored: bytes are the truth, parsed views are derived. */
export interface RawManifest {
  bytes: Uint8Array;
  mediaType: string;
  digest: Digest;
}

/** The descriptor that names a raw manifest. */
export function descriptorOf(manifest: RawManifest): Descriptor {
  return { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength };
}
