import { BaseCommand } from '../../cli/base-command.ts';
import type { StoreContents } from '../../cli/documents/store.ts';

export default class StoreLs extends BaseCommand<typeof StoreLs> {
  static override summary = 'Show what is in the local store, and how much room it takes.';
  static override description =
    'A row for each list, with what it keeps in the store: manifests, configs and files that were added. Layers stay where they are. Then everything else: what running commands hold, compressed layers that wait for the next run, garbage (`store gc` removes it), and what runs have learned. Blobs are counted once, for the first that needs them.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<StoreContents> {
    const store = await this.env.store();
    const contents = await store.contents();
    const { contentsDocument, renderContents } = await import('../../cli/render/store.ts');
    for (const line of renderContents(contents)) this.output.print(line);
    return contentsDocument(store.dir, contents);
  }
}
