/**
 * One signature as one blob, in the form in which `dir:` images and lookasides keep it: a simple signature as it is, any other
 * one behind a zero byte and the name of its format.
 *
 * Source: containers/image internal/signature ("FromBlob", "Blob").
 */
import { IntegrityError, UnsupportedError } from '../foundation/errors.ts';
import { encodeMembers, encodeString, encodeStringMap } from '../oci/go-json.ts';
import { isJsonObject, type JsonValue, parseJson } from '../oci/json.ts';
import type { AttachmentSignature, ImageSignature } from './signature.ts';
import { looksLikeSimple } from './simple/verify-simple.ts';

const sigstoreFormat = 'sigstore-json';
const simpleFormat = 'simple-signing';

/** Throws UnsupportedError for bundles, for which there is no such form. */
export function encodeSignatureBlob(signature: ImageSignature): Uint8Array {
  if (signature.kind === 'simple') return signature.message;
  if (signature.kind === 'bundle') {
    throw new UnsupportedError('a sigstore bundle cannot be kept in a folder', {
      code: 'BUNDLE_UNSUPPORTED',
      hint: 'Choose --signature-store attachment.',
    });
  }
  const document = encodeMembers([
    ['mimeType', encodeString(signature.mediaType)],
    ['payload', encodeString(Buffer.from(signature.payload).toString('base64'))],
    ['annotations', encodeStringMap(signature.annotations)],
  ]);
  return Buffer.from(`\0${sigstoreFormat}\n${document}`);
}

/** Throws IntegrityError BAD_SIGNATURE; `what` names the blob. */
export function decodeSignatureBlob(blob: Uint8Array, what: string): ImageSignature {
  if (looksLikeSimple(blob)) return { kind: 'simple', message: blob };
  if (blob[0] !== 0) throw bad(what, `it starts with 0x${(blob[0] ?? 0).toString(16).padStart(2, '0')}`);
  const end = blob.indexOf(0x0a);
  const format = end < 0 ? '' : Buffer.from(blob.subarray(1, end)).toString('latin1');
  const data = blob.subarray(end + 1);
  if (format === simpleFormat) return { kind: 'simple', message: data };
  if (format !== sigstoreFormat) throw bad(what, `its format "${format.slice(0, 40)}" is not known`);
  return attachment(parseJson(data, what), what);
}

function attachment(document: JsonValue, what: string): AttachmentSignature {
  if (!isJsonObject(document)) throw bad(what, 'it is no object');
  // earlier versions of sheaf wrote another name
  const { mediaType: earlier, mimeType: mediaType = earlier, payload, annotations } = document;
  if (typeof mediaType !== 'string' || typeof payload !== 'string') throw bad(what, 'it has no media type or payload');
  const texts: Record<string, string> = {};
  for (const [key, value] of isJsonObject(annotations) ? Object.entries(annotations) : []) {
    if (typeof value !== 'string') throw bad(what, 'an annotation is no text');
    Object.defineProperty(texts, key, { value, enumerable: true, writable: true, configurable: true });
  }
  return { kind: 'attachment', mediaType, payload: Buffer.from(payload, 'base64'), annotations: texts };
}

function bad(what: string, why: string): IntegrityError {
  return new IntegrityError(`${what} is no signature that can be read: ${why}`, {
    code: 'BAD_SIGNATURE',
    hint: 'Armored GPG signatures are not allowed; whatever else it may be, remove it or sign again.',
  });
}
