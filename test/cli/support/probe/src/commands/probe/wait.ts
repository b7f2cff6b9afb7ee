import { readFile } from 'node:fs/promises';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../../../../../src/cli/base-command.ts';
import { progressFlags } from '../../../../../../../src/cli/flags.ts';

/** Waits to be stopped. */
export default class ProbeWait extends BaseCommand<typeof ProbeWait> {
  static override summary = 'Wait.';
  static override flags = {
    stubborn: Flags.boolean({ summary: 'Do not mind being stopped.' }),
    file: Flags.string({ summary: 'A file to read first.' }),
    finish: Flags.boolean({ summary: 'End well when stopped.' }),
    ...progressFlags,
  };

  async run(): Promise<unknown> {
    const { signal, clock } = this.env.session;
    process.stderr.write('waiting\n');
    if (this.flags.stubborn) {
      signal.addEventListener('abort', () => process.stderr.write('not yet\n'));
      if (this.flags.file !== undefined) await readFile(this.flags.file);
      await new Promise(() => setInterval(() => {}, 1000));
    }
    try {
      await clock.sleep(60_000, signal);
    } catch (thrown) {
      if (!this.flags.finish) throw thrown;
    }
    this.output.print('finished');
    return {};
  }
}
