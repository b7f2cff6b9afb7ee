/**
 * Keys and certificates in files: PEM, DER or JWK, whichever it is.
 *
 * Source: RFC 7468 (PEM), RFC 5280 (certificates and public keys), RFC 5958 and RFC 8017 and RFC 5915 (private keys), RFC 7517
 * (JWK); OpenSSL's encrypted PEM.
 */
import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject, X509Certificate } from 'node:crypto';
import { AuthError, UnsupportedError, UsageError } from '../foundation/errors.ts';
import { parseJson } from '../oci/json.ts';
import { isJweKey } from './jwe-recipients.ts';

/** Throws UsageError BAD_PUBLIC_KEY, UnsupportedError KEY_TYPE_NOT_SUPPORTED; `what` names the file. */
export function parsePublicKey(bytes: Uint8Array, what: string): KeyObject {
  // a private key would do for the library, but nobody should hand one over for this
  const isOther = /-----BEGIN (?!(?:RSA )?PUBLIC KEY-----)/.test(textOf(bytes)) || isCertificate(bytes);
  const key = isOther ? undefined : publicKeyIn(bytes);
  if (key === undefined) {
    throw new UsageError(`${what} is not a public key`, {
      code: 'BAD_PUBLIC_KEY',
      hint: 'Give a public RSA or EC key in PEM, DER or JWK: openssl pkey -in private.pem -pubout.',
    });
  }
  return supported(key, what);
}

function publicKeyIn(bytes: Uint8Array): KeyObject | undefined {
  const jwk = jwkIn(bytes);
  if (jwk !== undefined)
    return jwk.d === undefined ? attempt(() => createPublicKey({ key: jwk, format: 'jwk' })) : undefined;
  const key = Buffer.from(bytes);
  return (
    attempt(() => createPublicKey({ key, format: 'pem' })) ??
    attempt(() => createPublicKey({ key, format: 'der', type: 'spki' }))
  );
}

/**
 * `passphrase` is for keys that are encrypted. `undefined` where it is no private key at all. Throws AuthError
 * PASSPHRASE_MISSING, PASSPHRASE_WRONG; UnsupportedError KEY_TYPE_NOT_SUPPORTED; `what` names the file.
 */
export function parsePrivateKey(
  bytes: Uint8Array,
  passphrase: string | undefined,
  what: string,
): KeyObject | undefined {
  const isEncrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4,ENCRYPTED/m.test(textOf(bytes));
  if (isEncrypted && passphrase === undefined) {
    throw new AuthError(`${what} is locked with a passphrase`, {
      code: 'PASSPHRASE_MISSING',
      hint: 'Name the file that holds it: --decryption-key KEY:file=PATH.',
    });
  }
  const key = privateKeyIn(bytes, isEncrypted ? passphrase : undefined);
  if (key === undefined && isEncrypted) {
    throw new AuthError(`the passphrase does not open ${what}`, {
      code: 'PASSPHRASE_WRONG',
      hint: 'Check it: --decryption-key KEY:file=PATH takes the whole file but for one line end.',
    });
  }
  return key === undefined ? undefined : supported(key, what);
}

function privateKeyIn(bytes: Uint8Array, passphrase: string | undefined): KeyObject | undefined {
  const jwk = jwkIn(bytes);
  if (jwk !== undefined) return attempt(() => createPrivateKey({ key: jwk, format: 'jwk' }));
  const key = Buffer.from(bytes);
  const pem = attempt(() =>
    createPrivateKey({ key, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) }),
  );
  if (pem !== undefined) return pem;
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    const found = attempt(() => createPrivateKey({ key, format: 'der', type }));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Throws UsageError BAD_CERTIFICATE, UnsupportedError KEY_TYPE_NOT_SUPPORTED; `what` names the file. */
export function parseCertificate(bytes: Uint8Array, what: string): X509Certificate {
  const certificate = attempt(() => new X509Certificate(bytes));
  if (certificate === undefined) {
    throw new UsageError(`${what} is not a certificate`, {
      code: 'BAD_CERTIFICATE',
      hint: 'Give an X.509 certificate in PEM or DER.',
    });
  }
  if (certificate.publicKey.asymmetricKeyType === 'rsa') return certificate;
  throw new UnsupportedError(`${what} is a certificate of a key that is not RSA, for which pkcs7 cannot encrypt`, {
    code: 'KEY_TYPE_NOT_SUPPORTED',
    hint: 'Encrypt for its public key with jwe:, which takes EC keys, too.',
  });
}

export function isCertificate(bytes: Uint8Array): boolean {
  return attempt(() => new X509Certificate(bytes)) !== undefined;
}

function supported(key: KeyObject, what: string): KeyObject {
  if (isJweKey(key)) return key;
  throw new UnsupportedError(`${what} is a key of the type ${key.asymmetricKeyType ?? 'unknown'}`, {
    code: 'KEY_TYPE_NOT_SUPPORTED',
    hint: 'Layers can be encrypted for RSA keys, and for EC keys on P-256, P-384 and P-521.',
  });
}

function jwkIn(bytes: Uint8Array): JsonWebKey | undefined {
  if (!textOf(bytes).trimStart().startsWith('{')) return undefined;
  return attempt(() => parseJson(bytes, 'JWK') as JsonWebKey);
}

/** What goes wrong here must not be told: messages of parsers quote what they read, and that may be a key. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
