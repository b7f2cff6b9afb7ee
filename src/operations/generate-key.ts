/** Makes a pair of keys for signing and writes it to two files. */
import { access, constants, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { moveToAbsent, putWhole } from '../foundation/atomic-file.ts';
import { ConflictError, StorageError, systemCode, UsageError } from '../foundation/errors.ts';
import { writeError } from '../foundation/file-errors.ts';
import { syncFolder } from '../foundation/sync-folder.ts';
import { removeAbandoned } from '../foundation/temporary-names.ts';
import type { KeyAlgorithm } from '../signing/sigstore/keys.ts';
import type { GpgAlgorithm } from '../signing/simple/generate-key.ts';

export type KindOfKey =
  | { readonly type: 'sigstore'; readonly algorithm: KeyAlgorithm }
  | { readonly type: 'gpg'; readonly algorithm: GpgAlgorithm; readonly name?: string; readonly email: string };

export type GenerateKeyRequest = KindOfKey & {
  /** Files are this with `.key` and `.pub` behind it. */
  readonly prefix: string;
  /** In UTF-8, may be empty; it stays the caller's, who is to wipe it. */
  readonly passphrase: Uint8Array;
};

export interface KeyFiles {
  readonly privateKeyFile: string;
  readonly publicKeyFile: string;
}

export interface GeneratedKey extends KeyFiles {
  /** `sha256:` and the hash of a sigstore key; the fingerprint of a GPG key. */
  readonly fingerprint: string;
}

/**
 * The files that {@link generateKey} would write. Asks for nothing and writes nothing.
 *
 * @throws ConflictError KEY_EXISTS: nothing is ever overwritten; StorageError where no file can be; UsageError BAD_KEY_PREFIX,
 * INVALID_EMAIL
 */
export async function planKey(request: KindOfKey & { readonly prefix: string }): Promise<KeyFiles> {
  const { prefix } = request;
  if (request.type === 'gpg') checkEmail(request.email);
  if (prefix.endsWith('/') || ['', '.', '..'].includes(basename(prefix))) {
    throw new UsageError(`"${prefix}" names no files: .key and .pub are put behind it`, {
      code: 'BAD_KEY_PREFIX',
      hint: 'Give a name with --output-key-prefix, such as keys/release.',
    });
  }
  const [privateKeyFile, publicKeyFile] = [`${prefix}.key`, `${prefix}.pub`];
  for (const path of [privateKeyFile, publicKeyFile]) await requireAbsent(path);
  await requireFolder(dirname(privateKeyFile), privateKeyFile);
  return { privateKeyFile, publicKeyFile };
}

/** Throws what {@link planKey} throws; UsageError BAD_KEY_ALGORITHM; StorageError. */
export async function generateKey(request: GenerateKeyRequest): Promise<GeneratedKey> {
  const { privateKeyFile, publicKeyFile } = await planKey(request);
  const { privateKey, publicKey, fingerprint } = await made(request);
  try {
    await writeNew(privateKeyFile, privateKey, 0o600);
  } finally {
    privateKey.fill(0);
  }
  try {
    await writeNew(publicKeyFile, publicKey, 0o644);
  } catch (thrown) {
    await rm(privateKeyFile, { force: true });
    throw thrown;
  }
  return { privateKeyFile, publicKeyFile, fingerprint };
}

interface Made {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly fingerprint: string;
}

async function made(request: GenerateKeyRequest): Promise<Made> {
  if (request.type === 'gpg') {
    const { algorithm, name, email } = request;
    const { generateGpgKey, gpgAlgorithms } = await import('../signing/simple/generate-key.ts');
    requireAlgorithm(gpgAlgorithms, request);
    const passphrase = Buffer.from(request.passphrase).toString('utf8');
    const key = await generateGpgKey({ algorithm, email, passphrase, ...(name === undefined ? {} : { name }) });
    return { ...key, privateKey: Buffer.from(key.privateKey), publicKey: Buffer.from(key.publicKey) };
  }
  const [{ encodeKeyFile }, { encodePublicKey, generateKeys, keyAlgorithms, keyId }] = await Promise.all([
    import('../signing/sigstore/key-file.ts'),
    import('../signing/sigstore/keys.ts'),
  ]);
  requireAlgorithm(keyAlgorithms, request);
  const keys = await generateKeys(request.algorithm);
  return {
    privateKey: await encodeKeyFile(keys.privateKey, request.passphrase, 'cosign'),
    publicKey: Buffer.from(encodePublicKey(keys.publicKey)),
    fingerprint: `sha256:${Buffer.from(keyId(keys.publicKey)).toString('hex')}`,
  };
}

function requireAlgorithm(known: readonly string[], { type, algorithm }: KindOfKey): void {
  if (known.includes(algorithm)) return;
  throw new UsageError(`"${algorithm}" is no algorithm of ${type} keys`, {
    code: 'BAD_KEY_ALGORITHM',
    hint: `Use one of ${known.join(', ')}.`,
  });
}

/** What the OpenPGP library takes for one: nothing invisible, and no domain of one letter. */
function checkEmail(email: string): void {
  if (/^[^\p{C}\p{Z}@<>\\]+@[^\p{C}\p{Z}@<>\\]+[^\p{C}\p{Z}\p{P}]$/u.test(email)) return;
  throw new UsageError(`"${email}" is no mail address`, {
    code: 'INVALID_EMAIL',
    hint: 'Write it as me@example.com.',
  });
}

async function requireFolder(folder: string, path: string): Promise<void> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT') throw writeError(thrown, `cannot write ${path}`);
    throw new StorageError(`cannot write ${path}: there is no folder ${folder}`, {
      hint: `Make it (mkdir -p), or choose another with --output-key-prefix.`,
      cause: thrown,
    });
  }
}

async function requireAbsent(path: string): Promise<void> {
  try {
    await access(path);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return;
    throw writeError(thrown, `cannot write ${path}`);
  }
  throw exists(path);
}

async function writeNew(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await removeAbandoned(dirname(path), basename(path));
  try {
    await putWhole(path, bytes, { mode, place: moveToAbsent });
    await syncFolder(dirname(path));
  } catch (thrown) {
    if (systemCode(thrown) === 'EEXIST') throw exists(path);
    throw writeError(thrown, `cannot write ${path}`);
  }
}

function exists(path: string): ConflictError {
  return new ConflictError(`${path} is there already, and keys are not overwritten`, {
    code: 'KEY_EXISTS',
    hint: 'Choose another name with --output-key-prefix, or move the old key away.',
  });
}
