/**
 * The members that each format has, in the order in which Go writes them. Everything else is unknown: kept, and written
 * after the known ones.
 *
 * Source: OCI Image Specification v1.1, image-index.md, manifest.md, descriptor.md; Docker "Image Manifest Version 2,
 * Schema 2".
 */
import { IntegrityError } from '../foundation/errors.ts';
import type { JsonObject, UnknownMembers } from './json-value.ts';

const ociDescriptor = ['mediaType', 'digest', 'size', 'urls', 'annotations', 'data', 'platform', 'artifactType'];
const dockerDescriptor = ['mediaType', 'size', 'digest', 'urls'];
const ociPlatform = ['architecture', 'os', 'os.version', 'os.features', 'variant'];

export const fields = {
  ociIndex: new Set(['schemaVersion', 'mediaType', 'artifactType', 'manifests', 'subject', 'annotations']),
  ociManifest: new Set(['schemaVersion', 'mediaType', 'artifactType', 'config', 'layers', 'subject', 'annotations']),
  ociDescriptor: new Set(ociDescriptor),
  ociPlatform: new Set(ociPlatform),
  dockerList: new Set(['schemaVersion', 'mediaType', 'manifests']),
  dockerManifest: new Set(['schemaVersion', 'mediaType', 'config', 'layers']),
  dockerDescriptor: new Set(dockerDescriptor),
  dockerEntry: new Set([...dockerDescriptor, 'platform']),
  dockerPlatform: new Set([...ociPlatform, 'features']),
  config: new Set(['architecture', 'os', 'os.version', 'os.features', 'variant']),
} as const satisfies Readonly<Record<string, ReadonlySet<string>>>;

export type FieldSet = ReadonlySet<string>;

/**
 * The members of `object` that are not in `known`; `undefined` where there are none. Throws IntegrityError
 * AMBIGUOUS_MANIFEST for a member that is spelt as a known one but for upper and lower case: Go reads it as the known one,
 * others do not, so that they would see two different documents.
 */
export function unknownMembers(object: JsonObject, known: FieldSet, where: () => string): UnknownMembers | undefined {
  let unknown: Array<readonly [string, JsonObject[string]]> | undefined;
  for (const key of Object.keys(object)) {
    if (known.has(key)) continue;
    const twin = caseTwin(key, known);
    if (twin !== undefined) throw ambiguousCase(key, twin, where());
    unknown ??= [];
    unknown.push([key, object[key] ?? null]);
  }
  return unknown === undefined ? undefined : Object.fromEntries(unknown);
}

/** The known name that Go's case-insensitive matching takes `key` for. */
export function caseTwin(key: string, known: FieldSet): string | undefined {
  let names = foldedNames.get(known);
  if (names === undefined) {
    names = new Map([...known].map((name) => [foldCase(name), name]));
    foldedNames.set(known, names);
  }
  const name = names.get(foldCase(key));
  return name === key ? undefined : name;
}

const foldedNames = new WeakMap<FieldSet, ReadonlyMap<string, string>>();

/** Simple case folding: upper-casing first brings the long s and the Kelvin sign to the letters they stand for. */
export function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}

export function ambiguousCase(key: string, twin: string, where: string): IntegrityError {
  return new IntegrityError(
    `${where} has the member ${JSON.stringify(key)}, which some programs read as "${twin}" and others do not`,
    { code: 'AMBIGUOUS_MANIFEST', hint: `Whoever made it must spell it "${twin}" or take it out.` },
  );
}
