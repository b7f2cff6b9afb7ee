import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { PrunedLayout } from '../../cli/documents/images.ts';
import { dryRunFlag, olderThanFlag } from '../../cli/flags.ts';

export default class ImagePrune extends BaseCommand<typeof ImagePrune> {
  static override summary = 'Remove from an image layout what nothing in it needs.';
  static override description =
    'Names that move leave blobs behind. Removes those to which no entry of index.json leads: not through an index, nor as config, layer or subject, nor as something whose subject stays. Prints the digest of each blob that is removed. Refuses while another sheaf writes to the layout, and where blobs may be those of several layouts. Of other programs it sees only skopeo, and only while that writes a blob: where such may be at work, say --older-than.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run oci:app',
    '<%= config.bin %> <%= command.id %> --unnamed oci:app',
  ];
  static override args = {
    layout: Args.string({ required: true, description: 'The layout: oci:FOLDER.' }),
  };
  static override flags = {
    unnamed: Flags.boolean({ summary: 'Also images without a name, unless one with a name needs them.' }),
    ...olderThanFlag,
    ...dryRunFlag,
  };

  async run(): Promise<PrunedLayout> {
    const { pruneLayoutAt } = await import('../../operations/prune-layout.ts');
    const { dryRun } = this.settings;
    const { folder, entries, blobs } = await pruneLayoutAt(this.env.session, this.args.layout, {
      // oclif leaves flags that are not given undefined
      unnamed: this.flags.unnamed === true,
      youngerThanMs: this.flags['older-than'] ?? 0,
      dryRun,
    });
    for (const { digest } of blobs) this.output.print(digest);
    const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
    return { layout: folder, dryRun, entries, blobs, bytes };
  }
}
