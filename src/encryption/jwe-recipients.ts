/**
 * The key of a JWE's content, encrypted for one recipient.
 *
 * Source: RFC 7518, sections 4.3 (RSA-OAEP), 4.6 (ECDH-ES with key wrapping; the derivation is that of NIST SP 800-56A, the
 * single step with SHA-256) and 6.2 (EC keys as JWK); RFC 3394 (AES key wrap).
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { BugError } from '../foundation/errors.ts';
import { isJsonObject } from '../oci/json.ts';
import type { JsonObject } from '../oci/json-value.ts';

/** Members that are written to the header of a recipient: the algorithm, and for EC the public half of a key made for this. */
export interface RecipientHeader {
  readonly alg: 'RSA-OAEP' | 'ECDH-ES+A256KW';
  readonly epk?: { readonly kty: string; readonly crv: string; readonly x: string; readonly y: string };
}

export interface WrappedContentKey {
  readonly header: RecipientHeader;
  readonly encryptedKey: Uint8Array;
}

/** OpenSSL's name of a curve -> that of JWK. */
const curves: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

const keyWraps: Readonly<Record<string, { readonly cipher: string; readonly bytes: number }>> = {
  'ECDH-ES+A128KW': { cipher: 'id-aes128-wrap', bytes: 16 },
  'ECDH-ES+A192KW': { cipher: 'id-aes192-wrap', bytes: 24 },
  'ECDH-ES+A256KW': { cipher: 'id-aes256-wrap', bytes: 32 },
};
/** RFC 3394 section 2.2.3.1. */
const keyWrapStart = Buffer.alloc(8, 0xa6);

/** Whether secrets can be wrapped for the key, by JWE. */
export function isJweKey(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'rsa' || (key.asymmetricKeyType === 'ec' && curveOf(key) in curves);
}

export function wrapContentKey(contentKey: Uint8Array, recipient: KeyObject): WrappedContentKey {
  if (recipient.asymmetricKeyType === 'rsa') {
    const encryptedKey = publicEncrypt(oaep(recipient, 'sha1'), contentKey);
    return { header: { alg: 'RSA-OAEP' }, encryptedKey };
  }
  const alg = 'ECDH-ES+A256KW';
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curveOf(recipient) });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  if (kty === undefined || crv === undefined || x === undefined || y === undefined) {
    throw new BugError('an EC key has no curve and point');
  }
  const wrapping = derivedKey(diffieHellman({ privateKey, publicKey: recipient }), alg, 32);
  const cipher = createCipheriv('id-aes256-wrap', wrapping, keyWrapStart);
  return {
    header: { alg, epk: { kty, crv, x, y } },
    encryptedKey: Buffer.concat([cipher.update(contentKey), cipher.final()]),
  };
}

/** `undefined` where the key is another's. */
export function unwrapContentKey(encrypted: Uint8Array, header: JsonObject, key: KeyObject): Uint8Array | undefined {
  const { alg } = header;
  if (typeof alg !== 'string') return undefined;
  try {
    if (key.asymmetricKeyType === 'rsa') {
      if (alg !== 'RSA-OAEP' && alg !== 'RSA-OAEP-256') return undefined;
      return privateDecrypt(oaep(key, alg === 'RSA-OAEP' ? 'sha1' : 'sha256'), encrypted);
    }
    const wrap = Object.hasOwn(keyWraps, alg) ? keyWraps[alg] : undefined;
    const publicKey = senderKey(header);
    if (wrap === undefined || publicKey === undefined || curveOf(publicKey) !== curveOf(key)) return undefined;
    const parties = { u: partyInfo(header['apu']), v: partyInfo(header['apv']) };
    const wrapping = derivedKey(diffieHellman({ privateKey: key, publicKey }), alg, wrap.bytes, parties);
    const cipher = createDecipheriv(wrap.cipher, wrapping, keyWrapStart);
    return Buffer.concat([cipher.update(encrypted), cipher.final()]);
  } catch {
    return undefined;
  }
}

/** RFC 7518 section 4.6.2. */
export function derivedKey(
  shared: Uint8Array,
  alg: string,
  bytes: number,
  { u, v }: { u: Uint8Array; v: Uint8Array } = { u: new Uint8Array(), v: new Uint8Array() },
): Uint8Array {
  // one round gives the 32 bytes that the longest of them takes
  const round = createHash('sha256').update(uint32(1)).update(shared);
  for (const part of [Buffer.from(alg), u, v]) round.update(uint32(part.byteLength)).update(part);
  return round
    .update(uint32(bytes * 8))
    .digest()
    .subarray(0, bytes);
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function partyInfo(value: JsonObject[string] | undefined): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'base64url') : new Uint8Array();
}

/** Throws what Node.js throws where the point is not on its curve. */
function senderKey({ epk }: JsonObject): KeyObject | undefined {
  if (!isJsonObject(epk)) return undefined;
  const { kty, crv, x, y } = epk;
  if (kty !== 'EC' || typeof crv !== 'string' || typeof x !== 'string' || typeof y !== 'string') return undefined;
  const jwk: JsonWebKey = { kty, crv, x, y };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

function curveOf(key: KeyObject): string {
  return key.asymmetricKeyDetails?.namedCurve ?? '';
}

function oaep(key: KeyObject, oaepHash: 'sha1' | 'sha256') {
  return { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
}
