/** From checked documents to the types that the rest of sheaf uses. What is empty is absent, as in Go (`omitempty`). */
import type { Annotations, Descriptor } from './descriptor.ts';
import { type FieldSet, fields, unknownMembers } from './document-fields.ts';
import type { DescriptorShape, PlatformShape } from './document-schema.ts';
import { isJsonObject, type JsonObject, type JsonValue, type UnknownMembers } from './json-value.ts';
import type { Platform } from './platform.ts';

/** The known members of a descriptor and of its platform, for the format of the document. */
export interface DescriptorFields {
  readonly descriptor: FieldSet;
  readonly platform: FieldSet;
}

export const ociDescriptorFields: DescriptorFields = { descriptor: fields.ociDescriptor, platform: fields.ociPlatform };
export const dockerDescriptorFields: DescriptorFields = {
  descriptor: fields.dockerDescriptor,
  platform: fields.dockerPlatform,
};
export const dockerEntryFields: DescriptorFields = { descriptor: fields.dockerEntry, platform: fields.dockerPlatform };

/** `value` is the member of the document that `shape` was made of; `where` names it in messages. */
export function descriptorView(
  shape: DescriptorShape,
  value: JsonValue | undefined,
  known: DescriptorFields,
  where: () => string,
): Descriptor {
  const object = objectOf(value);
  return {
    mediaType: shape.mediaType,
    digest: shape.digest,
    size: shape.size,
    ...member('urls', someOf(shape.urls)),
    ...('annotations' in shape ? member('annotations', annotationsOf(shape.annotations)) : {}),
    ...('data' in shape ? member('data', shape.data || undefined) : {}),
    ...('platform' in shape && shape.platform
      ? { platform: platformView(shape.platform, object['platform'], known.platform, () => `${where()}.platform`) }
      : {}),
    ...('artifactType' in shape ? member('artifactType', shape.artifactType || undefined) : {}),
    ...member('unknown', unknownMembers(object, known.descriptor, where)),
  };
}

export function descriptorViews(
  shapes: readonly DescriptorShape[],
  value: JsonValue | undefined,
  known: DescriptorFields,
  where: string,
): Descriptor[] {
  const values: readonly JsonValue[] = Array.isArray(value) ? value : [];
  return shapes.map((shape, at) => descriptorView(shape, values[at], known, () => `${where}[${at}]`));
}

function platformView(
  shape: PlatformShape,
  value: JsonValue | undefined,
  known: FieldSet,
  where: () => string,
): Platform {
  return {
    architecture: shape.architecture ?? '',
    os: shape.os ?? '',
    ...member('os.version', shape['os.version'] || undefined),
    ...member('os.features', someOf(shape['os.features'])),
    ...member('variant', shape.variant || undefined),
    ...('features' in shape ? member('features', someOf(shape.features)) : {}),
    ...member('unknown', unknownMembers(objectOf(value), known, where)),
  };
}

export function annotationsOf(annotations: Annotations | null | undefined): Annotations | undefined {
  return annotations && Object.keys(annotations).length > 0 ? annotations : undefined;
}

/** `{ [key]: value }`, or nothing where there is no value. */
export function member<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}

function someOf(list: readonly string[] | null | undefined): readonly string[] | undefined {
  return list && list.length > 0 ? list : undefined;
}

function objectOf(value: JsonValue | undefined): JsonObject | UnknownMembers {
  return isJsonObject(value) ? value : {};
}
