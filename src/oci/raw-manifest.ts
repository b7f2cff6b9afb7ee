/**
 * What a manifest is before anybody has looked inside: its bytes, its type, its digest.
 *
 * Source: OCI Image Specification v1.1; the guessing of the type is that of containers/image (`GuessMIMEType`); the guard
 * answers CVE-2021-41190 (one document that is an image to some and an index to others).
 */
import { IntegrityError, UnsupportedError } from '../foundation/errors.ts';
import type { RawManifest } from './descriptor.ts';
import { digestOf } from './digest.ts';
import { ambiguousCase, caseTwin, fields, foldCase } from './document-fields.ts';
import { parseJson } from './json-parser.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.ts';
import { isIndexType, isManifestType, isSchema1, mediaTypes, normalizeMediaType } from './media-types.ts';

/** What registries must take at least, and what sheaf reads at most (OCI Distribution Specification v1.1, "Pushing Manifests"). */
export const MAX_MANIFEST_BYTES = 4 << 20;

/**
 * `bytes` as a manifest. The type is `declaredType` (a `Content-Type`) where that is a type of manifest, else what the
 * document says or looks like. Throws IntegrityError (MANIFEST_TOO_LARGE, MALFORMED_JSON and its kin, UNKNOWN_MANIFEST_TYPE,
 * AMBIGUOUS_MANIFEST) and UnsupportedError SCHEMA1.
 */
export function rawManifest(bytes: Uint8Array, declaredType?: string): RawManifest {
  if (bytes.byteLength > MAX_MANIFEST_BYTES) {
    throw new IntegrityError(
      `a manifest of ${bytes.byteLength} bytes is larger than the ${MAX_MANIFEST_BYTES} allowed`,
      {
        code: 'MANIFEST_TOO_LARGE',
      },
    );
  }
  const digest = digestOf(bytes);
  const what = `manifest ${digest}`;
  const document = parseJson(bytes, what);
  const declared = normalizeMediaType(declaredType ?? '');
  const mediaType =
    isIndexType(declared) || isManifestType(declared) || isSchema1(declared) ? declared : guess(document);
  if (isSchema1(mediaType)) throw schema1(what);
  if (mediaType === '') throw unknownType(what, declared, document);
  assertUnambiguous(document, mediaType, what);
  return { bytes, mediaType, digest };
}

/** One of the six types of manifests and indexes, or '' where it is none of them or no JSON at all. */
export function guessManifestType(bytes: Uint8Array): string {
  try {
    return guess(parseJson(bytes, 'manifest'));
  } catch {
    return '';
  }
}

function guess(document: JsonValue): string {
  if (!isJsonObject(document)) return '';
  const { mediaType, schemaVersion, signatures, config, manifests, layers } = document;
  if (typeof mediaType === 'string' && (isIndexType(mediaType) || isManifestType(mediaType))) return mediaType;
  if (schemaVersion === 1) {
    return signatures === undefined || signatures === null ? mediaTypes.dockerSchema1 : mediaTypes.dockerSchema1Signed;
  }
  if (schemaVersion !== 2) return '';
  const configType = isJsonObject(config) ? config['mediaType'] : undefined;
  if (configType === mediaTypes.ociConfig) return mediaTypes.ociManifest;
  if (configType === mediaTypes.dockerConfig) return mediaTypes.dockerManifest;
  // the peers take an empty index without a type for a manifest, and then refuse it
  if (Array.isArray(manifests) && (manifests.length > 0 || layers === undefined))
    return configType ? '' : mediaTypes.ociIndex;
  return mediaTypes.ociManifest;
}

/** The members that say what kind of document it is; an index has only `manifests`, a manifest only `config` and `layers`. */
const essential: ReadonlyMap<string, string> = new Map(
  ['config', 'fsLayers', 'history', 'layers', 'manifests'].map((name) => [foldCase(name), name]),
);

/**
 * Throws IntegrityError AMBIGUOUS_MANIFEST if the document could be taken for something else than `mediaType`: members of
 * another kind (in any case of letters), or a `mediaType` of its own that differs.
 */
export function assertUnambiguous(document: Uint8Array | JsonValue, mediaType: string, what = 'manifest'): void {
  const parsed = document instanceof Uint8Array ? parseJson(document, what) : document;
  if (!isJsonObject(parsed)) return;
  const allowed = isIndexType(mediaType) ? ['manifests'] : ['config', 'layers'];
  const unexpected = Object.keys(parsed).filter((key) => {
    const name = essential.get(foldCase(key));
    return name !== undefined && !allowed.includes(name);
  });
  if (unexpected.length > 0) {
    const list = unexpected.map((key) => JSON.stringify(key)).join(' ');
    throw ambiguous(`rejecting ambiguous manifest, unexpected fields [${list}] in supposedly ${mediaType}`, what);
  }
  for (const key of Object.keys(parsed)) {
    const twin = caseTwin(key, fields.ociIndex) ?? caseTwin(key, fields.ociManifest);
    if (twin !== undefined) throw ambiguousCase(key, twin, what);
  }
  const own = parsed['mediaType'];
  if (own !== undefined && own !== null && own !== '' && own !== mediaType) {
    throw ambiguous(
      `rejecting ambiguous manifest, it calls itself ${JSON.stringify(own)} but was given as ${mediaType}`,
      what,
    );
  }
}

function ambiguous(message: string, what: string): IntegrityError {
  return new IntegrityError(`${message} (${what})`, {
    code: 'AMBIGUOUS_MANIFEST',
    hint: 'Programs would disagree on what this document is (CVE-2021-41190), so nothing can be trusted that was said of it.',
  });
}

function unknownType(what: string, declared: string, document: JsonValue): IntegrityError {
  const own = isJsonObject(document) ? ownType(document) : undefined;
  const says = own ?? (declared === '' || declared === 'application/json' ? undefined : declared);
  return new IntegrityError(
    says === undefined
      ? `${what} is no manifest: its type cannot be told`
      : `${what} has the unknown media type ${says}`,
    {
      code: 'UNKNOWN_MANIFEST_TYPE',
      hint: 'sheaf reads OCI image indexes and manifests, Docker manifest lists and Docker manifests of schema 2.',
    },
  );
}

function ownType(document: JsonObject): string | undefined {
  const own = document['mediaType'];
  return typeof own === 'string' && own !== '' ? JSON.stringify(own) : undefined;
}

export function schema1(what: string): UnsupportedError {
  return new UnsupportedError(`${what} is a Docker manifest of schema 1, which sheaf does not read`, {
    code: 'SCHEMA1',
    hint: 'Pull it with a tool that still does, and push it again as OCI or Docker schema 2.',
  });
}
