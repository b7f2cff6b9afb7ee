import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import type { CommandTable } from '../cli/completion.ts';
import type { CompletionScript } from '../cli/documents/completions.ts';

export default class Completion extends BaseCommand<typeof Completion> {
  static override summary = 'Print a script by which a shell completes commands and flags.';
  static override description =
    'For this shell: `source <(sheaf completion bash)`, `source <(sheaf completion zsh)` after compinit, or `sheaf completion fish | source`; ' +
    'put that line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish to have it in every one. Commands, flags and the values of flags that ' +
    'have a few are completed, and names of files. The script has all of them in it, so make it anew after an update.';
  static override examples = [
    'source <(<%= config.bin %> <%= command.id %> bash)',
    '<%= config.bin %> <%= command.id %> zsh > ~/.zfunc/_sheaf',
    '<%= config.bin %> <%= command.id %> fish | source',
  ];
  static override args = {
    shell: Args.string({
      required: true,
      options: ['bash', 'zsh', 'fish'],
      description: 'The shell: bash, zsh or fish.',
    }),
  };

  async run(): Promise<CompletionScript> {
    const [{ completionScript, shells }, { readFile }, { join }] = await Promise.all([
      import('../cli/completion.ts'),
      import('node:fs/promises'),
      import('node:path'),
    ]);
    const { pjson, options } = this.config;
    const { commands } = JSON.parse(await readFile(join(options.root, 'oclif.manifest.json'), 'utf8')) as CommandTable;
    const shell = shells.find((one) => one === this.args.shell) ?? 'bash';
    const script = completionScript(shell, { commands, topics: pjson.oclif.topics ?? {} });
    this.output.print(script);
    return { shell, script };
  }
}
