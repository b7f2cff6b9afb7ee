/**
 * Brings an argument vector that the peers' parser (pflag) takes into the form that oclif's parser takes.
 *
 * pflag lets every boolean carry a value (`--tls-verify=false`) and lets the last of several occurrences win; oclif would
 * read `false` as an argument and refuse a repeated flag.
 */
import { UsageError } from '../foundation/errors.ts';

/** What must be known of a flag; oclif's own flag objects satisfy it. */
export interface FlagShape {
  type: 'boolean' | 'option';
  char?: string;
  aliases?: string[];
  charAliases?: string[];
  allowNo?: boolean;
  multiple?: boolean;
}

const truths: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
]);

/**
 * `argv` rewritten: `--flag=BOOL` becomes `--flag`, `--no-flag` or (where false is what the flag is without being given)
 * nothing, and of a flag that takes one value only the last occurrence is left. Nothing after `--` is touched.
 * Throws UsageError for a boolean flag with a value that is no boolean.
 */
export function normalizeArgv(argv: readonly string[], flags: Readonly<Record<string, FlagShape>>): string[] {
  const names = lookup(flags);
  /** Tokens per flag occurrence, so that an earlier occurrence can be taken out again. */
  const out: string[][] = [];
  const last = new Map<string, string[]>();
  const remember = (name: string, tokens: string[]): void => {
    const earlier = last.get(name);
    if (earlier !== undefined) earlier.length = 0;
    last.set(name, tokens);
    out.push(tokens);
  };
  for (let at = 0; at < argv.length; at += 1) {
    const token = argv[at] ?? '';
    if (token === '--') {
      out.push(argv.slice(at));
      break;
    }
    const [written, value] = splitValue(token);
    const name = names.get(written);
    const flag = name === undefined ? undefined : flags[name];
    if (name === undefined || flag === undefined) {
      out.push([token]);
    } else if (flag.type === 'boolean') {
      remember(name, booleanTokens(name, flag, written, value));
    } else if (value !== undefined) {
      const tokens = [written, value];
      if (flag.multiple === true) out.push(tokens);
      else remember(name, tokens);
    } else {
      at += 1;
      const following = argv[at];
      const tokens = following === undefined ? [token] : [token, following];
      if (flag.multiple === true) out.push(tokens);
      else remember(name, tokens);
    }
  }
  return out.flat();
}

/** Every way to write a flag (`--all`, `--no-all`, `-a`) to its name. */
function lookup(flags: Readonly<Record<string, FlagShape>>): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, flag] of Object.entries(flags)) {
    for (const long of [name, ...(flag.aliases ?? [])]) {
      names.set(`--${long}`, name);
      if (flag.type === 'boolean' && flag.allowNo === true) names.set(`--no-${long}`, name);
    }
    for (const char of [flag.char, ...(flag.charAliases ?? [])]) if (char !== undefined) names.set(`-${char}`, name);
  }
  return names;
}

function splitValue(token: string): [written: string, value: string | undefined] {
  const at = token.startsWith('-') ? token.indexOf('=') : -1;
  return at < 0 ? [token, undefined] : [token.slice(0, at), token.slice(at + 1)];
}

function booleanTokens(name: string, flag: FlagShape, written: string, value: string | undefined): string[] {
  if (value === undefined) return [written];
  const given = truths.get(value);
  if (given === undefined) {
    throw new UsageError(`invalid argument "${value}" for "${written}": it is neither true nor false`, {
      code: 'INVALID_FLAG_VALUE',
      hint: `Write ${written}=true or ${written}=false.`,
    });
  }
  const on = written.startsWith('--no-') && written !== `--${name}` ? !given : given;
  if (on) return [`--${name}`];
  return flag.allowNo === true ? [`--no-${name}`] : [];
}
