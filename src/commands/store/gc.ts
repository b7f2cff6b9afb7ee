import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { StoreGarbage } from '../../cli/documents/store.ts';
import { dryRunFlag, olderThanFlag } from '../../cli/flags.ts';

export default class StoreGc extends BaseCommand<typeof StoreGc> {
  static override summary = 'Remove from the local store what nothing needs.';
  static override description =
    'Removes blobs that no list keeps and no running command holds, what killed commands have left, and what was learned so long ago that it is of no use. Lists stay: `manifest rm` removes them, with what only they keep. May run beside any other command, and may be stopped at any moment. Where much of the database is free, it is made smaller.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --older-than 24h',
    '<%= config.bin %> <%= command.id %> --forget',
  ];
  static override flags = {
    ...olderThanFlag,
    forget: Flags.boolean({
      summary: 'Also forget what runs have learned.',
      description:
        'That is: what layers became, with the compressed layers that wait for the next run, where blobs are, uploads to resume. Later runs take longer without it, and do the same.',
    }),
    ...dryRunFlag,
  };

  async run(): Promise<StoreGarbage> {
    const store = await this.env.store();
    const { dryRun } = this.settings;
    const report = await store.collectGarbage({
      olderThanMs: this.flags['older-than'] ?? 0,
      // oclif leaves flags that are not given undefined
      forget: this.flags.forget === true,
      dryRun,
      signal: this.env.session.signal,
    });
    const { renderGarbage } = await import('../../cli/render/store.ts');
    for (const line of renderGarbage(report, dryRun)) this.output.print(line);
    return { path: store.dir, dryRun, ...report };
  }
}
