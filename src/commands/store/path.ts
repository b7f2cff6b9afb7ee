import { BaseCommand } from '../../cli/base-command.ts';
import type { StorePath } from '../../cli/documents/store.ts';

export default class StorePathCommand extends BaseCommand<typeof StorePathCommand> {
  static override summary = 'Print where the local store is.';
  static override description =
    'The folder is $SHEAF_HOME, else $XDG_DATA_HOME/sheaf, else ~/.local/share/sheaf. It is printed whether it is there or not: the first list makes it.';
  static override examples = ['<%= config.bin %> <%= command.id %>', 'du -sh "$(<%= config.bin %> <%= command.id %>)"'];

  async run(): Promise<StorePath> {
    const { dir: path } = await this.env.store();
    this.output.print(path);
    return { path };
  }
}
