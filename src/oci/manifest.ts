/**
 * The manifest of one image or artifact.
 *
 * Source: OCI Image Specification v1.1, manifest.md; Docker "Image Manifest Version 2, Schema 2".
 */
import { UnsupportedError } from '../foundation/errors.ts';
import type { Annotations, Descriptor, RawManifest } from './descriptor.ts';
import { fields, unknownMembers } from './document-fields.ts';
import { checkShape, schemas } from './document-schema.ts';
import {
  annotationsOf,
  descriptorView,
  descriptorViews,
  dockerDescriptorFields,
  member,
  ociDescriptorFields,
} from './document-view.ts';
import { parseJson } from './json-parser.ts';
import type { JsonValue, UnknownMembers } from './json-value.ts';
import { isManifestType, isSchema1, type ManifestType, mediaTypes } from './media-types.ts';
import { assertUnambiguous, schema1 } from './raw-manifest.ts';

export { encodeImageManifest } from './encode-document.ts';
export { assertUnambiguous, guessManifestType, MAX_MANIFEST_BYTES, rawManifest } from './raw-manifest.ts';

export interface ImageManifest {
  readonly mediaType: ManifestType;
  readonly config: Descriptor;
  /** Base first. */
  readonly layers: readonly Descriptor[];
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
  readonly unknown?: UnknownMembers;
}

/**
 * Throws IntegrityError (MALFORMED_MANIFEST with the path in the document, AMBIGUOUS_MANIFEST, MALFORMED_JSON and its kin) and
 * UnsupportedError (NOT_AN_IMAGE, SCHEMA1).
 */
export function parseImageManifest(raw: RawManifest): ImageManifest {
  const { mediaType } = raw;
  const what = `image manifest ${raw.digest}`;
  if (isSchema1(mediaType)) throw schema1(what);
  if (!isManifestType(mediaType)) {
    throw new UnsupportedError(`${raw.digest} is of type ${mediaType} (not the manifest of an image)`, {
      code: 'NOT_AN_IMAGE',
    });
  }
  const document = parseJson(raw.bytes, what);
  assertUnambiguous(document, mediaType, what);
  return mediaType === mediaTypes.dockerManifest ? dockerManifest(document, what) : ociManifest(document, what);
}

function ociManifest(document: JsonValue, what: string): ImageManifest {
  const { shape, object } = checkShape(schemas.ociManifest, document, what, 'MALFORMED_MANIFEST');
  return {
    mediaType: mediaTypes.ociManifest,
    config: descriptorView(shape.config, object['config'], ociDescriptorFields, () => `${what}: config`),
    layers: descriptorViews(shape.layers ?? [], object['layers'], ociDescriptorFields, `${what}: layers`),
    ...member('artifactType', shape.artifactType || undefined),
    ...(shape.subject
      ? { subject: descriptorView(shape.subject, object['subject'], ociDescriptorFields, () => `${what}: subject`) }
      : {}),
    ...member('annotations', annotationsOf(shape.annotations)),
    ...member(
      'unknown',
      unknownMembers(object, fields.ociManifest, () => what),
    ),
  };
}

function dockerManifest(document: JsonValue, what: string): ImageManifest {
  const { shape, object } = checkShape(schemas.dockerManifest, document, what, 'MALFORMED_MANIFEST');
  return {
    mediaType: mediaTypes.dockerManifest,
    config: descriptorView(shape.config, object['config'], dockerDescriptorFields, () => `${what}: config`),
    layers: descriptorViews(shape.layers ?? [], object['layers'], dockerDescriptorFields, `${what}: layers`),
    ...member(
      'unknown',
      unknownMembers(object, fields.dockerManifest, () => what),
    ),
  };
}
