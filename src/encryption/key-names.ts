/**
 * Keys as they are named on the command line of skopeo: `jwe:FILE`, `pkcs7:FILE` and `pgp:NAME` to encrypt for, and
 * `FILE[:PASSPHRASE]` to decrypt with.
 */
import { readSync } from 'node:fs';
import { UnsupportedError, UsageError } from '../foundation/errors.ts';
import { looksLikeKeyring } from '../signing/simple/keyring.ts';
import { jweUnwrapper, jweWrapper } from './jwe.ts';
import { isCertificate, parseCertificate, parsePrivateKey, parsePublicKey } from './key-material.ts';
import type { PgpOptions } from './pgp.ts';
import { pkcs7Unwrapper, pkcs7Wrapper } from './pkcs7.ts';
import type { KeyUnwrapper, KeyWrapper } from './wrapped-secret.ts';

export interface KeyNameOptions extends PgpOptions {
  /** Reads a file that somebody named; `what` says what it is for. */
  readFile(path: string, what: string): Promise<Uint8Array>;
}

const recipientHint =
  'Name recipients as jwe:FILE (a public key), pkcs7:FILE (a certificate) or pgp:NAME (a key that gpg has).';

/**
 * Whom layers are encrypted for.
 *
 * @throws UsageError BAD_RECIPIENT, BAD_PUBLIC_KEY, BAD_CERTIFICATE, KEY_CANNOT_ENCRYPT; UnsupportedError
 * RECIPIENT_NOT_SUPPORTED, KEY_TYPE_NOT_SUPPORTED; NotFoundError KEY_NOT_FOUND, GPG_NOT_FOUND; what `readFile` throws
 */
export async function readRecipients(
  names: readonly string[],
  options: KeyNameOptions,
): Promise<readonly KeyWrapper[]> {
  const parsed = names.map(parseRecipient);
  const valuesOf = (kind: string): string[] => parsed.flatMap((one) => (one.kind === kind ? [one.value] : []));
  const [publicKeys, certificates, people] = [valuesOf('jwe'), valuesOf('pkcs7'), valuesOf('pgp')];
  const wrappers: KeyWrapper[] = [];
  if (publicKeys.length > 0) {
    const read = async (path: string) => parsePublicKey(await options.readFile(path, 'the public key'), path);
    wrappers.push(jweWrapper(await Promise.all(publicKeys.map(read))));
  }
  if (certificates.length > 0) {
    const read = async (path: string) => parseCertificate(await options.readFile(path, 'the certificate'), path);
    wrappers.push(pkcs7Wrapper(await Promise.all(certificates.map(read))));
  }
  if (people.length > 0) {
    const { pgpWrapper } = await import('./pgp.ts');
    wrappers.push(await pgpWrapper(people, options));
  }
  return wrappers;
}

function parseRecipient(name: string): { kind: 'jwe' | 'pkcs7' | 'pgp'; value: string } {
  const colon = name.indexOf(':');
  const [kind, value] = [name.slice(0, Math.max(colon, 0)), name.slice(colon + 1)];
  if (kind === 'provider' || kind === 'pkcs11') {
    throw new UnsupportedError(`layers cannot be encrypted by ${kind}: keys`, {
      code: 'RECIPIENT_NOT_SUPPORTED',
      hint: recipientHint,
    });
  }
  if ((kind === 'jwe' || kind === 'pkcs7' || kind === 'pgp') && value !== '') return { kind, value };
  throw new UsageError(`${JSON.stringify(name)} does not say whom to encrypt for`, {
    code: 'BAD_RECIPIENT',
    hint: recipientHint,
  });
}

/**
 * What layers are decrypted with: private keys open jwe and pkcs7, exported secret GPG keys open pgp. Certificates, which
 * skopeo needs for pkcs7, are taken and not needed.
 *
 * @throws UsageError BAD_DECRYPTION_KEY, BAD_KEYRING; UnsupportedError DECRYPTION_KEY_NOT_SUPPORTED, KEY_TYPE_NOT_SUPPORTED;
 * AuthError PASSPHRASE_MISSING, PASSPHRASE_WRONG; what `readFile` throws
 */
export async function readDecryptionKeys(
  names: readonly string[],
  options: KeyNameOptions,
): Promise<readonly KeyUnwrapper[]> {
  const unwrappers = await Promise.all(names.map((name) => readDecryptionKey(name, options)));
  return unwrappers.flat();
}

async function readDecryptionKey(name: string, { readFile }: KeyNameOptions): Promise<readonly KeyUnwrapper[]> {
  const colon = name.indexOf(':');
  const path = colon < 0 ? name : name.slice(0, colon);
  if (path === 'provider' || path === 'pkcs11') {
    throw new UnsupportedError(`layers cannot be decrypted by ${path}: keys`, {
      code: 'DECRYPTION_KEY_NOT_SUPPORTED',
      hint: 'Name the file of a private key, or of an exported secret GPG key.',
    });
  }
  if (path === '') throw badKey('a decryption key without a file');
  const passphrase = colon < 0 ? undefined : await passphraseOf(name.slice(colon + 1), readFile);
  const bytes = await readFile(path, 'the decryption key');
  try {
    return await openKey(bytes, passphrase, path);
  } finally {
    bytes.fill(0);
  }
}

async function openKey(
  bytes: Uint8Array,
  passphrase: string | undefined,
  path: string,
): Promise<readonly KeyUnwrapper[]> {
  const key = parsePrivateKey(bytes, passphrase, path);
  if (key !== undefined) return [jweUnwrapper([key]), pkcs7Unwrapper([key])];
  if (isCertificate(bytes)) return [];
  if (!looksLikeKeyring(bytes)) throw badKey(`${path} is neither a private key nor a certificate`);
  const { pgpUnwrapper } = await import('./pgp.ts');
  // the library goes on reading from what it was given
  return [await pgpUnwrapper(Uint8Array.from(bytes), passphrase, path)];
}

/** Of a passphrase on the command line nothing may be told. */
async function passphraseOf(text: string, readFile: KeyNameOptions['readFile']): Promise<string> {
  if (text.startsWith('pass=')) return text.slice('pass='.length);
  if (text.startsWith('file='))
    return withoutLineEnd(await readFile(text.slice('file='.length), 'the passphrase file'));
  if (text.startsWith('fd=')) return withoutLineEnd(readDescriptor(text.slice('fd='.length)));
  return text;
}

/** Passphrases are shorter. */
const maxPassphraseBytes = 4096;

function readDescriptor(text: string): Uint8Array {
  const descriptor = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  const bytes = Buffer.alloc(maxPassphraseBytes);
  let size = 0;
  try {
    for (let more = 1; more > 0 && size < bytes.byteLength; size += more) {
      more = readSync(descriptor, bytes, size, bytes.byteLength - size, null);
    }
  } catch {
    throw new UsageError(
      `no passphrase can be read from the file descriptor ${descriptor < 0 ? 'named' : descriptor}`,
      {
        code: 'BAD_PASSPHRASE',
        hint: 'Give the number of a descriptor that is open for reading: --decryption-key KEY:fd=3 3<FILE.',
      },
    );
  }
  return bytes.subarray(0, size);
}

function withoutLineEnd(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

function badKey(message: string): UsageError {
  return new UsageError(message, {
    code: 'BAD_DECRYPTION_KEY',
    hint: 'Name a file with a private RSA or EC key in PEM, DER or JWK, or what gpg --export-secret-keys writes.',
  });
}
