import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import type { TaggedList } from '../../cli/documents/lists.ts';

export default class ManifestTag extends BaseCommand<typeof ManifestTag> {
  static override summary = 'Give a list more names.';
  static override description = 'A name that another list has moves over to this one, as with images.';
  static override examples = ['<%= config.bin %> <%= command.id %> app:1.0 app:latest quay.io/me/app:1.0'];
  static override strict = false;
  static override args = {
    list: Args.string({ required: true, description: 'Name or ID of the list.' }),
    name: Args.string({ required: true, description: 'New names.' }),
  };

  async run(): Promise<TaggedList> {
    const { checkNewListName } = await import('../../operations/new-list-name.ts');
    const { lists } = await this.env.store();
    const [list = '', ...names] = this.positionals;
    for (const name of names) checkNewListName(name);
    const { id } = lists.read(list);
    for (const name of names) lists.tag(id, name);
    const record = lists.read(id);
    this.output.print(record.id);
    return { id: record.id, names: record.names };
  }
}
