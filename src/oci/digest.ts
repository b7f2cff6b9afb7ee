/**
 * Digests: the names of content.
 *
 * Source: OCI Image Specification v1.1, descriptor.md, "Digests"; the two registered algorithms sha256 and sha512.
 */
import { createHash } from 'node:crypto';
import { UsageError } from '../foundation/errors.ts';
import { smallSha256 } from './small-sha256.ts';

export type Digest = `sha256:${string}` | `sha512:${string}`;
export type DigestAlgorithm = 'sha256' | 'sha512';

const sha256Form = /^sha256:[0-9a-f]{64}$/;
const sha512Form = /^sha512:[0-9a-f]{128}$/;

/** What a digest looks like, for messages. */
export const digestForm = 'a digest: sha256: with 64 or sha512: with 128 lower-case hexadecimal digits';

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && (sha256Form.test(text) || sha512Form.test(text));
}

/** Throws UsageError INVALID_DIGEST; `what` names the thing in the message ("instance"). */
export function parseDigest(text: string, what = 'digest'): Digest {
  if (isDigest(text)) return text;
  throw new UsageError(`invalid ${what} "${shorten(text)}": ${problemWith(text)}`, {
    code: 'INVALID_DIGEST',
    hint: `Give ${digestForm}.`,
  });
}

function problemWith(text: string): string {
  const colon = text.indexOf(':');
  if (colon < 0) return 'it has no algorithm in front (sha256:...)';
  const algorithm = text.slice(0, colon);
  const hex = text.slice(colon + 1);
  if (algorithm !== 'sha256' && algorithm !== 'sha512')
    return `the algorithm "${shorten(algorithm)}" is neither sha256 nor sha512`;
  if (/^[0-9a-fA-F]*$/.test(hex) && hex !== hex.toLowerCase()) return 'the hexadecimal digits must be lower-case';
  if (!/^[0-9a-f]*$/.test(hex)) return 'it has characters that are no hexadecimal digits';
  return `it has ${hex.length} hexadecimal digits instead of ${algorithm === 'sha256' ? 64 : 128}`;
}

function shorten(text: string): string {
  return text.length <= 140 ? text : `${text.slice(0, 137)}...`;
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The hexadecimal part. */
export function encodedOf(digest: Digest): string {
  return digest.slice(7);
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  if (algorithm === 'sha256' && bytes.byteLength <= bytesLeft) {
    bytesLeft -= bytes.byteLength;
    return `sha256:${smallSha256(bytes)}`;
  }
  bytesLeft = -1;
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** Bytes for which it is not worth it to load node:crypto; none once it is loaded. */
let bytesLeft = 8192;

/** Computes a digest piece by piece; `digest` may be called once. */
export interface Digester {
  update(chunk: Uint8Array): void;
  digest(): Digest;
}

export function createDigester(algorithm: DigestAlgorithm = 'sha256'): Digester {
  const hash = createHash(algorithm);
  bytesLeft = -1;
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => `${algorithm}:${hash.digest('hex')}`,
  };
}
