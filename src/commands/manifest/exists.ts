import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import type { ListExists } from '../../cli/documents/lists.ts';

export default class ManifestExists extends BaseCommand<typeof ManifestExists> {
  static override summary = 'Tell by the exit status whether there is a list of that name.';
  static override description = 'Exits with 0 when there is, with 1 when there is not. Prints nothing.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> app:1.0 || <%= config.bin %> manifest create app:1.0',
  ];
  static override args = {
    list: Args.string({ required: true, description: 'Name or ID of the list.' }),
  };

  async run(): Promise<ListExists> {
    const exists = (await this.env.store()).lists.exists(this.args.list);
    if (!exists) this.endWith(1);
    return { exists };
  }
}
