/** Whether two indexes say the same, whatever their bytes. */
import type { Descriptor } from './descriptor.ts';
import type { ImageIndex } from './image-index.ts';
import { ExactNumber, isJsonObject, type JsonValue, type UnknownMembers } from './json-value.ts';
import type { Platform } from './platform.ts';

/**
 * Equal in format, entries and their order, and every member, unknown ones included. The order of members plays no part, nor
 * whether something empty is there or absent; a platform without any value is no platform.
 */
export function sameIndexContent(a: ImageIndex, b: ImageIndex): boolean {
  return (
    a.mediaType === b.mediaType &&
    a.manifests.length === b.manifests.length &&
    textOf(indexParts(a)) === textOf(indexParts(b)) &&
    a.manifests.every((entry, at) => {
      const other = b.manifests[at];
      return (
        other !== undefined && (entry === other || textOf(descriptorParts(entry)) === textOf(descriptorParts(other)))
      );
    })
  );
}

type Parts = Record<string, JsonValue | undefined>;

function indexParts(index: ImageIndex): Parts {
  return {
    artifactType: index.artifactType || undefined,
    subject: index.subject && (descriptorParts(index.subject) as JsonValue),
    annotations: some(index.annotations),
    unknown: some(index.unknown),
  };
}

function descriptorParts(descriptor: Descriptor): Parts {
  const { mediaType, digest, size, urls, annotations, data, platform, artifactType, unknown } = descriptor;
  return {
    mediaType,
    digest,
    size,
    urls: urls?.length ? urls : undefined,
    annotations: some(annotations),
    data: data || undefined,
    platform: platform && platformParts(platform),
    artifactType: artifactType || undefined,
    unknown: some(unknown),
  };
}

function platformParts(platform: Platform): JsonValue | undefined {
  const { 'os.features': osFeatures, features } = platform;
  const parts = {
    architecture: platform.architecture || undefined,
    os: platform.os || undefined,
    'os.version': platform['os.version'] || undefined,
    'os.features': osFeatures?.length ? osFeatures : undefined,
    variant: platform.variant || undefined,
    features: features?.length ? features : undefined,
    unknown: some(platform.unknown),
  };
  return Object.values(parts).some((part) => part !== undefined) ? (parts as JsonValue) : undefined;
}

function some(members: UnknownMembers | undefined): UnknownMembers | undefined {
  return members && Object.keys(members).length > 0 ? members : undefined;
}

/** JSON with sorted keys; members that are undefined are left away. */
export function textOf(value: JsonValue | Parts | undefined): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map((one: JsonValue) => textOf(one)).join(',')}]`;
  if (!isJsonObject(value as JsonValue)) return JSON.stringify(value);
  const object = value as Parts;
  const members = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${textOf(object[key])}`);
  return `{${members.join(',')}}`;
}
