/**
 * The base of every command: flags and arguments parsed before `run`, the wiring on demand, one way to print a result and
 * one way to fail.
 *
 * A command declares `args`, `flags`, `summary`, `examples` and implements `run`, which prints the text form of the result
 * with `this.output.print(...)` and returns its JSON form.
 */
import { Command } from '@oclif/core/command';
import type { InferredArgs, InferredFlags, Input } from '@oclif/core/interfaces';
import { BugError } from '../foundation/errors.ts';
import { type FlagShape, normalizeArgv } from './argv.ts';
import { signalExitCodes } from './end-process.ts';
import { createEnvironment, type Environment } from './environment.ts';
import { asSheafError } from './error-view.ts';
import { baseFlags } from './flags.ts';
import { createOutput, type Output } from './output.ts';
import { asUsageError } from './parse-errors.ts';
import { type RunSettings, settingsOf } from './settings.ts';

/** The values of a command's flags, its own and the common ones. */
export type FlagsOf<T extends typeof Command> = InferredFlags<typeof baseFlags & T['flags']>;
/** The values of a command's arguments. */
export type ArgsOf<T extends typeof Command> = InferredArgs<T['args']>;

export abstract class BaseCommand<T extends typeof Command> extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = baseFlags;

  #input: { flags: FlagsOf<T>; args: ArgsOf<T>; positionals: readonly string[] } | undefined;
  #settings: RunSettings | undefined;
  #environment: Environment | undefined;
  #output: Output | undefined;

  /** Does the work and returns the JSON form of the result. */
  abstract override run(): Promise<unknown>;

  protected get flags(): FlagsOf<T> {
    return this.#parsed().flags;
  }

  protected get args(): ArgsOf<T> {
    return this.#parsed().args;
  }

  /** All arguments in order, for commands that take any number of them. */
  protected get positionals(): readonly string[] {
    return this.#parsed().positionals;
  }

  /** Session, store and registries of this run; made on first use. */
  protected get env(): Environment {
    this.#environment ??= createEnvironment({
      settings: this.settings,
      env: process.env,
      stderr: process.stderr,
      userAgent: `sheaf/${this.config.version}`,
    });
    return this.#environment;
  }

  /** The shared flags, read. */
  protected get settings(): RunSettings {
    this.#settings ??= settingsOf(this.#parsed().flags as Record<string, unknown>);
    return this.#settings;
  }

  protected get output(): Output {
    this.#output ??= createOutput(process.stdout, this.jsonEnabled());
    return this.#output;
  }

  /** The status with which the process ends although nothing failed: for commands whose status is their answer. */
  protected endWith(status: number): void {
    process.exitCode = status;
  }

  /** Something that a person should know although the run goes on. */
  override warn(input: Error | string): Error | string {
    const message = typeof input === 'string' ? input : input.message;
    this.env.session.emit({ type: 'warning', code: 'WARNING', message });
    return input;
  }

  /** oclif's own `init` looks for deprecated commands in the loaded configuration, which the lean runner does not have. */
  protected override async init(): Promise<void> {
    const command = this.ctor;
    try {
      const flags = { ...command.baseFlags, ...command.flags } as Record<string, FlagShape>;
      this.argv = normalizeArgv(this.argv, flags);
      const { flags: values, args, raw } = await this.parse(withoutStdin(command));
      // not oclif's own `argv`: it puts an argument that equals the value of an earlier flag in that flag's place
      const positionals = raw.filter((token) => token.type === 'arg').map((token) => token.input);
      this.#input = { flags: values as FlagsOf<T>, args: args as ArgsOf<T>, positionals };
    } catch (thrown) {
      throw asUsageError(thrown, command);
    }
    // contradictions between shared flags show before any work
    void this.settings;
  }

  /** Errors go up to the one place that shows them. */
  protected override async catch(thrown: Error): Promise<never> {
    const stoppedBy = this.#environment?.stoppedBy;
    if (stoppedBy !== undefined) process.exitCode = signalExitCodes[stoppedBy];
    throw asSheafError(thrown, stoppedBy !== undefined);
  }

  protected override async finally(): Promise<void> {
    await this.#environment?.[Symbol.asyncDispose]();
  }

  /** By the parsed flag alone; oclif also looks at an environment variable. */
  override jsonEnabled(): boolean {
    return this.#input !== undefined && this.settings.json;
  }

  protected override logJson(document: unknown): void {
    this.output.json(document);
  }

  #parsed(): { flags: FlagsOf<T>; args: ArgsOf<T>; positionals: readonly string[] } {
    if (this.#input === undefined) throw new BugError('flags and arguments are read before they are parsed');
    return this.#input;
  }
}

type Values = Record<string, unknown>;

/** oclif takes a missing argument from stdin, which no peer does and which would swallow somebody else's input. */
function withoutStdin(command: typeof Command): Input<Values, Values, Values> {
  const { flags, baseFlags: base, enableJsonFlag, strict, constraints } = command;
  const args = Object.fromEntries(
    Object.entries(command.args).map(([name, arg]) => [name, { ...arg, ignoreStdin: true }]),
  );
  return { flags, baseFlags: base, enableJsonFlag, strict, constraints, args };
}
