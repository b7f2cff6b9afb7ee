/** Signs with a GPG key that was exported to a file (or comes from the environment), in this process. */
import type { Key, PrivateKey, Subkey } from 'openpgp';
import { UsageError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import type { ImageSignature, SigningClaim } from '../signature.ts';
import type { ImageSigner } from '../signer.ts';
import { fingerprintOf, isNamed, readSecretKeys, unlockKey } from './keyring.ts';
import { openpgp, reasonOf, strictness } from './openpgp.ts';
import { type MessageSigner, rsaMessageSigner } from './rsa-message.ts';
import { payloadOf, saysTheSame } from './sign-claim.ts';

export interface KeySignerOptions {
  /** What `gpg --export-secret-keys` wrote. */
  readonly key: Uint8Array;
  /** Names the file in messages. */
  readonly what: string;
  /** Which of the keys, by fingerprint, key ID or user ID; without it there must be one only. */
  readonly signBy?: string;
  readonly passphrase?: string;
  /** Program and version, for the claim. */
  readonly creator: string;
}

const passphraseHints = {
  missing: 'Give the file that holds it with --sign-passphrase-file, or set SHEAF_SIGN_PASSPHRASE.',
  wrong:
    'Is it that of this key? Of the file given with --sign-passphrase-file the first line counts, without the line end.',
} as const;

/**
 * Reads the key and decrypts it at once, so that a wrong passphrase is told before anything is written.
 *
 * @throws UsageError BAD_KEYRING, KEY_NOT_FOUND, KEY_CANNOT_SIGN; AuthError PASSPHRASE_MISSING, PASSPHRASE_WRONG
 */
export async function createGpgKeySigner(options: KeySignerOptions, session: Session): Promise<ImageSigner> {
  const now = new Date(session.clock.now());
  const locked = chooseKey(await readSecretKeys(options.key, options.what), options);
  const key = await unlockKey(locked, options.passphrase, options.what, passphraseHints);
  const fingerprint = fingerprintOf(key);
  const signMessage = (await rsaMessageSigner(await signingKey(key, now))) ?? (await librarySigner(key));
  return {
    makes: ['simple'],
    describe: () => `GPG key ${fingerprint}`,
    async sign(run: Session, claim: SigningClaim): Promise<readonly ImageSignature[]> {
      const payload = payloadOf(run, claim, options.creator);
      return [{ kind: 'simple', message: await signMessage(payload, new Date(run.clock.now())) }];
    },
    isMine: (existing, claim) => saysTheSame(existing, claim, [key.toPublic()], new Date(session.clock.now())),
  };
}

/** The part of the key that signs: itself or a subkey. */
async function signingKey(key: PrivateKey, now: Date): Promise<Key | Subkey> {
  try {
    return await key.getSigningKey(undefined, now);
  } catch (thrown) {
    throw new UsageError(`the GPG key ${fingerprintOf(key)} cannot sign: ${reasonOf(thrown)}`, {
      code: 'KEY_CANNOT_SIGN',
      hint: 'Take a key that has not expired, is not revoked and may sign.',
      cause: thrown,
    });
  }
}

async function librarySigner(key: PrivateKey): Promise<MessageSigner> {
  const { createMessage, sign } = await openpgp();
  return async (payload, date) => {
    const message = await createMessage({ binary: payload });
    return (await sign({ message, signingKeys: key, format: 'binary', date, config: strictness })) as Uint8Array;
  };
}

function chooseKey(keys: readonly PrivateKey[], { signBy, what }: KeySignerOptions): PrivateKey {
  const fitting = signBy === undefined ? keys : keys.filter((key) => isNamed(key, signBy));
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  const found = (fitting.length === 0 ? keys : fitting).map(fingerprintOf).join(', ');
  const wanted = signBy === undefined ? '' : ` "${signBy}"`;
  const message =
    fitting.length === 0
      ? `the key${wanted} is not in ${what}, which has ${found}`
      : `${what} has several keys${wanted}: ${found}`;
  throw new UsageError(message, {
    code: 'KEY_NOT_FOUND',
    hint: 'Name the one to sign with by its fingerprint: --sign-by FINGERPRINT.',
  });
}
