/** From a command line to the module that runs it: commands are files, so no table of commands is loaded. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { commandOfPeers } from './peer-words.ts';
import type { Place } from './place.ts';
import { nearest } from './suggest.ts';

export type CommandRequest =
  /** `id` as oclif writes it (`manifest:add`), the module, and what follows the name of the command. */
  | { kind: 'command'; id: string; module: URL; argv: string[] }
  | { kind: 'help'; argv: string[] }
  | { kind: 'unknown'; words: string[]; suggestion: string | undefined };

/** A way to run a command that was found. */
export type CommandRunner = (request: Extract<CommandRequest, { kind: 'command' }>, place: Place) => Promise<void>;

const helpFlags = ['--help', '-h'];
/** Flags with a value that may stand before the command, as with the peers. */
const leadingWithValue = [
  ...['--log-level', '--policy', '--registries-d', '--registries.d', '--command-timeout', '--tmpdir'],
  ...['--override-arch', '--override-os', '--override-variant'],
];

/** Flags that stand before the command, or between its words, are for the command. */
export function findCommand(argv: readonly string[], place: Place): CommandRequest {
  if (argv[0] === 'help') return findCommand([...argv.slice(1), '--help'], place);
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const asksForHelp = own.some((flag) => helpFlags.includes(flag));

  const commands = new URL(`${place.tree}/commands/`, place.root);
  const extension = place.tree === 'src' ? '.ts' : '.js';
  const words: string[] = [];
  const leading: string[] = [];
  let folder = commands;
  let at = 0;
  for (; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word.startsWith('-') && word !== '--') {
      const end = leadingWithValue.includes(word) ? at + 1 : at;
      leading.push(...argv.slice(at, end + 1));
      at = end;
      continue;
    }
    if (!/^[a-z][a-z0-9-]*$/.test(word)) break;
    words.push(word);
    const module = new URL(`${word}${extension}`, folder);
    if (existsSync(module)) {
      const rest = [...leading, ...argv.slice(at + 1)];
      if (asksForHelp) return { kind: 'help', argv: [...words, ...rest] };
      return { kind: 'command', id: words.join(':'), module, argv: rest };
    }
    const below = new URL(`${word}/`, folder);
    if (!existsSync(below)) return unknown(words, argv[at + 1], commands);
    folder = below;
  }
  // a topic, or nothing but flags
  const stray = argv[at] ?? leading[0];
  if (stray === undefined || asksForHelp) return { kind: 'help', argv: [...words, ...leading, ...argv.slice(at)] };
  return unknown([...words, stray], undefined, commands);
}

/** `next`: the word after those, which is the rest of the command's name where a topic was misspelt. */
function unknown(words: string[], next: string | undefined, commands: URL): CommandRequest {
  const ids = commandWords(commands);
  const endingWith = (word: string | undefined): string | undefined => ids.find((id) => id.split(' ').at(-1) === word);
  const suggestion =
    commandOfPeers(words, next) ??
    slipOf(words, next, ids) ??
    // the right word under the wrong (or no) topic
    endingWith(words.at(-1)) ??
    endingWith(next);
  return { kind: 'unknown', words, suggestion };
}

function slipOf(words: readonly string[], next: string | undefined, ids: readonly string[]): string | undefined {
  const topics = [...new Set(ids.filter((id) => id.includes(' ')).map((id) => id.slice(0, id.indexOf(' '))))];
  const [first = '', second] = words;
  if (second === undefined) {
    return (next === undefined ? undefined : nearest(`${first} ${next}`, ids)) ?? nearest(first, [...ids, ...topics]);
  }
  // the topic is right, and no letter of it counts
  const below = ids.filter((id) => id.startsWith(`${first} `)).map((id) => id.slice(first.length + 1));
  const name = nearest(second, below);
  return name === undefined ? undefined : `${first} ${name}`;
}

/** The words of every command: `manifest add`. */
function commandWords(commands: URL): string[] {
  return readdirSync(commands, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[jt]s$/.test(path) && statSync(new URL(path, commands)).isFile())
    .map((path) => path.replace(/\.[jt]s$/, '').replaceAll(/[\\/]/g, ' '))
    .sort();
}
