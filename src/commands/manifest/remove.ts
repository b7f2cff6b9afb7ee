import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import type { RemovedInstances } from '../../cli/documents/lists.ts';
import { dryRunFlag, registryFlags } from '../../cli/flags.ts';

export default class ManifestRemove extends BaseCommand<typeof ManifestRemove> {
  static override summary = 'Take instances off a list.';
  static override description =
    'Instances are named by digest, platform, image name or file name. The attestations of an image go with it. Prints a line "ID: DIGEST" for each. When one of them is not on the list, nothing is removed.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> app:1.0 linux/s390x',
    '<%= config.bin %> <%= command.id %> app:1.0 sha256:5dba0d36a42bfe6f63cca321dc3177a2b2e6a6677f7b8316788904e7920c9930',
  ];
  static override strict = false;
  static override args = {
    list: Args.string({ required: true, description: 'Name or ID of the list.' }),
    instance: Args.string({ required: true, description: 'Digests, platforms or names.' }),
  };
  static override flags = { ...dryRunFlag, ...registryFlags };

  async run(): Promise<RemovedInstances> {
    const { removeInstances } = await import('../../operations/remove-instances.ts');
    const [list = '', ...instances] = this.positionals;
    const { dryRun } = this.settings;
    const env = await this.env.operations();
    const { record, removed, before } = await removeInstances(env, list, instances, { dryRun });
    if (dryRun) {
      const { describeList, renderEdit } = await import('../../cli/render/edit.ts');
      const { lines, changes } = renderEdit(`remove from ${describeList(record)}`, before, record.index);
      for (const line of lines) this.output.print(line);
      return { id: record.id, removed, dryRun, changes };
    }
    for (const digest of removed) this.output.print(`${record.id}: ${digest}`);
    return { id: record.id, removed, dryRun };
  }
}
