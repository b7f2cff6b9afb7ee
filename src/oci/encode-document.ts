/**
 * Indexes and manifests to bytes, as Go's `json.Marshal` writes the structs of the peers: order of the fields, what is empty
 * left away, annotations sorted. What a format has no field for is not written: {@link convertIndex} and
 * {@link convertImageManifest} name it. Unknown members follow the known ones.
 */
import type { Descriptor, RawManifest } from './descriptor.ts';
import { digestOf } from './digest.ts';
import { type FieldSet, fields } from './document-fields.ts';
import { encodeArray, encodeMembers, encodeString, encodeStringMap, encodeUnknown } from './go-json.ts';
import type { ImageIndex } from './image-index.ts';
import type { JsonObject } from './json-value.ts';
import type { ImageManifest } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import type { Platform } from './platform.ts';

type Member = readonly [key: string, encoded: string | undefined];

export function encodeIndex(index: ImageIndex): RawManifest {
  if (index.mediaType === mediaTypes.dockerList) {
    return rawOf(index.mediaType, [
      ['manifests', encodeArray(index.manifests.map(dockerEntry))],
      ...encodeUnknown(index.unknown, fields.dockerList),
    ]);
  }
  return rawOf(index.mediaType, [
    ['artifactType', text(index.artifactType)],
    ['manifests', encodeArray(index.manifests.map(ociDescriptor))],
    ['subject', index.subject && ociDescriptor(index.subject)],
    ['annotations', map(index.annotations)],
    ...encodeUnknown(index.unknown, fields.ociIndex),
  ]);
}

export function encodeImageManifest(manifest: ImageManifest): RawManifest {
  if (manifest.mediaType === mediaTypes.dockerManifest) {
    return rawOf(manifest.mediaType, [
      ['config', dockerDescriptor(manifest.config)],
      ['layers', encodeArray(manifest.layers.map(dockerDescriptor))],
      ...encodeUnknown(manifest.unknown, fields.dockerManifest),
    ]);
  }
  return rawOf(manifest.mediaType, [
    ['artifactType', text(manifest.artifactType)],
    ['config', ociDescriptor(manifest.config)],
    ['layers', encodeArray(manifest.layers.map(ociDescriptor))],
    ['subject', manifest.subject && ociDescriptor(manifest.subject)],
    ['annotations', map(manifest.annotations)],
    ...encodeUnknown(manifest.unknown, fields.ociManifest),
  ]);
}

function rawOf(mediaType: string, members: readonly Member[]): RawManifest {
  const document = encodeMembers([['schemaVersion', '2'], ['mediaType', encodeString(mediaType)], ...members]);
  const bytes = Buffer.from(document);
  return { bytes, mediaType, digest: digestOf(bytes) };
}

function ociDescriptor(descriptor: Descriptor): string {
  const { platform } = descriptor;
  return encodeMembers([
    ['mediaType', encodeString(descriptor.mediaType)],
    ['digest', encodeString(descriptor.digest)],
    ['size', String(descriptor.size)],
    ['urls', list(descriptor.urls)],
    ['annotations', map(descriptor.annotations)],
    ['data', text(descriptor.data)],
    ['platform', platform && encodeMembers([...platformMembers(platform), ...rest(platform, fields.ociPlatform)])],
    ['artifactType', text(descriptor.artifactType)],
    ...rest(descriptor, fields.ociDescriptor),
  ]);
}

/** Size before digest, and no more. */
function dockerMembers(descriptor: Descriptor): Member[] {
  return [
    ['mediaType', encodeString(descriptor.mediaType)],
    ['size', String(descriptor.size)],
    ['digest', encodeString(descriptor.digest)],
    ['urls', list(descriptor.urls)],
  ];
}

function dockerDescriptor(descriptor: Descriptor): string {
  return encodeMembers([...dockerMembers(descriptor), ...rest(descriptor, fields.dockerDescriptor)]);
}

/** An entry of a Docker list always has a platform. */
function dockerEntry(entry: Descriptor): string {
  const platform = entry.platform ?? { architecture: '', os: '' };
  return encodeMembers([
    ...dockerMembers(entry),
    [
      'platform',
      encodeMembers([
        ...platformMembers(platform),
        ['features', list(platform.features)],
        ...rest(platform, fields.dockerPlatform),
      ]),
    ],
    ...rest(entry, fields.dockerEntry),
  ]);
}

function platformMembers(platform: Platform): Member[] {
  return [
    ['architecture', encodeString(platform.architecture)],
    ['os', encodeString(platform.os)],
    ['os.version', text(platform['os.version'])],
    ['os.features', list(platform['os.features'])],
    ['variant', text(platform.variant)],
  ];
}

function rest(holder: { unknown?: JsonObject }, known: FieldSet): Member[] {
  return encodeUnknown(holder.unknown, known);
}

function text(value: string | undefined): string | undefined {
  return value ? encodeString(value) : undefined;
}

function list(values: readonly string[] | undefined): string | undefined {
  return values && values.length > 0 ? encodeArray(values.map(encodeString)) : undefined;
}

function map(values: Readonly<Record<string, string>> | undefined): string | undefined {
  return values && Object.keys(values).length > 0 ? encodeStringMap(values) : undefined;
}
