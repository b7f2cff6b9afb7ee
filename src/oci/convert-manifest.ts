/**
 * The manifest of an image from one format to the other. The blobs stay: only their media types get other names, so no
 * config and no layer changes its digest.
 *
 * Source: containers/image's conversions; OCI Image Specification v1.1, media-types.md, "Compatibility Matrix". Other than
 * containers/image, a Docker config is not written anew: OCI allows the members that only Docker has.
 */
import { UnsupportedError } from '../foundation/errors.ts';
import type { Descriptor } from './descriptor.ts';
import { fields } from './document-fields.ts';
import { keepUnknown, keysOf, loseInto, named } from './losses.ts';
import type { ImageManifest } from './manifest.ts';
import { encryptedSuffix, type ManifestType, mediaTypes } from './media-types.ts';

export interface ConvertedManifest {
  readonly manifest: ImageManifest;
  /** One sentence for each thing that the format has no place for. */
  readonly losses: string[];
}

/** Docker type, OCI type. */
const layerTypes: ReadonlyArray<readonly [docker: string, oci: string]> = [
  [mediaTypes.dockerLayerTar, mediaTypes.ociLayerTar],
  [mediaTypes.dockerLayerGzip, mediaTypes.ociLayerGzip],
  [mediaTypes.dockerLayerZstd, mediaTypes.ociLayerZstd],
  [mediaTypes.dockerForeignTar, mediaTypes.ociNondistributableTar],
  [mediaTypes.dockerForeignGzip, mediaTypes.ociNondistributableGzip],
];
const toOci: ReadonlyMap<string, string> = new Map([
  ...layerTypes,
  ...layerTypes.map(([, oci]) => [oci, oci] as const),
  [mediaTypes.ociNondistributableZstd, mediaTypes.ociNondistributableZstd],
]);
const zstdTypes: ReadonlySet<string> = new Set([
  mediaTypes.ociLayerZstd,
  mediaTypes.ociNondistributableZstd,
  mediaTypes.dockerLayerZstd,
]);
const toDocker: ReadonlyMap<string, string> = new Map(
  layerTypes.flatMap(([docker, oci]) =>
    zstdTypes.has(docker) ? [] : [[oci, docker] as const, [docker, docker] as const],
  ),
);

/**
 * A manifest that has the type `to` already is given back as it is. Throws UnsupportedError: NOT_AN_IMAGE (an artifact, or a
 * config that is none of an image), ZSTD_IN_DOCKER, ENCRYPTED_LAYER, UNKNOWN_LAYER_TYPE (in-toto statements among them).
 */
export function convertImageManifest(manifest: ImageManifest, to: ManifestType): ConvertedManifest {
  if (manifest.mediaType === to) return { manifest, losses: [] };
  checkIsImage(manifest, to);
  return to === mediaTypes.dockerManifest ? asDocker(manifest) : asOci(manifest);
}

function asDocker(manifest: ImageManifest): ConvertedManifest {
  const losses: string[] = [];
  const strip = (blob: Descriptor, mediaType: string, holder: string): Descriptor => {
    const { annotations, data, artifactType, platform, unknown, ...rest } = blob;
    const lose = loseInto(losses, () => holder, 'a Docker manifest');
    if (keysOf(annotations).length > 0) lose(named('annotation', keysOf(annotations)));
    if (data) lose('the embedded content');
    if (artifactType) lose(`the artifact type "${artifactType}"`);
    if (platform) lose('the platform');
    return { ...rest, mediaType, ...keepUnknown(unknown, fields.dockerDescriptor, lose) };
  };
  const { annotations, artifactType, subject } = manifest;
  const lose = loseInto(losses, () => 'the manifest', 'a Docker manifest');
  if (keysOf(annotations).length > 0) lose(named('annotation', keysOf(annotations)));
  if (artifactType) lose(`the artifact type "${artifactType}"`);
  if (subject) lose(`the subject ${subject.digest}`);
  const unknown = keepUnknown(manifest.unknown, fields.dockerManifest, lose);
  const converted: ImageManifest = {
    mediaType: mediaTypes.dockerManifest,
    config: strip(manifest.config, mediaTypes.dockerConfig, 'the config'),
    layers: manifest.layers.map((layer, at) => strip(layer, dockerLayerType(layer.mediaType), layerName(layer, at))),
    ...unknown,
  };
  return { manifest: converted, losses };
}

/** OCI can say all that Docker can; only members that Docker does not have might be in the way. */
function asOci(manifest: ImageManifest): ConvertedManifest {
  const losses: string[] = [];
  const loseOf = (holder: string) => loseInto(losses, () => holder, 'an OCI manifest');
  const unknown = keepUnknown(manifest.unknown, fields.ociManifest, loseOf('the manifest'));
  const rename = (blob: Descriptor, mediaType: string, holder: string): Descriptor => {
    const { unknown, ...rest } = blob;
    return { ...rest, mediaType, ...keepUnknown(unknown, fields.ociDescriptor, loseOf(holder)) };
  };
  const converted: ImageManifest = {
    mediaType: mediaTypes.ociManifest,
    config: rename(manifest.config, mediaTypes.ociConfig, 'the config'),
    layers: manifest.layers.map((layer, at) => rename(layer, ociLayerType(layer.mediaType), layerName(layer, at))),
    ...unknown,
  };
  return { manifest: converted, losses };
}

function checkIsImage(manifest: ImageManifest, to: ManifestType): void {
  const { mediaType } = manifest.config;
  if (mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig) return;
  const kind = manifest.artifactType
    ? `an artifact of type ${manifest.artifactType}`
    : `a manifest with a config of type ${mediaType}`;
  throw new UnsupportedError(`${kind} cannot be converted to ${to}: only images can`, {
    code: 'NOT_AN_IMAGE',
    hint: 'Leave the format away, so that it is copied as it is.',
  });
}

/** What a layer of this type is called in the OCI format; the same where that has no name for it. */
export function ociNameOf(mediaType: string): string {
  return toOci.get(mediaType) ?? mediaType;
}

function ociLayerType(mediaType: string): string {
  const oci = toOci.get(mediaType);
  if (oci === undefined) throw unknownLayer(mediaType);
  return oci;
}

function dockerLayerType(mediaType: string): string {
  const docker = toDocker.get(mediaType);
  if (docker !== undefined) return docker;
  if (mediaType.endsWith(encryptedSuffix)) {
    throw new UnsupportedError(
      `during manifest conversion: "${mediaType}": encrypted layers are not supported for docker images`,
      {
        code: 'ENCRYPTED_LAYER',
        hint: 'Keep the OCI format, or decrypt the layers first.',
      },
    );
  }
  if (zstdTypes.has(mediaType)) {
    throw new UnsupportedError(
      `during manifest conversion: "${mediaType}": zstd compression is not officially supported for docker images`,
      { code: 'ZSTD_IN_DOCKER', hint: 'Keep the OCI format, or have the layers compressed with gzip.' },
    );
  }
  throw unknownLayer(mediaType);
}

function unknownLayer(mediaType: string): UnsupportedError {
  const isAttestation = mediaType === mediaTypes.inToto;
  return new UnsupportedError(`unknown media type during manifest conversion: "${mediaType}"`, {
    code: 'UNKNOWN_LAYER_TYPE',
    hint: isAttestation
      ? 'It is an attestation, which the Docker format cannot hold: keep the OCI format or leave the attestations out.'
      : 'Leave the format away, so that it is copied as it is.',
  });
}

function layerName(layer: Descriptor, at: number): string {
  return `layer ${at + 1} (${layer.digest})`;
}
