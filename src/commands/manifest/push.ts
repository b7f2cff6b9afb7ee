import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import {
  attestationsFlag,
  compressionFlags,
  compressionRequest,
  digestPairsFlag,
  referrersFlag,
} from '../../cli/compression-flags.ts';
import { digestFileFlag, expectDigestFile, writeDigestFile } from '../../cli/digest-file.ts';
import type { Plan, Transfer } from '../../cli/documents/transfers.ts';
import { dryRunFlag, expectDigestFlag, placeFlags, progressFlags, registryFlags, repeatable } from '../../cli/flags.ts';
import { notYet } from '../../cli/manifest-flags.ts';
import { manifestFormatOf } from '../../cli/manifest-format.ts';
import { mayKnowSignatures, pushSigning } from '../../cli/push-signing.ts';
import { policyFlag, removeSignaturesFlag, signatureStoreFlags, signFlags } from '../../cli/sign-flags.ts';
import { UsageError } from '../../foundation/errors.ts';
import type { ListRecord } from '../../store/list-store.ts';

/** What the peers can be told and sheaf does in any case, or cannot do. */
const hidden = {
  'sign-by-sq-fingerprint': Flags.string({ summary: 'Sign with this Sequoia key.', hidden: true }),
};

export default class ManifestPush extends BaseCommand<typeof ManifestPush> {
  static override summary = 'Push a list with everything that it references.';
  static override description =
    'Blobs go first, then the manifests of the instances by digest, the tag last: nobody ever sees a tag of something incomplete. What the destination has already is not sent again; what another repository of the same registry has is mounted. Without DESTINATION the list is pushed to its own name. Prints the digest of what was pushed.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> app:1.0 docker://quay.io/me/app:1.0',
    '<%= config.bin %> <%= command.id %> --dry-run app:1.0 quay.io/me/app:1.0',
    '<%= config.bin %> <%= command.id %> --require linux/amd64 --require linux/arm64 --tag latest --rm app:1.0 quay.io/me/app:1.0',
  ];
  static override args = {
    list: Args.string({ required: true, description: 'Name or ID of the list.' }),
    destination: Args.string({ description: 'Where to; a bare name means docker://.' }),
  };
  static override flags = {
    all: Flags.boolean({ summary: 'Push the instances too, not the index alone (default true).', allowNo: true }),
    platform: repeatable({
      summary: 'Push only the instances of this platform.',
      helpValue: 'OS/ARCH[/VARIANT]',
    }),
    format: Flags.string({ char: 'f', summary: 'Convert everything to this format.', helpValue: '<oci|v2s2>' }),
    ...compressionFlags,
    ...digestPairsFlag,
    attestations: attestationsFlag,
    referrers: referrersFlag,
    tag: repeatable({ char: 't', summary: 'One more tag for what is pushed.', helpValue: 'TAG' }),
    require: repeatable({
      summary: 'Refuse to push unless the list has this platform, once.',
      helpValue: 'OS/ARCH[/VARIANT]',
    }),
    ...expectDigestFlag,
    ...digestFileFlag,
    rm: Flags.boolean({ summary: 'Remove the list after success.', aliases: ['purge'], charAliases: ['p'] }),
    ...dryRunFlag,
    ...signFlags,
    ...signatureStoreFlags,
    ...removeSignaturesFlag,
    ...policyFlag,
    ...hidden,
    ...progressFlags,
    ...placeFlags,
    ...registryFlags,
  };

  async run(): Promise<Plan | Transfer> {
    const { flags } = this;
    if (flags['sign-by-sq-fingerprint'] !== undefined) throw notYet('sign-by-sq-fingerprint');
    await expectDigestFile(flags);
    const { pushList } = await import('../../operations/push-list.ts');
    const { parseDestination } = await import('../../transports/image-names.ts');
    const { parsePlatforms } = await import('../../oci/platform.ts');
    const format = manifestFormatOf(flags.format, 'push');
    const compression = await compressionRequest(flags);
    if (flags.all === false && flags.platform !== undefined) {
      throw new UsageError('--all=false pushes the index alone, so --platform cannot choose instances', {
        code: 'CONFLICTING_FLAGS',
        hint: 'Leave one of the two away.',
      });
    }
    const platforms = flags.platform && parsePlatforms(flags.platform);
    const require = parsePlatforms(flags.require ?? []);
    const signing = await pushSigning(flags, this.env, `sheaf ${this.config.version}`);
    const env = await this.env.operations();
    const record = env.store().lists.read(this.args.list);
    const { lazyRegistriesD } = await import('../../cli/signing-wiring.ts');
    const planned = await pushList(env, {
      list: record.id,
      destination: parseDestination(this.args.destination ?? ownName(record, this.args.list)),
      select: platforms === undefined ? (flags.all === false ? 'none' : 'all') : { platforms },
      unselected: platforms === undefined ? 'keep' : 'strip',
      tags: flags.tag ?? [],
      require,
      dryRun: this.settings.dryRun,
      ...(flags['expect-digest'] === undefined ? {} : { onlyIf: flags['expect-digest'] }),
      ...(format === undefined ? {} : { format }),
      ...compression,
      ...(flags.referrers === undefined ? {} : { referrers: flags.referrers }),
      ...signing,
      ...(flags['digest-pairs'] === undefined ? {} : { digestPairs: flags['digest-pairs'] }),
      ...(flags['remove-signatures']
        ? {}
        : {
            signatures: {
              inRegistries: mayKnowSignatures(flags['registries-d'], process.env),
              registriesD: lazyRegistriesD(flags['registries-d'], process.env),
            },
          }),
    });
    const { planDocument, renderPlan, transferDocument } = await import('../../cli/render/plan.ts');
    const afterwards = {
      ...(flags.digestfile ? { digestFile: flags.digestfile } : {}),
      ...(flags.rm ? { removedList: record } : {}),
    };
    const { plan, result } = planned;
    if (result === undefined) {
      for (const line of renderPlan(planned, afterwards)) this.output.print(line);
      return planDocument(planned, afterwards);
    }
    for (const note of plan.notes) this.warn(note);
    const { digest } = result.root;
    await writeDigestFile(flags, digest);
    if (flags.rm) env.store().lists.remove(record.id, { allNames: true });
    this.output.print(digest);
    return transferDocument(planned, result, afterwards);
  }
}

/** The name to push to when no destination is given: as typed, or the list's first name where an ID was typed. */
function ownName(record: ListRecord, typed: string): string {
  if (!record.id.startsWith(typed.replace(/^sha256:/, ''))) return typed;
  const [first] = record.names;
  if (first !== undefined) return first;
  throw new UsageError(`the list ${typed} has no name to push to`, {
    code: 'MISSING_ARGUMENT',
    hint: 'Name the destination after the list: docker://registry/repository:tag.',
  });
}
