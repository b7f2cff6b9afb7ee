/** The help of the program, a topic or a command: oclif's, with a short usage line and the flags in the order of interest. */
import type { Command } from '@oclif/core/command';
import { CommandHelp, Help } from '@oclif/core/help';
import { usageWords } from './parse-errors.ts';

const lastGroup = 'GLOBAL';

class SheafCommandHelp extends CommandHelp {
  /** oclif shows every argument of a command that takes any number of them as repeatable: it is the last one alone. */
  protected override args(args: Command.Arg.Any[]): Array<[string, string | undefined]> | undefined {
    if (this.command.strict !== false) return super.args(args);
    this.command.strict = true;
    return super.args(args.map((arg, index) => (index === args.length - 1 ? { ...arg, multiple: true } : arg)));
  }

  /** Without every flag spelled out: they are listed right below. */
  protected override defaultUsage(): string {
    const [, ...words] = usageWords(this.command);
    return words.join(' ');
  }

  /** Without the summary, which stands above already. */
  protected override description(): string | undefined {
    const { description } = this.command;
    return description === undefined ? undefined : this.wrap(description);
  }

  /** What the command does right after its usage, not below all the flags. */
  protected override sections() {
    const sections = super.sections();
    const rank = (header: string): number => ['USAGE', 'DESCRIPTION'].indexOf(header.toUpperCase());
    const first = sections.filter(({ header }) => rank(header) >= 0).sort((a, b) => rank(a.header) - rank(b.header));
    return [...first, ...sections.filter(({ header }) => rank(header) < 0)];
  }

  /** A command's own groups first, what every command has last. */
  protected override groupFlags(flags: Command.Flag.Any[]) {
    const { flagGroups, mainFlags } = super.groupFlags(flags);
    const { [lastGroup]: last, ...groups } = flagGroups;
    return { mainFlags, flagGroups: last === undefined ? groups : { ...groups, [lastGroup]: last } };
  }
}

export class SheafHelp extends Help {
  protected override CommandHelpClass = SheafCommandHelp;

  /** The help of one command as plain text, for the help pages. */
  textOf(command: Command.Loadable): string {
    return this.formatCommand(command).trim();
  }

  protected override async showRootHelp(): Promise<void> {
    await super.showRootHelp();
    this.log('Run "sheaf COMMAND --help" for the arguments, flags and examples of a command.');
  }
}
