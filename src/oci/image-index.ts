/**
 * The document that names the images of all platforms: an OCI image index or a Docker manifest list.
 *
 * Source: OCI Image Specification v1.1, image-index.md; Docker "Image Manifest Version 2, Schema 2", manifest list.
 */
import { UnsupportedError } from '../foundation/errors.ts';
import type { Annotations, Descriptor, RawManifest } from './descriptor.ts';
import { fields, unknownMembers } from './document-fields.ts';
import { checkShape, schemas } from './document-schema.ts';
import {
  annotationsOf,
  descriptorView,
  descriptorViews,
  dockerEntryFields,
  member,
  ociDescriptorFields,
} from './document-view.ts';
import { parseJson } from './json-parser.ts';
import type { JsonValue, UnknownMembers } from './json-value.ts';
import { type IndexType, isIndexType, mediaTypes } from './media-types.ts';
import { assertUnambiguous } from './raw-manifest.ts';

export { convertIndex, preferredIndexType } from './convert-index.ts';
export { encodeIndex } from './encode-document.ts';
export { sameIndexContent } from './same-content.ts';

/** One instance. */
export interface IndexEntry extends Descriptor {}

/**
 * Either format. A Docker list read from bytes has only what Docker lists have (an `annotations` member in one is unknown);
 * an index that is being edited may hold both `annotations` and `platform.features`, and {@link convertIndex} brings it into
 * one of the formats.
 */
export interface ImageIndex {
  readonly mediaType: IndexType;
  /** In the order of the document, which matters to whoever pulls. */
  readonly manifests: readonly IndexEntry[];
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
  readonly unknown?: UnknownMembers;
}

export function emptyIndex(mediaType: IndexType): ImageIndex {
  return { mediaType, manifests: [] };
}

/**
 * Throws IntegrityError (MALFORMED_INDEX with the path in the document, AMBIGUOUS_MANIFEST, MALFORMED_JSON and its kin) and
 * UnsupportedError NOT_AN_INDEX. `"manifests": null` is an empty index: the peers write that.
 */
export function parseIndex(raw: RawManifest): ImageIndex {
  const { mediaType } = raw;
  if (!isIndexType(mediaType)) {
    throw new UnsupportedError(`manifest is of type ${mediaType} (not a list type): ${raw.digest}`, {
      code: 'NOT_AN_INDEX',
    });
  }
  const what = `${mediaType === mediaTypes.ociIndex ? 'image index' : 'manifest list'} ${raw.digest}`;
  const document = parseJson(raw.bytes, what);
  assertUnambiguous(document, mediaType, what);
  return mediaType === mediaTypes.dockerList ? dockerList(document, what) : ociIndex(document, what);
}

function ociIndex(document: JsonValue, what: string): ImageIndex {
  const { shape, object } = checkShape(schemas.ociIndex, document, what, 'MALFORMED_INDEX');
  return {
    mediaType: mediaTypes.ociIndex,
    manifests: descriptorViews(shape.manifests ?? [], object['manifests'], ociDescriptorFields, `${what}: manifests`),
    ...member('artifactType', shape.artifactType || undefined),
    ...(shape.subject
      ? { subject: descriptorView(shape.subject, object['subject'], ociDescriptorFields, () => `${what}: subject`) }
      : {}),
    ...member('annotations', annotationsOf(shape.annotations)),
    ...member(
      'unknown',
      unknownMembers(object, fields.ociIndex, () => what),
    ),
  };
}

function dockerList(document: JsonValue, what: string): ImageIndex {
  const { shape, object } = checkShape(schemas.dockerList, document, what, 'MALFORMED_INDEX');
  return {
    mediaType: mediaTypes.dockerList,
    manifests: descriptorViews(shape.manifests ?? [], object['manifests'], dockerEntryFields, `${what}: manifests`),
    ...member(
      'unknown',
      unknownMembers(object, fields.dockerList, () => what),
    ),
  };
}
