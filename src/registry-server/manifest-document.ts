/**
 * As much of a manifest as a registry must understand: what it names, and what a referrers list says of it.
 *
 * Source: OCI Image Specification v1.1, manifest.md and image-index.md; Docker Image Manifest Version 2, Schema 2.
 */
import { type Digest, isDigest } from '../oci/digest.ts';

export interface ContentReference {
  readonly digest: Digest;
  readonly kind: 'blob' | 'manifest';
}

export interface ManifestDocument {
  readonly mediaType: string;
  /** What has to be in the repository before the manifest may come in, in the order in which the manifest names it. */
  readonly references: readonly ContentReference[];
  readonly subject?: Digest;
  /** For the referrers list: for an image manifest without one, the media type of its config. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** What is wrong with a manifest, for people. */
export interface ManifestProblem {
  readonly problem: string;
}

export const indexMediaType = 'application/vnd.oci.image.index.v1+json';
const manifestMediaType = 'application/vnd.oci.image.manifest.v1+json';
const imageTypes: readonly string[] = [manifestMediaType, 'application/vnd.docker.distribution.manifest.v2+json'];
const indexTypes: readonly string[] = [indexMediaType, 'application/vnd.docker.distribution.manifest.list.v2+json'];

/** Layers that may not be handed on, so registries do without them. */
const foreignLayer =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.v1\.tar|docker\.image\.rootfs\.foreign\.diff\.tar)/;

type Members = Readonly<Record<string, unknown>>;

/** Reads `bytes` as what `contentType` (or else the manifest itself) declares it to be. */
export function readManifest(bytes: Uint8Array, contentType: string | undefined): ManifestDocument | ManifestProblem {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return { problem: 'the manifest is not valid JSON' };
  }
  if (!isMembers(value)) return { problem: 'the manifest is not a JSON object' };
  const declared = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  const mediaType = declared || value['mediaType'];
  if (typeof mediaType !== 'string' || mediaType === '') return { problem: 'the manifest has no media type' };
  if (value['mediaType'] !== undefined && value['mediaType'] !== mediaType) {
    return { problem: `the mediaType of the manifest is not the Content-Type ${mediaType}` };
  }
  if (value['schemaVersion'] !== 2) return { problem: 'the schemaVersion of the manifest is not 2' };
  if (imageTypes.includes(mediaType)) return readImage(value, mediaType);
  if (indexTypes.includes(mediaType)) return readIndex(value, mediaType);
  return { problem: `manifests of type ${mediaType} are not supported` };
}

function readImage(value: Members, mediaType: string): ManifestDocument | ManifestProblem {
  // what could be read as an image and as an index would be two things under one digest (CVE-2021-41190)
  if (value['manifests'] !== undefined) return { problem: 'an image manifest has no manifests' };
  const layers = value['layers'] ?? [];
  if (!Array.isArray(layers)) return { problem: 'layers is not a list' };
  const references: ContentReference[] = [];
  for (const [i, descriptor] of [value['config'], ...layers].entries()) {
    const what = i === 0 ? 'config' : `layers[${i - 1}]`;
    if (!isDescriptor(descriptor)) return { problem: `${what} is not a descriptor` };
    if (!isKeptElsewhere(descriptor)) references.push({ digest: descriptor.digest, kind: 'blob' });
  }
  const config = value['config'];
  const configType = isDescriptor(config) ? config.mediaType : undefined;
  return withCommonMembers(value, { mediaType, references }, configType);
}

function readIndex(value: Members, mediaType: string): ManifestDocument | ManifestProblem {
  if (value['config'] !== undefined || value['layers'] !== undefined) {
    return { problem: 'an index has neither config nor layers' };
  }
  const manifests = value['manifests'] ?? [];
  if (!Array.isArray(manifests)) return { problem: 'manifests is not a list' };
  const references: ContentReference[] = [];
  for (const [i, descriptor] of manifests.entries()) {
    if (!isDescriptor(descriptor)) return { problem: `manifests[${i}] is not a descriptor` };
    const known = imageTypes.includes(descriptor.mediaType) || indexTypes.includes(descriptor.mediaType);
    if (!isKeptElsewhere(descriptor)) references.push({ digest: descriptor.digest, kind: known ? 'manifest' : 'blob' });
  }
  return withCommonMembers(value, { mediaType, references }, undefined);
}

function withCommonMembers(
  value: Members,
  document: ManifestDocument,
  configType: string | undefined,
): ManifestDocument | ManifestProblem {
  const { subject, annotations } = value;
  if (subject !== undefined && subject !== null && !isDescriptor(subject)) {
    return { problem: 'subject is not a descriptor' };
  }
  const ownType = value['artifactType'];
  const artifactType = typeof ownType === 'string' && ownType !== '' ? ownType : configType;
  return {
    ...document,
    ...(isDescriptor(subject) ? { subject: subject.digest } : {}),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(isMembers(annotations) ? { annotations } : {}),
  };
}

interface ReadDescriptor extends Members {
  mediaType: string;
  digest: Digest;
  size: number;
}

function isDescriptor(value: unknown): value is ReadDescriptor {
  if (!isMembers(value)) return false;
  const { mediaType, digest, size } = value;
  return typeof mediaType === 'string' && isDigest(digest) && Number.isSafeInteger(size) && Number(size) >= 0;
}

function isKeptElsewhere(descriptor: ReadDescriptor): boolean {
  const urls = descriptor['urls'];
  return foreignLayer.test(descriptor.mediaType) || (Array.isArray(urls) && urls.length > 0);
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
