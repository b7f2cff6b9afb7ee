import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { GeneratedKeys } from '../../cli/documents/signatures.ts';
import { dryRunFlag } from '../../cli/flags.ts';
import { terminalOf } from '../../cli/prompt.ts';
import { UsageError } from '../../foundation/errors.ts';
import type { KindOfKey } from '../../operations/generate-key.ts';

const sigstoreAlgorithms = ['p256', 'p384', 'p521', 'ed25519', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
const gpgAlgorithms = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'] as const;

export default class KeyGenerate extends BaseCommand<typeof KeyGenerate> {
  static override summary = 'Make a pair of keys for signing images.';
  static override description =
    'Writes PREFIX.key, which only you can read, and PREFIX.pub. Sigstore keys are those of cosign, skopeo and podman; GPG keys can be given to gpg --import. The passphrase comes from a file, from $SHEAF_SIGN_PASSPHRASE or $COSIGN_PASSWORD, or from you. Nothing is overwritten.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --output-key-prefix cosign --passphrase-file pw',
    '<%= config.bin %> <%= command.id %> --type gpg --name "Release Team" --email release@example.com',
  ];
  static override flags = {
    'output-key-prefix': Flags.string({
      summary: 'Path of the two files, without their ends.',
      default: 'sheaf',
      helpValue: 'PREFIX',
    }),
    type: Flags.string({
      summary: 'Kind of key.',
      options: ['sigstore', 'gpg'],
      default: 'sigstore',
      helpValue: '<sigstore|gpg>',
    }),
    algorithm: Flags.string({
      summary: 'Algorithm; p256 for sigstore, rsa-3072 for GPG unless told.',
      description: 'Every reader knows these two. Of the others, GPG takes rsa-2048, rsa-4096 and ed25519.',
      options: [...sigstoreAlgorithms],
      helpValue: 'ALGORITHM',
    }),
    'passphrase-file': Flags.string({ summary: 'File whose first line is the passphrase.', helpValue: 'FILE' }),
    name: Flags.string({ summary: 'Whose GPG key it is.', helpValue: 'NAME' }),
    email: Flags.string({ summary: 'Mail address of a GPG key; it must have one.', helpValue: 'ADDRESS' }),
    ...dryRunFlag,
  };

  async run(): Promise<GeneratedKeys> {
    const kind = this.#kind();
    const { generateKey, planKey } = await import('../../operations/generate-key.ts');
    const planned = await planKey({ ...kind, prefix: this.flags['output-key-prefix'] });
    if (this.settings.dryRun) {
      for (const file of Object.values(planned)) this.output.print(`write ${file}`);
      return { type: kind.type, dryRun: true, ...planned };
    }
    const { newPassphrase } = await import('../../cli/new-passphrase.ts');
    const terminal = terminalOf(this.env.session.signal);
    const passphrase = await newPassphrase(this.flags['passphrase-file'], process.env, terminal);
    try {
      const made = await generateKey({ ...kind, prefix: this.flags['output-key-prefix'], passphrase });
      this.output.print(`Private key: ${made.privateKeyFile}`);
      this.output.print(`Public key: ${made.publicKeyFile}`);
      this.output.print(`Fingerprint: ${made.fingerprint}`);
      return { type: kind.type, dryRun: false, ...made };
    } finally {
      passphrase.fill(0);
    }
  }

  #kind(): KindOfKey {
    const { type, algorithm, name, email } = this.flags;
    if (type !== 'gpg') {
      if (name !== undefined || email !== undefined) {
        throw new UsageError('--name and --email are for GPG keys', {
          code: 'CONFLICTING_FLAGS',
          hint: 'Add --type gpg, or leave them away.',
        });
      }
      return { type: 'sigstore', algorithm: sigstoreAlgorithms.find((known) => known === algorithm) ?? 'p256' };
    }
    if (email === undefined) {
      throw new UsageError('a GPG key wants a mail address', { code: 'EMAIL_MISSING', hint: 'Give --email.' });
    }
    const known = gpgAlgorithms.find((one) => one === (algorithm ?? 'rsa-3072'));
    if (known === undefined) {
      throw new UsageError(`GPG keys are not made with ${algorithm}`, {
        code: 'CONFLICTING_FLAGS',
        hint: `Use one of ${gpgAlgorithms.join(', ')}.`,
      });
    }
    return { type, algorithm: known, email, ...(name === undefined ? {} : { name }) };
  }
}
