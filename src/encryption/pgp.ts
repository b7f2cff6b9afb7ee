/**
 * Secrets wrapped as OpenPGP messages, as ocicrypt does it: not signed, for all recipients at once.
 *
 * Source: RFC 9580, sections 5.1 (public-key encrypted session keys) and 5.13.1 (encrypted data, version 1, which all
 * readers know).
 */
import type { PartialConfig, PrivateKey, PublicKey } from 'openpgp';
import { asError, NotFoundError, UsageError } from '../foundation/errors.ts';
import { isNamed, readKeyring, readSecretKeys, unlockKey } from '../signing/simple/keyring.ts';
import { openpgp, strictness } from '../signing/simple/openpgp.ts';
import { runGpg } from '../signing/simple/run-gpg.ts';
import type { KeyUnwrapper, KeyWrapper } from './wrapped-secret.ts';

export interface PgpOptions {
  /** `GNUPGHOME` and the like. */
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** `gpg` of the PATH unless told. */
  readonly program?: string;
}

/** `names`: addresses or names of user IDs, whole, or fingerprints; each is looked for in gpg's keyring. */
export async function pgpWrapper(names: readonly string[], options: PgpOptions): Promise<KeyWrapper> {
  const keys: PublicKey[] = [];
  for (const name of names) keys.push(...(await publicKeys(name, options)));
  const { createMessage, encrypt, enums } = await openpgp();
  const config: PartialConfig = {
    ...strictness,
    aeadProtect: false,
    preferredSymmetricAlgorithm: enums.symmetric.aes256,
    preferredCompressionAlgorithm: enums.compression.uncompressed,
  };
  return {
    kind: 'pgp',
    count: keys.length,
    async wrap(secret) {
      const message = await createMessage({ binary: secret });
      return (await encrypt({ message, encryptionKeys: keys, format: 'binary', config })) as Uint8Array;
    },
  };
}

/** Throws NotFoundError GPG_NOT_FOUND, KEY_NOT_FOUND; UsageError KEY_CANNOT_ENCRYPT. */
async function publicKeys(name: string, { program, ...options }: PgpOptions): Promise<readonly PublicKey[]> {
  const { stdout } = await runGpg(
    { env: options.env, ...(program === undefined ? {} : { program }) },
    ['--export', '--', name],
    { signal: options.signal, without: 'Install GnuPG, or encrypt for a key in a file (jwe:, pkcs7:).' },
  );
  const exported = stdout.byteLength === 0 ? [] : await readKeyring(stdout, `what gpg exports for ${name}`);
  const named = exported.filter((key) => isRecipient(key, name));
  if (named.length === 0) {
    throw new NotFoundError(`gpg has no key of the recipient "${name}"`, {
      code: 'KEY_NOT_FOUND',
      hint: 'Name a key of gpg --list-keys by the whole mail address or name in its user ID, or by its fingerprint.',
    });
  }
  const usable: PublicKey[] = [];
  let why: unknown;
  for (const key of named) {
    try {
      await key.getEncryptionKey();
      usable.push(key);
    } catch (thrown) {
      why = thrown;
    }
  }
  if (usable.length > 0) return usable;
  throw new UsageError(`the GPG key of "${name}" cannot encrypt: ${asError(why).message}`, {
    code: 'KEY_CANNOT_ENCRYPT',
    hint: 'Take a key that has not expired, is not revoked and may encrypt.',
    cause: why,
  });
}

/** gpg matches parts of user IDs, which would let in keys of others. */
function isRecipient(key: PublicKey, name: string): boolean {
  if (/^(?:0x)?[0-9a-f ]{16,}$/i.test(name)) return isNamed(key, name);
  return key.getUserIDs().some((user) => {
    const [, before = '', address] = /^([^<]*)<([^<>]*)>\s*$/.exec(user) ?? [];
    const person = before.replace(/\([^)]*\)/, '').trim();
    return name === (address ?? user.trim()) || (person !== '' && name === person);
  });
}

const passphraseHints = {
  missing: 'Name the file that holds it: --decryption-key KEY:file=PATH.',
  wrong: 'Check it: --decryption-key KEY:file=PATH takes the whole file but for one line end.',
} as const;

/**
 * `bytes`: what `gpg --export-secret-keys` writes; `what` names the file.
 *
 * @throws UsageError BAD_KEYRING; AuthError PASSPHRASE_MISSING, PASSPHRASE_WRONG
 */
export async function pgpUnwrapper(
  bytes: Uint8Array,
  passphrase: string | undefined,
  what: string,
): Promise<KeyUnwrapper> {
  const locked = await readSecretKeys(bytes, what);
  const keys: PrivateKey[] = [];
  for (const key of locked) keys.push(await unlockKey(key, passphrase, what, passphraseHints));
  const { decrypt, readMessage } = await openpgp();
  return {
    kind: 'pgp',
    async unwrap(wrapped) {
      try {
        const message = await readMessage({ binaryMessage: wrapped, config: strictness });
        const { data } = await decrypt({ message, decryptionKeys: keys, format: 'binary', config: strictness });
        return data as Uint8Array;
      } catch {
        return undefined;
      }
    },
  };
}
