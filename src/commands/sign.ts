import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import type { SignedImage } from '../cli/documents/signatures.ts';
import { dryRunFlag, registryFlags } from '../cli/flags.ts';
import { noSigner } from '../cli/push-signing.ts';
import { signatureStoreFlags, signFlags } from '../cli/sign-flags.ts';

export default class Sign extends BaseCommand<typeof Sign> {
  static override summary = 'Sign an image that stands in a registry, a layout or a folder.';
  static override description =
    'Signs the image and, of an index, every instance, all under the name of the image: that is what podman, skopeo and cosign look for. What the same key has signed already is not signed again, and no signature of anybody is removed. Prints the digest.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --sign-by me@example.com quay.io/me/app:1.0',
    '<%= config.bin %> <%= command.id %> --sign-by-sigstore-private-key cosign.key --sign-passphrase-file pw quay.io/me/app:1.0',
    '<%= config.bin %> <%= command.id %> --sign-by-sigstore-private-key cosign.key --signature-store attachment --signature-store bundle quay.io/me/app:1.0',
  ];
  static override args = {
    image: Args.string({
      required: true,
      description: 'Image in docker://, oci: or dir:; a bare name means docker://.',
    }),
  };
  static override flags = { ...dryRunFlag, ...signFlags, ...signatureStoreFlags, ...registryFlags };

  async run(): Promise<SignedImage> {
    const { flags } = this;
    const { chooseSigners, lazyRegistriesD } = await import('../cli/signing-wiring.ts');
    const { parseDestination } = await import('../transports/image-names.ts');
    const location = parseDestination(this.args.image);
    const { session, askSecret } = this.env;
    const creator = `sheaf ${this.config.version}`;
    const { signers, stores } = await chooseSigners(flags, { env: process.env, session, creator, askSecret });
    if (signers.length === 0) throw noSigner('nobody was asked to sign');
    const { signImage } = await import('../operations/sign-image.ts');
    const { dryRun } = this.settings;
    const { manifests, report, ...result } = await signImage(await this.env.operations(), {
      location,
      signers,
      stores,
      identity: flags['sign-identity'],
      registriesD: lazyRegistriesD(flags['registries-d'], process.env),
      dryRun,
    });
    const { added, kept } = report;
    const each = manifests.map((one, at) => ({ ...one, added: 0, kept: 0, ...report.manifests[at] }));
    if (dryRun) {
      for (const { role, digest, platform, added } of each) {
        const what = `${role} ${digest}${platform === undefined ? '' : ` (${platform})`}`;
        this.output.print(added > 0 ? `sign ${what} as ${result.identity}` : `keep ${what}: signed already`);
      }
    } else this.output.print(result.digest);
    return { ...result, dryRun, added, kept, manifests: each };
  }
}
