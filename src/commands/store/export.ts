import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { referrersFlag } from '../../cli/compression-flags.ts';
import type { ExportedLists } from '../../cli/documents/store.ts';
import { dryRunFlag, placeFlags, progressFlags, registryFlags } from '../../cli/flags.ts';
import { mayKnowSignatures } from '../../cli/push-signing.ts';
import { policyFlag, registriesDFlags, removeSignaturesFlag } from '../../cli/sign-flags.ts';

export default class StoreExport extends BaseCommand<typeof StoreExport> {
  static override summary = 'Hand lists over, with all their images, in one layout or archive.';
  static override description =
    'Copies the lists that are named, or all, into an image layout (oci:FOLDER) or an archive of one (oci-archive:FILE; - is standard output), each under its names in full, with every blob: what the store does not have is fetched from where the list has it. Blobs that lists share are there once. Other machines read it with sheaf, skopeo, podman and whatever reads layouts. To a folder lists are added; an archive that is there is replaced. A list that fails does not keep the others from being exported, and stays in the archive as it was. Prints the name and the digest of each.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> oci-archive:lists.tar',
    '<%= config.bin %> <%= command.id %> oci:/mnt/usb/lists app:1.0 app:1.1',
    '<%= config.bin %> <%= command.id %> --dry-run --offline oci:lists',
  ];
  static override strict = false;
  static override args = {
    destination: Args.string({ required: true, description: 'Where to: oci:FOLDER or oci-archive:FILE.' }),
    list: Args.string({ description: 'Names or IDs of lists; without them all.' }),
  };
  static override flags = {
    offline: Flags.boolean({ summary: 'Fetch nothing from registries: refuse lists that would need it.' }),
    referrers: referrersFlag,
    ...dryRunFlag,
    ...registriesDFlags,
    ...removeSignaturesFlag,
    ...policyFlag,
    ...progressFlags,
    ...placeFlags,
    ...registryFlags,
  };

  async run(): Promise<ExportedLists> {
    const { flags } = this;
    const [destination = '', ...lists] = this.positionals;
    const { dryRun } = this.settings;
    const offline = flags.offline === true;
    const { exportLists } = await import('../../operations/export-lists.ts');
    const { lazyRegistriesD } = await import('../../cli/signing-wiring.ts');
    const { exportDocument, renderExport } = await import('../../cli/render/export.ts');
    const { formatBytes } = await import('../../cli/render/texts.ts');
    const result = await exportLists(await this.env.operations(), {
      destination,
      lists,
      offline,
      dryRun,
      ...(flags.referrers === undefined ? {} : { referrers: flags.referrers }),
      ...(flags['remove-signatures']
        ? {}
        : {
            signatures: {
              inRegistries: !offline && mayKnowSignatures(flags['registries-d'], process.env),
              registriesD: lazyRegistriesD(flags['registries-d'], process.env),
            },
          }),
    });
    // not before: what is on its way to standard output must not have lines in it
    for (const list of result.lists) {
      for (const line of renderExport(list)) this.output.print(line);
      if (!dryRun) for (const note of list.copy.plan.notes) this.warn(`${list.names[0]}: ${note}`);
    }
    if (result.lists.length + result.failed.length === 0) {
      this.warn(`there are no lists in ${(await this.env.store()).dir}: nothing was exported`);
    }
    const document = exportDocument(destination, result, dryRun);
    if (dryRun && result.lists.length > 1) {
      this.output.print(`${result.lists.length} lists, at most ${formatBytes(document.bytes)} to write`);
    }
    const [first] = result.failed;
    if (first === undefined) return document;
    if (result.failed.length + result.lists.length > 1) {
      for (const { list, message } of document.failed) this.warn(`${list} was not exported: ${message}`);
    }
    first.error.done = document;
    throw first.error;
  }
}
