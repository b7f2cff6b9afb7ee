/**
 * Secrets wrapped as JSON Web Encryption: for RSA keys with RSA-OAEP, for EC keys with ECDH-ES+A256KW, as ocicrypt does it.
 *
 * Source: RFC 7516 (JWE), sections 3 and 7; RFC 7518 (algorithms), sections 4.3, 4.6 and 5.3. Written is A256GCM in the JSON
 * serialization (flattened for one recipient); read are all three serializations with AES-GCM of any length.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { BugError } from '../foundation/errors.ts';
import { isJsonObject, type JsonValue, parseJson } from '../oci/json.ts';
import type { JsonObject } from '../oci/json-value.ts';
import { unwrapContentKey, wrapContentKey } from './jwe-recipients.ts';
import type { KeyUnwrapper, KeyWrapper } from './wrapped-secret.ts';

const tagBytes = 16;
const nonceBytes = 12;
const contentCiphers = { A128GCM: 'aes-128-gcm', A192GCM: 'aes-192-gcm', A256GCM: 'aes-256-gcm' } as const;
const contentKeyBytes = { A128GCM: 16, A192GCM: 24, A256GCM: 32 } as const;
/** More than anybody shares an image with; each costs a computation with a private key. */
const maxRecipients = 1000;

/** `recipients`: public keys, RSA or EC. */
export function jweWrapper(recipients: readonly KeyObject[]): KeyWrapper {
  return { kind: 'jwe', count: recipients.length, wrap: (secret) => encryptJwe(secret, recipients) };
}

/** `keys`: private keys. */
export function jweUnwrapper(keys: readonly KeyObject[]): KeyUnwrapper {
  return { kind: 'jwe', unwrap: (wrapped) => decryptJwe(wrapped, keys) };
}

function encryptJwe(payload: Uint8Array, recipients: readonly KeyObject[]): Uint8Array {
  const contentKey = randomBytes(contentKeyBytes.A256GCM);
  const wrapped = recipients.map((recipient) => wrapContentKey(contentKey, recipient));
  const [first] = wrapped;
  if (first === undefined) throw new BugError('there is nobody to encrypt for');
  const isOnly = wrapped.length === 1;
  const header = { ...(isOnly ? first.header : {}), enc: 'A256GCM' };
  const protectedHeader = url(Buffer.from(JSON.stringify(header)));
  const iv = randomBytes(nonceBytes);
  const cipher = createCipheriv(contentCiphers.A256GCM, contentKey, iv).setAAD(Buffer.from(protectedHeader));
  const ciphertext = Buffer.concat([cipher.update(payload), cipher.final()]);
  const content = { iv: url(iv), ciphertext: url(ciphertext), tag: url(cipher.getAuthTag()) };
  const keys = isOnly
    ? { encrypted_key: url(first.encryptedKey) }
    : { recipients: wrapped.map((one) => ({ header: one.header, encrypted_key: url(one.encryptedKey) })) };
  return Buffer.from(JSON.stringify({ protected: protectedHeader, ...keys, ...content }));
}

interface ParsedJwe {
  /** As it stands there: it is authenticated so. */
  readonly protected: string;
  readonly aad: string | undefined;
  readonly recipients: ReadonlyArray<{ readonly header: JsonObject; readonly encryptedKey: Uint8Array }>;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

function decryptJwe(wrapped: Uint8Array, keys: readonly KeyObject[]): Uint8Array | undefined {
  const jwe = parseJwe(wrapped);
  if (jwe === undefined || jwe.tag.byteLength !== tagBytes || jwe.iv.byteLength !== nonceBytes) return undefined;
  for (const { header, encryptedKey } of jwe.recipients) {
    const enc = contentEncryption(header);
    if (enc === undefined) continue;
    for (const key of keys) {
      const contentKey = unwrapContentKey(encryptedKey, header, key);
      if (contentKey?.byteLength !== contentKeyBytes[enc]) continue;
      const payload = openContent(jwe, enc, contentKey);
      if (payload !== undefined) return payload;
    }
  }
  return undefined;
}

/** `undefined` for what is not known, and where something must be understood that is not: `crit`, compression. */
function contentEncryption({ enc, crit, zip }: JsonObject): keyof typeof contentCiphers | undefined {
  if (crit !== undefined || zip !== undefined) return undefined;
  return enc === 'A128GCM' || enc === 'A192GCM' || enc === 'A256GCM' ? enc : undefined;
}

function openContent(jwe: ParsedJwe, enc: keyof typeof contentCiphers, key: Uint8Array): Uint8Array | undefined {
  const authenticated = jwe.aad === undefined ? jwe.protected : `${jwe.protected}.${jwe.aad}`;
  try {
    const cipher = createDecipheriv(contentCiphers[enc], key, jwe.iv, { authTagLength: tagBytes });
    cipher.setAAD(Buffer.from(authenticated)).setAuthTag(jwe.tag);
    return Buffer.concat([cipher.update(jwe.ciphertext), cipher.final()]);
  } catch {
    return undefined;
  }
}

function parseJwe(bytes: Uint8Array): ParsedJwe | undefined {
  const text = Buffer.from(bytes).toString('utf8').trim();
  const document = text.startsWith('{') ? jsonIn(Buffer.from(text)) : compact(text);
  if (document === undefined) return undefined;
  const { protected: protectedHeader = '', unprotected, aad } = document;
  const [iv, ciphertext, tag] = ['iv', 'ciphertext', 'tag'].map((name) => urlBytes(document[name]));
  if (typeof protectedHeader !== 'string' || iv === undefined || ciphertext === undefined || tag === undefined) {
    return undefined;
  }
  const shared = protectedHeader === '' ? {} : jsonIn(urlBytes(protectedHeader));
  if (shared === undefined || (aad !== undefined && typeof aad !== 'string')) return undefined;
  const listed = Array.isArray(document['recipients']) ? (document['recipients'] as readonly JsonValue[]) : [document];
  const recipients = listed.slice(0, maxRecipients).flatMap((recipient) => {
    if (!isJsonObject(recipient)) return [];
    const encryptedKey = urlBytes(recipient['encrypted_key']);
    if (encryptedKey === undefined) return [];
    const own = recipient['header'];
    const header = { ...objectOr(own), ...objectOr(unprotected), ...shared };
    return [{ header, encryptedKey }];
  });
  return { protected: protectedHeader, aad, recipients, iv, ciphertext, tag };
}

/** RFC 7516 section 7.1. */
function compact(text: string): JsonObject | undefined {
  const parts = text.split('.');
  const [header, key, iv, ciphertext, tag] = parts;
  if (parts.length !== 5 || header === undefined || key === undefined) return undefined;
  return { protected: header, encrypted_key: key, iv: iv ?? '', ciphertext: ciphertext ?? '', tag: tag ?? '' };
}

const objectOr = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {});

function jsonIn(bytes: Uint8Array | undefined): JsonObject | undefined {
  if (bytes === undefined) return undefined;
  try {
    const value = parseJson(bytes, 'JWE');
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function urlBytes(value: JsonValue | undefined): Uint8Array | undefined {
  return typeof value === 'string' && /^[\w-]*$/.test(value) ? Buffer.from(value, 'base64url') : undefined;
}

function url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}
