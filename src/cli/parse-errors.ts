/** What oclif's parser throws, said in our words (and where the peers have words for it, in theirs). */
import type { Command } from '@oclif/core/command';
import { asError, SheafError, UsageError } from '../foundation/errors.ts';
import { hintForPeersFlag } from './peer-words.ts';
import { nearest } from './suggest.ts';

/** The parts of a command class that a usage error speaks about. */
export type CommandShape = Pick<typeof Command, 'args' | 'flags' | 'baseFlags' | 'strict' | 'usage'> & { id: string };

const seeMore = /\s*\nSee more help with --help$/;

/** What a usage line is made from: the class of a command, or oclif's cached form of it. */
export interface UsageShape {
  id: string;
  args: Readonly<Record<string, { required?: boolean; multiple?: boolean; hidden?: boolean }>>;
  usage?: string | string[] | undefined;
  strict?: boolean | undefined;
}

function commandWords(command: Pick<UsageShape, 'id'>): string[] {
  return ['sheaf', ...command.id.split(/[: ]/)];
}

/** The usage of a command: `sheaf`, `manifest`, `add`, `[FLAGS]`, `LIST`, `IMAGE...`. */
export function usageWords(command: UsageShape): string[] {
  const words = commandWords(command);
  if (typeof command.usage === 'string') return [...words, command.usage];
  words.push('[FLAGS]');
  const args = Object.entries(command.args).filter(([, arg]) => arg.hidden !== true);
  for (const [index, [key, arg]] of args.entries()) {
    const several = arg.multiple === true || (command.strict === false && index === args.length - 1);
    const shown = `${key.toUpperCase()}${several ? '...' : ''}`;
    words.push(arg.required === true ? shown : `[${shown}]`);
  }
  return words;
}

/** Any error of parsing as a UsageError; errors of ours that a flag's own parser threw keep their code and hint. */
export function asUsageError(thrown: unknown, command: CommandShape): Error {
  const error = asError(thrown);
  const text = error.message.replace(seeMore, '');
  const ofFlag = /^Parsing (--\S+) \n\t([\s\S]*)$/.exec(text);
  if (ofFlag !== null) {
    const message = `${ofFlag[1]}: ${lowerFirst(ofFlag[2] ?? '')}`;
    const own = error instanceof SheafError ? error : undefined;
    return new UsageError(message, {
      code: own?.code ?? 'INVALID_FLAG_VALUE',
      hint: own?.hint ?? `"${commandWords(command).join(' ')} --help" tells what it takes.`,
    });
  }
  if (error instanceof SheafError || !isOclifError(error)) return error;
  const usage = `Usage: ${usageWords(command).join(' ')}`;
  if ('flags' in error && Array.isArray(error.flags)) return unknownFlags(error.flags.map(String), command);
  if ('args' in error && Array.isArray(error.args)) return wrongArgs(error, command);
  return betweenFlags(text) ?? new UsageError(lowerFirst(text), { hint: usage });
}

/** Flags that exclude or need each other: oclif heads a list of such, and shows values, which may be secret. */
function betweenFlags(text: string): UsageError | undefined {
  const code = 'CONFLICTING_FLAGS';
  const [, first, second] = /--([\w.-]+)=.* cannot also be provided when using --([\w.-]+)/s.exec(text) ?? [];
  if (first !== undefined && second !== undefined) {
    const hint = 'Leave one of the two away.';
    return new UsageError(`--${second} and --${first} are mutually exclusive`, { code, hint });
  }
  const [, given, missing] = /must be provided when using --([\w.-]+): --([\w.-]+)/.exec(text) ?? [];
  if (given === undefined || missing === undefined) return undefined;
  return new UsageError(`--${given} requires --${missing}`, { code, hint: `Add --${missing}.` });
}

/** Errors that oclif makes on purpose carry this mark. */
function isOclifError(error: Error): boolean {
  return 'oclif' in error || 'parse' in error;
}

function unknownFlags(given: string[], command: CommandShape): UsageError {
  const written = given.map((flag) => flag.split('=', 1)[0] ?? flag);
  const flags = { ...command.baseFlags, ...command.flags };
  const known = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([name]) => `--${name}`);
  const first = written[0] ?? '';
  const meant = first.startsWith('--') ? nearest(first, known) : undefined;
  const ofPeers = written.flatMap((flag) => hintForPeersFlag(flag, flags) ?? []);
  const advice = ofPeers.length > 0 ? ofPeers : meant === undefined ? [] : [`Did you mean ${meant}?`];
  const what = written.length === 1 ? 'unknown flag' : 'unknown flags';
  return new UsageError(`${what}: ${written.join(', ')}`, {
    code: 'UNKNOWN_FLAG',
    hint: [...advice, `Usage: ${usageWords(command).join(' ')}`].join(' '),
  });
}

/** In the words of the peers' parser (cobra). */
function wrongArgs(error: Error, command: CommandShape): UsageError {
  const args = Object.values(command.args);
  const min = args.filter((arg) => arg.required).length;
  const max = args.some((arg) => arg.multiple) || command.strict === false ? Number.POSITIVE_INFINITY : args.length;
  const received = receivedCount(error);
  const message =
    max === Number.POSITIVE_INFINITY
      ? `requires at least ${min} arg(s), only received ${received}`
      : min === max
        ? `accepts ${min} arg(s), received ${received}`
        : `accepts between ${min} and ${max} arg(s), received ${received}`;
  return new UsageError(message, { code: 'WRONG_ARGUMENTS', hint: `Usage: ${usageWords(command).join(' ')}` });
}

function receivedCount(error: Error): number {
  const parse = 'parse' in error ? (error.parse as { output?: { raw?: ReadonlyArray<{ type: string }> } }) : {};
  return (parse.output?.raw ?? []).filter((token) => token.type === 'arg').length;
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? `${text[0]?.toLowerCase() ?? ''}${text.slice(1)}` : text;
}
