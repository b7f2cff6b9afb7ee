import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import type { VerifiedImage } from '../cli/documents/signatures.ts';
import { registryFlags } from '../cli/flags.ts';
import { signatureSearchFlags } from '../cli/sign-flags.ts';
import { exitCodes } from '../foundation/errors.ts';
import type { Required } from '../operations/verify-image.ts';
import type { SignatureStoreName } from '../signing/signature-store.ts';

const helpGroup = 'TRUST';

export default class Verify extends BaseCommand<typeof Verify> {
  static override summary = 'Verify the signatures of an image and of all its instances.';
  static override description =
    'Looks for GPG and sigstore signatures in every place where they may be kept, and ends with 0 only if the index and each instance have a good one of somebody who is trusted: a key, a person named in a certificate, or whom policy.json names. Signatures that cannot be listed are an error, never "none"; attestations are no signatures.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --key cosign.pub quay.io/me/app:1.0',
    '<%= config.bin %> <%= command.id %> --key pubring.gpg --require instances quay.io/me/app:1.0',
    '<%= config.bin %> <%= command.id %> --policy policy.json --json docker://quay.io/me/app:1.0',
  ];
  static override args = {
    image: Args.string({
      required: true,
      description: 'Image in docker://, oci:, dir: or containers-storage:; a bare name means docker://.',
    }),
  };
  static override flags = {
    key: Flags.string({
      summary: 'GPG keyring, sigstore public key or certificate to trust.',
      helpValue: 'FILE',
      helpGroup,
      multiple: true,
      multipleNonGreedy: true,
    }),
    'certificate-identity': Flags.string({
      summary: 'Who signed, as a certificate names them.',
      helpValue: 'WHO',
      helpGroup,
    }),
    'certificate-identity-regexp': Flags.string({
      summary: 'The same as a regular expression for the whole name.',
      helpValue: 'PATTERN',
      helpGroup,
    }),
    'certificate-oidc-issuer': Flags.string({ summary: 'Who vouched for them.', helpValue: 'URL', helpGroup }),
    'certificate-oidc-issuer-regexp': Flags.string({
      summary: 'The same as a regular expression for the whole address.',
      helpValue: 'PATTERN',
      helpGroup,
    }),
    'trusted-root': Flags.string({
      summary: 'Authorities and logs that are trusted, as sigstore writes them.',
      helpValue: 'FILE',
      helpGroup,
    }),
    policy: Flags.string({
      aliases: ['signature-policy'],
      summary: 'File that says whom to trust (policy.json); without it and without keys that of the machine.',
      helpValue: 'FILE',
      helpGroup,
    }),
    identity: Flags.string({
      summary: "The name that must be signed, in place of the image's own.",
      helpValue: 'REFERENCE',
      helpGroup,
    }),
    require: Flags.string({
      summary: 'What of an index must be signed.',
      options: ['index', 'instances', 'both'],
      default: 'both',
      helpValue: '<index|instances|both>',
    }),
    ...signatureSearchFlags,
    ...registryFlags,
  };

  async run(): Promise<VerifiedImage> {
    const { flags } = this;
    const [{ lazyRegistriesD }, { chooseTrust }, { parseDestination }] = await Promise.all([
      import('../cli/signing-wiring.ts'),
      import('../cli/trust-wiring.ts'),
      import('../transports/image-names.ts'),
    ]);
    const location = parseDestination(this.args.image);
    const trust = await chooseTrust(flags, process.env);
    const { createSigstoreVerifier } = await import('../signing/sigstore/verifier.ts');
    const { verifyImage } = await import('../operations/verify-image.ts');
    const stores = flags['signature-store'];
    const result = await verifyImage(await this.env.operations(), {
      location,
      trust,
      verifier: createSigstoreVerifier(this.env.session.clock),
      require: flags.require as Required,
      stores: stores === undefined ? undefined : new Set(stores as SignatureStoreName[]),
      registriesD: lazyRegistriesD(flags['registries-d'], process.env),
    });
    const { renderVerification, verificationDocument } = await import('../cli/render/verification.ts');
    for (const line of renderVerification(result)) this.output.print(line);
    if (!result.verified) this.endWith(exitCodes.integrity);
    return verificationDocument(result);
  }
}
