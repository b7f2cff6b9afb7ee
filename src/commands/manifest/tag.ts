import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import type { TaggedList } from '../../cli/documents/lists.ts';
import { dryRunFlag } from '../../cli/flags.ts';

export default class ManifestTag extends BaseCommand<typeof ManifestTag> {
  static override summary = 'Give a list more names.';
  static override description = 'A name that another list has moves over to this one, as with images.';
  static override examples = ['<%= config.bin %> <%= command.id %> app:1.0 app:latest quay.io/me/app:1.0'];
  static override strict = false;
  static override args = {
    list: Args.string({ required: true, description: 'Name or ID of the list.' }),
    name: Args.string({ required: true, description: 'New names.' }),
  };
  static override flags = { ...dryRunFlag };

  async run(): Promise<TaggedList> {
    const { tagList } = await import('../../operations/tag-list.ts');
    const { lists } = await this.env.store();
    const { dryRun } = this.settings;
    const [list = '', ...newNames] = this.positionals;
    const { id, names, given } = tagList(lists, list, newNames, { dryRun });
    if (!dryRun) this.output.print(id);
    else {
      for (const { name, before } of given) {
        const taken = before === undefined ? '' : `, which the list ${before.id} loses`;
        this.output.print(before?.id === id ? `keep ${name}` : `tag ${id} as ${name}${taken}`);
      }
    }
    return { id, names, dryRun };
  }
}
