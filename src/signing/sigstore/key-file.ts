/**
 * Private keys as cosign and containers/image keep them: PKCS#8 in a NaCl secretbox under a passphrase, in JSON, in PEM.
 *
 * Source: github.com/secure-systems-lab/go-securesystemslib/encrypted; cosign and containers/image (PEM types, limits).
 */
import { createPrivateKey, type KeyObject, randomBytes, scrypt } from 'node:crypto';
import { AuthError, BugError, IntegrityError, UsageError } from '../../foundation/errors.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import { describeKey } from './keys.ts';
import { decodeBase64, encodePem, parseOnlyPem } from './pem.ts';

/** `cosign`: what containers/image writes and the oldest readers know; `sigstore`: what cosign writes today. */
export type KeyFileType = 'cosign' | 'sigstore';

const pemTypes: Readonly<Record<KeyFileType, string>> = {
  cosign: 'ENCRYPTED COSIGN PRIVATE KEY',
  sigstore: 'ENCRYPTED SIGSTORE PRIVATE KEY',
};

/** Everything else is refused: the parameters come with the file and decide how much memory and time reading it takes. */
const allowedN = [32_768, 65_536, 131_072];
const [blockSize, parallelism, writtenN] = [8, 1, 65_536];
/** What is read, in words. */
const privateKey = 'the private key';
const [keyLength, saltLength, nonceLength, tagLength] = [32, 32, 24, 16];

interface Sealed {
  readonly n: number;
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** Overwrites bytes that were secret. */
export function wipe(secret: Uint8Array | undefined): void {
  secret?.fill(0);
}

/**
 * Reads a key file of cosign or containers/image, or a PKCS#8, EC or RSA key in PEM, encrypted or not. The bytes given stay
 * the caller's, who is to {@link wipe} them; `what` names it in errors.
 *
 * @throws AuthError PASSPHRASE_WRONG, PASSPHRASE_MISSING; UsageError BAD_PEM, BAD_KEY_FILE; UnsupportedError UNSUPPORTED_KEY
 */
export async function readKeyFile(
  file: Uint8Array,
  passphrase: Uint8Array | undefined,
  what = privateKey,
): Promise<KeyObject> {
  const type = typeOf(file);
  const isSealed = Object.values(pemTypes).includes(type ?? '');
  const key = await openByLine(passphrase, (secret) =>
    isSealed ? openSealed(file, secret, what) : openPlain(file, type, secret, what),
  );
  describeKey(key);
  return key;
}

/**
 * A file with the line ends of Windows leaves a carriage return behind a passphrase. To skopeo and cosign it is a part of that, to us
 * and to whoever types it not: keys of both kinds are opened.
 */
async function openByLine(
  passphrase: Uint8Array | undefined,
  open: (passphrase: Uint8Array | undefined) => KeyObject | Promise<KeyObject>,
): Promise<KeyObject> {
  if (passphrase?.at(-1) !== 0x0d) return await open(passphrase);
  try {
    return await open(passphrase.subarray(0, -1));
  } catch (thrown) {
    if (!(thrown instanceof AuthError)) throw thrown;
    return await open(passphrase);
  }
}

/**
 * The type of the first PEM block, found without making a text of what may be a secret. Parameters of a curve are passed over, which
 * `openssl ecparam -genkey` writes before the key that names them again.
 */
function typeOf(file: Uint8Array): string | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const [begin, end] = ['-----BEGIN ', '-----'];
  for (let from = 0; ; ) {
    const start = bytes.indexOf(begin, from);
    const stop = start < 0 ? -1 : bytes.indexOf(end, start + begin.length);
    if (stop < 0) return undefined;
    const type = bytes.toString('latin1', start + begin.length, stop).slice(0, 60);
    if (type !== 'EC PARAMETERS') return type;
    from = stop;
  }
}

async function openSealed(file: Uint8Array, passphrase: Uint8Array | undefined, what: string): Promise<KeyObject> {
  if (passphrase === undefined) throw passphraseMissing(what);
  const plaintext = await unseal(parseOnlyPem(file, what).bytes, passphrase, what);
  try {
    return createPrivateKey({
      key: Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength),
      format: 'der',
      type: 'pkcs8',
    });
  } catch (cause) {
    throw new UsageError(`cannot read ${what}: what is encrypted in it is no PKCS#8 key`, {
      code: 'BAD_KEY_FILE',
      cause,
    });
  } finally {
    wipe(plaintext);
  }
}

const plainTypes = ['PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'EC PRIVATE KEY', 'RSA PRIVATE KEY'];

function openPlain(
  file: Uint8Array,
  type: string | undefined,
  passphrase: Uint8Array | undefined,
  what: string,
): KeyObject {
  if (type === undefined) throw badKeyFile(what, 'invalid pem block');
  if (!plainTypes.includes(type)) throw badKeyFile(what, `unsupported pem type: ${type}`);
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const encrypted = type.startsWith('ENCRYPTED') || bytes.includes('Proc-Type: 4,ENCRYPTED');
  if (encrypted && passphrase === undefined) throw passphraseMissing(what);
  try {
    const secret = encrypted ? Buffer.from(passphrase ?? []) : undefined;
    try {
      return createPrivateKey({ key: bytes, format: 'pem', ...(secret === undefined ? {} : { passphrase: secret }) });
    } finally {
      wipe(secret);
    }
  } catch (cause) {
    if (encrypted) throw wrongPassphrase(what, cause);
    throw badKeyFile(what, 'invalid pem block', cause);
  }
}

/**
 * What is in a sealed document of go-securesystemslib.
 * @throws AuthError PASSPHRASE_WRONG; UsageError BAD_KEY_FILE
 */
export async function unseal(document: Uint8Array, passphrase: Uint8Array, what = privateKey): Promise<Uint8Array> {
  const { n, salt, nonce, ciphertext } = parseSealed(document, what);
  const key = await deriveKey(passphrase, salt, n);
  try {
    const { xsalsa20poly1305 } = await import('@noble/ciphers/salsa.js');
    return xsalsa20poly1305(key, nonce).decrypt(ciphertext);
  } catch (cause) {
    throw wrongPassphrase(what, cause);
  } finally {
    wipe(key);
  }
}

/** The inverse of {@link unseal}, with fresh salt and nonce. */
export async function seal(plaintext: Uint8Array, passphrase: Uint8Array): Promise<Uint8Array> {
  const [salt, nonce] = [randomBytes(saltLength), randomBytes(nonceLength)];
  const key = await deriveKey(passphrase, salt, writtenN);
  try {
    const { xsalsa20poly1305 } = await import('@noble/ciphers/salsa.js');
    const ciphertext = xsalsa20poly1305(key, nonce).encrypt(plaintext);
    const document = {
      kdf: {
        name: 'scrypt',
        params: { N: writtenN, r: blockSize, p: parallelism },
        salt: salt.toString('base64'),
      },
      cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
      ciphertext: Buffer.from(ciphertext).toString('base64'),
    };
    return new TextEncoder().encode(JSON.stringify(document));
  } finally {
    wipe(key);
  }
}

/** A key file in PEM under `passphrase`, which may be empty; bytes given stay the caller's. */
export async function encodeKeyFile(key: KeyObject, passphrase: Uint8Array, type: KeyFileType): Promise<Uint8Array> {
  const plaintext = key.export({ type: 'pkcs8', format: 'der' });
  try {
    return new TextEncoder().encode(encodePem(pemTypes[type], await seal(plaintext, passphrase)));
  } finally {
    wipe(plaintext);
  }
}

function deriveKey(passphrase: Uint8Array, salt: Uint8Array, n: number): Promise<Uint8Array> {
  const options = { N: n, r: blockSize, p: parallelism, maxmem: 256 * n * blockSize };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, keyLength, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(new BugError('scrypt failed', { cause: error }));
    });
  });
}

function parseSealed(document: Uint8Array, what: string): Sealed {
  const json = jsonOf(document, what);
  const kdf = member(json, 'kdf');
  if (member(kdf, 'name') !== 'scrypt') throw badKeyFile(what, 'unknown key derivation');
  const params = member(kdf, 'params');
  const n = member(params, 'N');
  const allowed = typeof n === 'number' && allowedN.includes(n);
  if (!allowed || member(params, 'r') !== blockSize || member(params, 'p') !== parallelism) {
    throw badKeyFile(what, 'unsupported scrypt parameters');
  }
  const cipher = member(json, 'cipher');
  if (member(cipher, 'name') !== 'nacl/secretbox') throw badKeyFile(what, 'unknown cipher');
  const salt = bytesOf(member(kdf, 'salt'), 'salt', what);
  const nonce = bytesOf(member(cipher, 'nonce'), 'nonce', what);
  const ciphertext = bytesOf(member(json, 'ciphertext'), 'ciphertext', what);
  if (salt.byteLength !== saltLength)
    throw badKeyFile(what, `the salt has ${salt.byteLength} bytes instead of ${saltLength}`);
  if (nonce.byteLength !== nonceLength) throw badKeyFile(what, 'invalid nonce length');
  if (ciphertext.byteLength < tagLength) throw badKeyFile(what, 'the ciphertext is too short');
  return { n, salt, nonce, ciphertext };
}

function jsonOf(document: Uint8Array, what: string): JsonValue {
  try {
    return parseJson(document, what);
  } catch (cause) {
    if (!(cause instanceof IntegrityError)) throw cause;
    throw badKeyFile(what, cause.message, cause);
  }
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function bytesOf(value: JsonValue | undefined, name: string, what: string): Uint8Array {
  const bytes = typeof value === 'string' ? decodeBase64(value) : undefined;
  if (bytes === undefined) throw badKeyFile(what, `the ${name} is not base64`);
  return bytes;
}

function badKeyFile(what: string, why: string, cause?: unknown): UsageError {
  return new UsageError(`cannot read ${what}: ${why}`, {
    code: 'BAD_KEY_FILE',
    hint: 'Give a key that sheaf, cosign or skopeo made, or one in PKCS#8, EC or RSA form.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function passphraseMissing(what: string): AuthError {
  return new AuthError(`cannot read ${what}: private key passphrase not provided`, {
    code: 'PASSPHRASE_MISSING',
    hint: 'Give the file that holds it with --sign-passphrase-file, set SHEAF_SIGN_PASSPHRASE, or name it as privateKeyPassphraseFile in the parameter file.',
  });
}

function wrongPassphrase(what: string, cause: unknown): AuthError {
  return new AuthError(`cannot read ${what}: encrypted: decryption failed`, {
    code: 'PASSPHRASE_WRONG',
    hint: 'The passphrase is wrong, or the file is damaged.',
    cause,
  });
}
