import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { attestationsFlag, digestPairsFlag, referrersFlag } from '../../cli/compression-flags.ts';
import { addedCompressionOf, compressionOf, copyTakingOf, onePlatformFlags } from '../../cli/copy-flags.ts';
import { digestFileFlag, expectDigestFile, writeDigestFile } from '../../cli/digest-file.ts';
import type { Plan, Transfer } from '../../cli/documents/transfers.ts';
import { encryptionFlags, encryptionOf } from '../../cli/encryption-flags.ts';
import {
  dryRunFlag,
  expectDigestFlag,
  progressFlags,
  registryFlags,
  repeatable,
  twoPlacesFlags,
  twoSidesFlags,
} from '../../cli/flags.ts';
import { notYet } from '../../cli/manifest-flags.ts';
import { manifestFormatOf } from '../../cli/manifest-format.ts';
import { pushSigning } from '../../cli/push-signing.ts';
import { policyFlag, removeSignaturesFlag, signatureStoreFlags, signFlags } from '../../cli/sign-flags.ts';

/** A flag of skopeo for what sheaf does not do. */
const waiting = {
  'sign-by-sq-fingerprint': Flags.string({ summary: 'Sign with this Sequoia key.', helpValue: 'FINGERPRINT' }),
};

/** What skopeo can be told and sheaf does in any case. */
const granted = {
  'dest-oci-accept-uncompressed-layers': Flags.boolean({ summary: 'Leave uncompressed layers as they are.' }),
  'dest-precompute-digests': Flags.boolean({ summary: 'Ask for blobs before they are sent.' }),
};

const hide = <T extends object>(flags: T): T =>
  Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, { ...flag, hidden: true }])) as T;

export default class ImageCopy extends BaseCommand<typeof ImageCopy> {
  static override summary = 'Copy an image, or an index with its images, from one place to another.';
  static override description =
    'Of an index the image for this system is copied, as with skopeo; --all copies the index with everything below it, --platform an index of the platforms named. What the destination has already is not sent again, what another repository of the same registry has is mounted, and the tag comes last. The --src-* and --dest-* flags say for one side what the flags without them say for both. Prints the digest of what was copied.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --all docker://quay.io/me/app:1.0 docker://registry.example/app:1.0',
    '<%= config.bin %> <%= command.id %> --platform linux/amd64 --platform linux/arm64 docker://quay.io/me/app:1.0 oci:app:1.0',
    '<%= config.bin %> <%= command.id %> --src-creds me:secret --dest-cert-dir certs docker://quay.io/me/app:1.0 docker://registry.example/app:1.0',
  ];
  static override args = {
    source: Args.string({
      required: true,
      description: 'An image or a local list; a bare name as in `manifest inspect`.',
    }),
    destination: Args.string({ required: true, description: 'Where to; a bare name means docker://.' }),
  };
  static override flags = {
    all: Flags.boolean({ char: 'a', summary: 'Copy the whole index.' }),
    'multi-arch': Flags.string({
      summary: 'Copy of an index the image for this system, all, or the index alone.',
      helpValue: '<system|all|index-only>',
    }),
    platform: repeatable({
      summary: 'Copy an index of the images of this platform.',
      helpValue: 'OS/ARCH[/VARIANT]',
    }),
    unselected: Flags.string({
      summary: 'With --platform: take the other entries out of the index, or keep them without their images.',
      helpValue: '<strip|keep>',
      options: ['strip', 'keep'],
    }),
    ...onePlatformFlags,
    format: Flags.string({ char: 'f', summary: 'Convert everything to this format.', helpValue: '<oci|v2s2>' }),
    'preserve-digests': Flags.boolean({ summary: 'Refuse, before anything is sent, whatever changes a digest.' }),
    'additional-tag': repeatable({
      summary: 'One more tag for what is copied; in a docker archive also one more name.',
      helpValue: 'TAG',
    }),
    tag: repeatable({ char: 't', summary: 'The same as --additional-tag.', helpValue: 'TAG' }),
    ...expectDigestFlag,
    ...digestFileFlag,
    attestations: attestationsFlag,
    referrers: referrersFlag,
    'add-compression': repeatable({
      summary: 'Add an instance of each platform with its layers compressed like this: gzip, zstd or zstd:chunked.',
      helpValue: 'FORMAT',
    }),
    'dest-compress-format': Flags.string({
      summary: 'Compress layers that are in another form: gzip, zstd, zstd:chunked or none.',
      helpValue: 'FORMAT',
    }),
    'dest-compress-level': Flags.string({
      summary: 'Level of compression: 1 to 9 for gzip, 1 to 22 for zstd.',
      helpValue: 'N',
    }),
    'dest-force-compress-format': Flags.boolean({
      summary: 'Take no layer in another compression for the one asked for (always so).',
    }),
    'dest-compress': Flags.boolean({ summary: 'Compress layers, with gzip unless --dest-compress-format is given.' }),
    'dest-decompress': Flags.boolean({ summary: 'Store layers without compression.' }),
    ...encryptionFlags,
    ...digestPairsFlag,
    ...dryRunFlag,
    ...signFlags,
    ...signatureStoreFlags,
    ...removeSignaturesFlag,
    ...policyFlag,
    ...hide(waiting),
    ...hide(granted),
    ...progressFlags,
    ...registryFlags,
    ...twoSidesFlags,
    ...twoPlacesFlags,
  };

  async run(): Promise<Plan | Transfer> {
    const { flags } = this;
    await expectDigestFile(flags);
    for (const name of Object.keys(waiting)) {
      const given = flags[name as keyof typeof waiting];
      if (given !== undefined) throw notYet(name);
    }
    const { copyImage } = await import('../../operations/copy-image.ts');
    const { findImage } = await import('../../operations/find-image.ts');
    const { parseDestination } = await import('../../transports/image-names.ts');
    const take = await copyTakingOf(flags);
    const compression = await compressionOf(flags);
    const addCompression = await addedCompressionOf(flags);
    const encryption = await encryptionOf(flags, this.env.session.signal);
    const format = manifestFormatOf(flags.format, 'copy');
    const destination = parseDestination(this.args.destination);
    const signing = await pushSigning(flags, this.env, `sheaf ${this.config.version}`);
    const env = await this.env.operations();
    const { attestations, referrers } = flags;
    const { lazyRegistriesD } = await import('../../cli/signing-wiring.ts');
    const planned = await copyImage(
      env,
      {
        source: await findImage(env, this.args.source),
        destination,
        take,
        preserveDigests: flags['preserve-digests'],
        tags: [...(flags['additional-tag'] ?? []), ...(flags.tag ?? [])],
        dryRun: this.settings.dryRun,
        ...(flags['expect-digest'] === undefined ? {} : { onlyIf: flags['expect-digest'] }),
        ...(format === undefined ? {} : { format }),
        ...(compression === undefined ? {} : { compression }),
        ...(addCompression === undefined ? {} : { addCompression }),
        ...(encryption === undefined ? {} : { encryption }),
        ...(attestations === undefined ? {} : { attestations }),
        ...(referrers === undefined ? {} : { referrers }),
        ...signing,
        ...(flags['digest-pairs'] === undefined ? {} : { digestPairs: flags['digest-pairs'] }),
        ...(flags['remove-signatures']
          ? {}
          : { signatures: { registriesD: lazyRegistriesD(flags['registries-d'], process.env) } }),
      },
      await this.env.destination(),
    );
    const { planDocument, renderPlan, transferDocument } = await import('../../cli/render/plan.ts');
    const afterwards = {
      ...(flags.digestfile ? { digestFile: flags.digestfile } : {}),
    };
    const { plan, result } = planned;
    if (result === undefined) {
      for (const line of renderPlan(planned, afterwards)) this.output.print(line);
      return planDocument(planned, afterwards);
    }
    for (const note of plan.notes) this.warn(note);
    const { digest } = result.root;
    await writeDigestFile(flags, digest);
    this.output.print(digest);
    return transferDocument(planned, result, afterwards);
  }
}
