/** The passphrase for a new key: from a file, a variable, or the person, who is asked twice. */
import { UsageError } from '../foundation/errors.ts';
import { askSecret, type Terminal } from './prompt.ts';
import { readInput } from './signing-wiring.ts';

/** As cosign calls it, and as we do. */
const variables = ['SHEAF_SIGN_PASSPHRASE', 'COSIGN_PASSWORD'] as const;

/** In UTF-8; may be empty where somebody says so. Throws UsageError NO_PASSPHRASE, PASSPHRASES_DIFFER; NotFoundError. */
export async function newPassphrase(
  file: string | undefined,
  env: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<Uint8Array> {
  if (file !== undefined) {
    const { firstLine } = await import('../signing/sigstore/parameter-signer.ts');
    const line = firstLine(await readInput(file, 'the passphrase file'));
    // nobody could type it: it is a part of the line end
    return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
  }
  for (const name of variables) {
    const value = env[name];
    if (value !== undefined) return Buffer.from(value);
  }
  if (!terminal.stdin.isTTY) {
    throw new UsageError('no passphrase is given, and there is no terminal on which to ask for it', {
      code: 'NO_PASSPHRASE',
      hint: 'Give --passphrase-file, or set SHEAF_SIGN_PASSPHRASE (empty for a key without one).',
    });
  }
  const missing = 'no passphrase is given';
  const first = await askSecret(terminal, 'Passphrase for the new key: ', missing);
  const again = await askSecret(terminal, 'The same again: ', missing);
  if (first !== again) throw new UsageError('the two passphrases differ', { code: 'PASSPHRASES_DIFFER' });
  return Buffer.from(first);
}
