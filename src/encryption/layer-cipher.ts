/**
 * The cipher of encrypted layers: AES-256 in counter mode, and an HMAC-SHA256 of the encrypted bytes with the same key.
 *
 * Source: ocicrypt, "AES_256_CTR_HMAC_SHA256"; what it knows under "private options" is a {@link LayerSecret} here.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { IntegrityError } from '../foundation/errors.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import type { Digest } from '../oci/digest.ts';

const keyBytes = 32;
const nonceBytes = 16;

/** What opens one layer. Never to be written anywhere but wrapped for a recipient. */
export interface LayerSecret {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
}

/** A fresh one for each layer: with one key and nonce two layers would give each other away. */
export function newLayerSecret(): LayerSecret {
  return { key: randomBytes(keyBytes), nonce: randomBytes(nonceBytes) };
}

/** Encrypts `plain`; `finished` is told the HMAC, 32 bytes, after the last piece. */
export async function* encryptBytes(
  plain: AsyncIterable<Uint8Array>,
  { key, nonce }: LayerSecret,
  finished: (hmac: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  const cipher = createCipheriv('aes-256-ctr', key, nonce);
  const hmac = createHmac('sha256', key);
  for await (const chunk of plain) {
    const encrypted = cipher.update(chunk);
    countYoungBytes(encrypted.byteLength);
    hmac.update(encrypted);
    yield encrypted;
  }
  finished(hmac.digest());
}

/**
 * Decrypts `encrypted`, holding back the last piece until the HMAC is known to be right, so that nobody ever gets the whole of
 * what is wrong. `what` names the layer. Throws IntegrityError HMAC_MISMATCH.
 */
export async function* decryptBytes(
  encrypted: AsyncIterable<Uint8Array>,
  { key, nonce }: LayerSecret,
  expected: Uint8Array,
  what: string,
): AsyncGenerator<Uint8Array> {
  const cipher = createDecipheriv('aes-256-ctr', key, nonce);
  const hmac = createHmac('sha256', key);
  let held: Uint8Array | undefined;
  for await (const chunk of encrypted) {
    hmac.update(chunk);
    if (held !== undefined) yield held;
    held = cipher.update(chunk);
    countYoungBytes(held.byteLength);
  }
  const actual = hmac.digest();
  if (expected.byteLength !== actual.byteLength || !timingSafeEqual(expected, actual)) {
    throw new IntegrityError(`${what} is not what was encrypted: its HMAC is another`, {
      code: 'HMAC_MISMATCH',
      side: 'source',
      hint: 'The layer or its annotations were changed after it was encrypted; fetch the image from another place.',
    });
  }
  if (held !== undefined) yield held;
}

/** The JSON text that is wrapped for recipients; `digest` is that of the bytes before encryption. */
export function encodeSecret({ key, nonce }: LayerSecret, digest: Digest | ''): Uint8Array {
  const options = {
    symkey: base64(key),
    digest,
    cipheroptions: { nonce: base64(nonce) },
    previouslayersdigest: '',
  };
  return Buffer.from(JSON.stringify(options));
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** What a {@link LayerSecret} must be. */
export function isSecret(key: Uint8Array, nonce: Uint8Array): boolean {
  return key.byteLength === keyBytes && nonce.byteLength === nonceBytes;
}
