/**
 * Media types of documents and layers.
 *
 * Source: OCI Image Specification v1.1, media-types.md; Docker "Image Manifest Version 2, Schema 1" and "Schema 2".
 */
import type { Descriptor } from './descriptor.ts';

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  ociLayout: 'application/vnd.oci.layout.header.v1+json',
  ociLayerTar: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociNondistributableTar: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  ociNondistributableGzip: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ociNondistributableZstd: 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayerTar: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  /** Seen in the world, written by nobody who should. */
  dockerLayerZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  dockerForeignTar: 'application/vnd.docker.image.rootfs.foreign.diff.tar',
  dockerForeignGzip: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  inToto: 'application/vnd.in-toto+json',
  /** `artifactType` of attestation manifests that BuildKit writes with `oci-artifact=true`. */
  dockerAttestation: 'application/vnd.docker.attestation.manifest.v1+json',
} as const;

export type IndexType = typeof mediaTypes.ociIndex | typeof mediaTypes.dockerList;
export type ManifestType = typeof mediaTypes.ociManifest | typeof mediaTypes.dockerManifest;

/** The annotation by which an index tells instances with zstd layers from the others of a platform; counts only as `"true"`. */
export const zstdAnnotation = 'io.github.containers.compression.zstd';

/** The suffix that ocicrypt appends to the media type of an encrypted layer. */
export const encryptedSuffix = '+encrypted';

/** OCI image index or Docker manifest list. */
export function isIndexType(mediaType: string): mediaType is IndexType {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList;
}

/** OCI image manifest or Docker manifest, schema 2. */
export function isManifestType(mediaType: string): mediaType is ManifestType {
  return mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest;
}

export function isSchema1(mediaType: string): boolean {
  return mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSchema1Signed;
}

/** A `Content-Type` without its parameters, in lower case. */
export function normalizeMediaType(mediaType: string): string {
  const end = mediaType.indexOf(';');
  return (end < 0 ? mediaType : mediaType.slice(0, end)).trim().toLowerCase();
}

/** Names the two bytes `{}`, which it carries with it. Source: OCI Image Specification v1.1, manifest.md, "Guidance for an Empty Descriptor". */
export const emptyDescriptor: Readonly<Descriptor> = {
  mediaType: mediaTypes.ociEmpty,
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
  data: 'e30=',
};
