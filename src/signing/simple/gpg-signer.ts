/** Signs through the `gpg` program: for keys that never leave gpg-agent or a card. */
import type { PublicKey } from 'openpgp';
import { AuthError, UsageError } from '../../foundation/errors.ts';
import { createSemaphore } from '../../foundation/semaphore.ts';
import type { Session } from '../../foundation/session.ts';
import type { ImageSignature, SigningClaim } from '../signature.ts';
import type { ImageSigner } from '../signer.ts';
import { readKeyring } from './keyring.ts';
import { runGpg } from './run-gpg.ts';
import { payloadOf, saysTheSame } from './sign-claim.ts';
import { looksLikeSimple } from './verify-simple.ts';

export interface GpgSignerOptions {
  /** Fingerprint, key ID or user ID, as `gpg --local-user` takes it. */
  readonly signBy: string;
  readonly passphrase?: string;
  readonly creator: string;
  /** `gpg` of the PATH unless told. */
  readonly program?: string;
  /** `GNUPGHOME` and the like. */
  readonly env: NodeJS.ProcessEnv;
}

const without = 'Install GnuPG, or give an exported key with --sign-key-file.';
/** More at once do not make gpg-agent faster. */
const atOnce = 4;
/** What the validity of a key in gpg's lists says of one that signs no more. */
const ended: Readonly<Record<string, string>> = { e: 'has expired', r: 'is revoked' };

/**
 * Asks gpg for the key first, so that a name that it does not know is told before anything is written.
 *
 * @throws NotFoundError GPG_NOT_FOUND; UsageError KEY_NOT_FOUND, KEY_CANNOT_SIGN, BAD_PASSPHRASE
 */
export async function createGpgSigner(options: GpgSignerOptions, session: Session): Promise<ImageSigner> {
  const { signBy, passphrase } = options;
  if (passphrase?.includes('\n')) {
    throw new UsageError('a passphrase for gpg cannot have a line end in it', { code: 'BAD_PASSPHRASE' });
  }
  const fingerprint = await fingerprintFor(options, session.signal);
  const gpg = createSemaphore(atOnce);
  let exported: Promise<readonly PublicKey[]> | undefined;
  const ownKeys = (): Promise<readonly PublicKey[]> => {
    exported ??= exportedKeys(options, fingerprint, session.signal);
    return exported;
  };
  return {
    makes: ['simple'],
    describe: () => `GPG key ${fingerprint}`,
    async sign(run: Session, claim: SigningClaim): Promise<readonly ImageSignature[]> {
      const payload = payloadOf(run, claim, options.creator);
      const unlock = passphrase === undefined ? [] : ['--pinentry-mode', 'loopback', '--passphrase-fd', '3'];
      // with "!" gpg takes the very subkey that was named
      const user = signBy.endsWith('!') ? signBy : fingerprint;
      const args = ['--no-armor', '--no-textmode', ...unlock, '--local-user', user, '--output', '-', '--sign'];
      const message = await gpg.run(() =>
        runGpg(options, args, { input: payload, signal: run.signal, passphrase, without }),
      );
      if (message.code !== 0 || !looksLikeSimple(message.stdout)) throw signFailed(fingerprint, message.stderr);
      return [{ kind: 'simple', message: message.stdout }];
    },
    async isMine(existing, claim) {
      if (existing.kind !== 'simple') return false;
      return saysTheSame(existing, claim, await ownKeys(), new Date(session.clock.now()));
    },
  };
}

async function fingerprintFor(options: GpgSignerOptions, signal: AbortSignal): Promise<string> {
  const args = ['--with-colons', '--list-secret-keys', '--', options.signBy];
  const { stdout, stderr } = await runGpg(options, args, { signal, without });
  const rows = Buffer.from(stdout).toString('utf8').split('\n');
  const fits = rows.flatMap((row, at) => {
    const [type, validity = ''] = row.split(':', 2);
    if (type !== 'sec') return [];
    const fingerprint = rows
      .slice(at)
      .find((one) => one.startsWith('fpr:'))
      ?.split(':')[9];
    return fingerprint === undefined ? [] : [{ fingerprint, over: ended[validity] }];
  });
  // an old key of the same person does not stand in the way of the new one
  const living = fits.filter(({ over }) => over === undefined);
  const usable = living.length > 0 ? living : fits;
  const [only, ...more] = usable;
  if (only !== undefined && more.length === 0) {
    if (only.over === undefined) return only.fingerprint;
    throw new UsageError(`the GPG key ${only.fingerprint} cannot sign: it ${only.over}`, {
      code: 'KEY_CANNOT_SIGN',
      hint: 'Take a key that has not expired, is not revoked and may sign.',
    });
  }
  const why =
    only === undefined ? lastLine(stderr) : `it fits ${usable.map(({ fingerprint }) => fingerprint).join(', ')}`;
  throw new UsageError(`gpg has no one secret key "${options.signBy}": ${why}`, {
    code: 'KEY_NOT_FOUND',
    hint: 'Name a key of gpg --list-secret-keys by its fingerprint, or give an exported one with --sign-key-file.',
  });
}

async function exportedKeys(options: GpgSignerOptions, fingerprint: string, signal: AbortSignal) {
  const { stdout } = await runGpg(options, ['--export', '--', fingerprint], { signal, without });
  return readKeyring(stdout, `the GPG key ${fingerprint}`);
}

function signFailed(fingerprint: string, stderr: string): AuthError {
  return new AuthError(`gpg did not sign with the key ${fingerprint}: ${lastLine(stderr)}`, {
    code: 'GPG_REFUSED',
    hint: 'Is the passphrase right (--sign-passphrase-file), or does gpg-agent have it? Try: gpg --sign.',
  });
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^gpg: /, '') || 'it gave no reason'
  );
}
