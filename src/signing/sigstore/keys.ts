/**
 * Keys of the sigstore family and what is signed with them.
 *
 * Source: containers/image (SHA-256 over every curve, pure Ed25519); sigstore's algorithm registry (the hash follows the
 * curve), which cosign 2.6 and later sign by.
 */
import {
  createHash,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
  X509Certificate,
} from 'node:crypto';
import { promisify } from 'node:util';
import { asError, UnsupportedError, UsageError } from '../../foundation/errors.ts';
import { encodePem, type PemBlock, parseFirstPem, parsePem } from './pem.ts';

export const keyAlgorithms = ['p256', 'p384', 'p521', 'ed25519', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
export type KeyAlgorithm = (typeof keyAlgorithms)[number];

type HashName = 'sha256' | 'sha384' | 'sha512';

const curves: Readonly<Record<string, { algorithm: KeyAlgorithm; hash: HashName }>> = {
  prime256v1: { algorithm: 'p256', hash: 'sha256' },
  secp384r1: { algorithm: 'p384', hash: 'sha384' },
  secp521r1: { algorithm: 'p521', hash: 'sha512' },
};
const curveNames: Readonly<Partial<Record<KeyAlgorithm, string>>> = { p256: 'P-256', p384: 'P-384', p521: 'P-521' };
const rsaBits = { least: 2048, most: 8192 } as const;

const generate = promisify(generateKeyPair);

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export async function generateKeys(algorithm: KeyAlgorithm): Promise<KeyPair> {
  const namedCurve = curveNames[algorithm];
  if (namedCurve !== undefined) return await generate('ec', { namedCurve });
  if (algorithm === 'ed25519') return await generate('ed25519', {});
  return await generate('rsa', { modulusLength: Number(algorithm.slice(4)) });
}

/** What kind of key it is, in words: `ECDSA P-256`. Throws UnsupportedError UNSUPPORTED_KEY. */
export function describeKey(key: KeyObject): string {
  if (key.asymmetricKeyType === 'ed25519') return 'Ed25519';
  if (key.asymmetricKeyType === 'rsa') {
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (bits >= rsaBits.least && bits <= rsaBits.most) return `RSA ${bits}`;
    throw unsupported(`an RSA key of ${bits} bits`);
  }
  const { algorithm } = curveOf(key);
  return `ECDSA ${curveNames[algorithm] ?? algorithm}`;
}

function curveOf(key: KeyObject): { algorithm: KeyAlgorithm; hash: HashName } {
  const name = key.asymmetricKeyDetails?.namedCurve;
  const curve = key.asymmetricKeyType === 'ec' && name !== undefined ? curves[name] : undefined;
  if (curve === undefined) throw unsupported(`a key of type ${name ?? key.asymmetricKeyType ?? key.type}`);
  return curve;
}

function unsupported(what: string): UnsupportedError {
  return new UnsupportedError(`cannot sign or verify with ${what}`, {
    code: 'UNSUPPORTED_KEY',
    hint: 'Take ECDSA P-256, which every reader knows; P-384, P-521, Ed25519 and RSA from 2048 bits work with some.',
  });
}

/**
 * ECDSA in DER or RSA PKCS#1 v1.5, over SHA-256 whatever the curve: what containers/image takes alone, and cosign unless told
 * otherwise; or pure Ed25519. Throws UnsupportedError UNSUPPORTED_KEY.
 */
export function signBytes(key: KeyObject, bytes: Uint8Array): Uint8Array {
  describeKey(key);
  if (key.asymmetricKeyType === 'ed25519') return signWith(null, bytes, key);
  return signWith('sha256', bytes, { key, dsaEncoding: 'der' });
}

/**
 * Whether `signature` is one of `key` over `bytes`: over SHA-256, or over the hash that the curve asks for, both of which stand in
 * attachments and bundles. Throws UnsupportedError UNSUPPORTED_KEY.
 */
export function verifyBytes(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  describeKey(key);
  if (key.asymmetricKeyType === 'ed25519') return verifyWith(null, bytes, key, signature);
  if (key.asymmetricKeyType === 'rsa') return verifyWith('sha256', bytes, key, signature);
  const hashes = new Set<HashName>(['sha256', curveOf(key).hash]);
  return [...hashes].some((hash) => verifyWith(hash, bytes, { key, dsaEncoding: 'der' }, signature));
}

/** SPKI in DER. */
export function spkiOf(key: KeyObject): Uint8Array {
  return (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' });
}

export function encodePublicKey(key: KeyObject): string {
  return encodePem('PUBLIC KEY', spkiOf(key));
}

/** SHA-256 of the SPKI: the key hint of bundles, the ID of logs. */
export function keyId(key: KeyObject): Uint8Array {
  return createHash('sha256').update(spkiOf(key)).digest();
}

/** In words, for verdicts. */
export function nameOfKey(key: KeyObject): string {
  return `key sha256:${Buffer.from(keyId(key)).toString('hex')}`;
}

/**
 * The public keys of a PEM text; of a certificate the key in it, whatever else the certificate says.
 * @throws UsageError BAD_PEM, BAD_PUBLIC_KEY; UnsupportedError UNSUPPORTED_KEY
 */
export function parsePublicKeys(pem: Uint8Array, what = 'the public key'): KeyObject[] {
  return parsePem(pem, what, { headers: true }).map((block) => publicKeyOf(block, what));
}

/**
 * The public key of a PEM text as containers/image takes it for policies: the first block, which is no certificate. What stands
 * behind it is nobody's key.
 *
 * @throws as {@link parsePublicKeys}
 */
export function parsePublicKey(pem: Uint8Array, what = 'the public key'): KeyObject {
  const block = parseFirstPem(pem, what);
  if (block.type === 'CERTIFICATE') throw unknownType(block, what);
  return publicKeyOf(block, what);
}

/** The key of a log that a policy trusts; containers/image takes ECDSA alone. Throws as {@link parsePublicKey}. */
export function parseLogKey(pem: Uint8Array): KeyObject {
  const key = parsePublicKey(pem, 'the public key of the log');
  if (key.asymmetricKeyType === 'ec') return key;
  throw new UsageError('cannot read the public key of the log: it is not using ECDSA', { code: 'BAD_PUBLIC_KEY' });
}

function publicKeyOf(block: PemBlock, what: string): KeyObject {
  const key = decodePublicKey(block, what);
  describeKey(key);
  return key;
}

function decodePublicKey(block: PemBlock, what: string): KeyObject {
  const { type } = block;
  const der = Buffer.from(block.bytes);
  try {
    if (type === 'PUBLIC KEY') return createPublicKey({ key: der, format: 'der', type: 'spki' });
    if (type === 'RSA PUBLIC KEY') return createPublicKey({ key: der, format: 'der', type: 'pkcs1' });
    if (type === 'CERTIFICATE') return new X509Certificate(der).publicKey;
  } catch (cause) {
    throw new UsageError(`cannot read ${what}: ${asError(cause).message}`, { code: 'BAD_PUBLIC_KEY', cause });
  }
  throw unknownType(block, what);
}

function unknownType({ type }: PemBlock, what: string): UsageError {
  return new UsageError(`cannot read ${what}: unknown Public key PEM file type: ${type.slice(0, 60)}`, {
    code: 'BAD_PUBLIC_KEY',
    hint: 'Are you passing the correct public key? The file that is wanted begins with "-----BEGIN PUBLIC KEY-----".',
  });
}
