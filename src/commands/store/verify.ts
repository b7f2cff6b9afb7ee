import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { VerifiedStore } from '../../cli/documents/store.ts';
import { progressFlags, registryFlags } from '../../cli/flags.ts';
import { exitCodes } from '../../foundation/errors.ts';

export default class StoreVerify extends BaseCommand<typeof StoreVerify> {
  static override summary = 'Check that the local store is whole.';
  static override description =
    'Reads every blob and compares its digest, looks whether everything is there that lists keep, and has the database check itself. Tells each defect with what to do about it, and ends with 6 where there is one. Changes nothing but with --repair, which fetches what is damaged or missing from where the lists have it from.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --repair',
    '<%= config.bin %> <%= command.id %> --json --progress none',
  ];
  static override flags = {
    repair: Flags.boolean({
      summary: 'Fetch blobs again that lists keep, and that are damaged or missing.',
      description:
        'A damaged file stays until what takes its place is whole. Nothing is removed, and what is nowhere else stays a defect.',
    }),
    ...progressFlags,
    ...registryFlags,
  };

  async run(): Promise<VerifiedStore> {
    const { verifyStore } = await import('../../operations/verify-store.ts');
    const env = await this.env.operations();
    const result = await verifyStore(env, { repair: this.flags.repair === true });
    const { dir: path } = env.store();
    const { renderCheck } = await import('../../cli/render/store.ts');
    for (const line of renderCheck(path, result)) this.output.print(line);
    const sound = result.defects.length === 0;
    if (!sound) this.endWith(exitCodes.integrity);
    return { path, sound, ...result };
  }
}
