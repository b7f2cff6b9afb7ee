/** Keys in files: what `gpg --export` and `gpg --export-secret-keys` write, armored or not. */
import type { Key, PrivateKey, PublicKey } from 'openpgp';
import { AuthError, asError, UsageError } from '../../foundation/errors.ts';
import { openpgp, strictness } from './openpgp.ts';

/** A public key with its subkeys. */
export type GpgPublicKey = PublicKey;

/** Bytes of a keyring; no file that people give to verify images is near that. */
export const maxKeyringBytes = 16 << 20;

const armorHead = /-----BEGIN PGP (?:PUBLIC|PRIVATE) KEY BLOCK-----/g;

/** Whether `bytes` look like OpenPGP keys and not like something in PEM. */
export function looksLikeKeyring(bytes: Uint8Array): boolean {
  if (textOf(bytes).search(armorHead) >= 0) return true;
  const [first = 0] = bytes;
  // a public or secret key packet, in the old form or the new one (RFC 9580, section 4.2)
  return [0x98, 0x99, 0x9a, 0xc6, 0x94, 0x95, 0x96, 0xc5].includes(first) || isKeybox(bytes);
}

/** Public keys; of secret keys their public part. Throws UsageError BAD_KEYRING; `what` names the file. */
export async function readKeyring(bytes: Uint8Array, what: string): Promise<readonly PublicKey[]> {
  const { readKeys } = await openpgp();
  const keys = await readBlocks(bytes, what, {
    armored: (armoredKeys) => readKeys({ armoredKeys, config: strictness }),
    binary: (binaryKeys) => readKeys({ binaryKeys, config: strictness }),
  });
  return keys.map((key) => key.toPublic());
}

/**
 * Each key once, with all that any of its copies says at `now`, as in gpg's keyring: one copy may know that the key is revoked, or
 * expires later, and the other not.
 */
export async function joinCopies(keys: readonly PublicKey[], now: Date): Promise<PublicKey[]> {
  const joined = new Map<string, PublicKey>();
  for (const key of keys) {
    const name = key.getFingerprint();
    const known = joined.get(name);
    joined.set(name, known === undefined ? key : await known.update(key, now));
  }
  return [...joined.values()];
}

/** Throws UsageError BAD_KEYRING, also where there is no secret key. */
export async function readSecretKeys(bytes: Uint8Array, what: string): Promise<readonly PrivateKey[]> {
  const { readPrivateKeys } = await openpgp();
  return readBlocks(bytes, what, {
    armored: (armoredKeys) => readPrivateKeys({ armoredKeys, config: strictness }),
    binary: (binaryKeys) => readPrivateKeys({ binaryKeys, config: strictness }),
  });
}

/** What a person can do about a passphrase, in the words of the flag that takes it. */
export interface PassphraseHints {
  readonly missing: string;
  readonly wrong: string;
}

/**
 * The key with its secret parts decrypted; a part that was left out of the export stays as it is. `what` names the file.
 *
 * @throws AuthError PASSPHRASE_MISSING, PASSPHRASE_WRONG
 */
export async function unlockKey(
  key: PrivateKey,
  passphrase: string | undefined,
  what: string,
  hints: PassphraseHints,
): Promise<PrivateKey> {
  if (key.isDecrypted()) return key;
  if (passphrase === undefined) {
    throw new AuthError(`the GPG key ${fingerprintOf(key)} in ${what} is locked with a passphrase`, {
      code: 'PASSPHRASE_MISSING',
      hint: hints.missing,
    });
  }
  const { decryptKey } = await openpgp();
  try {
    return await decryptKey({ privateKey: key, passphrase, config: strictness });
  } catch (cause) {
    throw new AuthError(`the passphrase does not open the GPG key ${fingerprintOf(key)} in ${what}`, {
      code: 'PASSPHRASE_WRONG',
      hint: hints.wrong,
      cause,
    });
  }
}

/** The primary fingerprint as people and policies write it: upper-case hexadecimal digits. */
export function fingerprintOf(key: Key): string {
  return key.getFingerprint().toUpperCase();
}

/** Whether `wanted` names the key: by fingerprint or key ID (of a subkey too), or by a part of a user ID, as gpg has it. */
export function isNamed(key: Key, wanted: string): boolean {
  const hex = wanted.replaceAll(' ', '').replace(/^0x/i, '').replace(/!$/, '').toUpperCase();
  if (/^(?:[0-9A-F]{16}|[0-9A-F]{40}|[0-9A-F]{64})$/.test(hex)) {
    return key.getKeys().some((one) => one.getFingerprint().toUpperCase().endsWith(hex));
  }
  const users = key.getUserIDs();
  if (/^<.*>$/.test(wanted)) return users.some((user) => user.toLowerCase().endsWith(wanted.toLowerCase()));
  return users.some((user) => user.toLowerCase().includes(wanted.toLowerCase()));
}

interface Readers<T> {
  armored(text: string): Promise<T[]>;
  binary(bytes: Uint8Array): Promise<T[]>;
}

async function readBlocks<T>(bytes: Uint8Array, what: string, readers: Readers<T>): Promise<readonly T[]> {
  if (bytes.byteLength > maxKeyringBytes) throw bad(what, 'it is larger than 16 MiB');
  if (isKeybox(bytes)) throw bad(what, "it is gpg's own database; export the keys with gpg --export");
  try {
    const blocks = armoredBlocks(textOf(bytes));
    const keys = blocks.length === 0 ? [await readers.binary(bytes)] : await Promise.all(blocks.map(readers.armored));
    const all = keys.flat();
    if (all.length === 0) throw new Error('there is no key in it');
    return all;
  } catch (thrown) {
    throw bad(what, asError(thrown).message, thrown);
  }
}

/** One text for each armored block: several may stand one after the other. */
function armoredBlocks(text: string): string[] {
  const starts = [...text.matchAll(armorHead)].map((match) => match.index);
  return starts.map((start, at) => text.slice(start, starts[at + 1]));
}

function isKeybox(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(8, 12)).toString('latin1') === 'KBXf';
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function bad(what: string, why: string, cause?: unknown): UsageError {
  return new UsageError(`${what} cannot be used as a GPG key: ${why}`, {
    code: 'BAD_KEYRING',
    hint: 'Give what gpg --export (to verify) or gpg --export-secret-keys (to sign) writes.',
    ...(cause === undefined ? {} : { cause }),
  });
}
