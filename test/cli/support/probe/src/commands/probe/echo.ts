import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../../../../../src/cli/base-command.ts';
import { progressFlags, registryFlags, repeatable } from '../../../../../../../src/cli/flags.ts';

/** Prints what it was given. */
export default class ProbeEcho extends BaseCommand<typeof ProbeEcho> {
  static override summary = 'Print what was given.';
  static override args = {
    list: Args.string({ required: true, description: 'A list.' }),
    image: Args.string({ multiple: true, description: 'Images.' }),
  };
  static override flags = {
    all: Flags.boolean({ summary: 'All of it.', allowNo: true }),
    rm: Flags.boolean({ summary: 'Remove it.', aliases: ['purge'] }),
    annotation: repeatable({ summary: 'An annotation.', helpValue: 'KEY=VALUE' }),
    os: Flags.string({ summary: 'An operating system.', helpValue: 'OS' }),
    ...progressFlags,
    ...registryFlags,
  };

  async run(): Promise<unknown> {
    const { args, flags } = this;
    this.output.print(JSON.stringify({ args, flags, positionals: this.positionals }));
    return { args, flags, positionals: this.positionals };
  }
}
