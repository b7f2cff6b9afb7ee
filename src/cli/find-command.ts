/** From a command line to the module that runs it: commands are files, so no table of commands is loaded. */
import { existsSync, readdirSync, statSync } from 'node:fs';
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
/** Flags that may stand before the command, as with the peers; those that take a value. */
const leadingWithValue = ['--log-level'];

export function findCommand(given: readonly string[], place: Place): CommandRequest {
  const argv = trailingGlobals(given);
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  if (argv.length === 0) return { kind: 'help', argv };
  if (argv[0] === 'help') return { kind: 'help', argv: [...argv.slice(1), '--help'] };

  const commands = new URL(`${place.tree}/commands/`, place.root);
  const extension = place.tree === 'src' ? '.ts' : '.js';
  const words: string[] = [];
  let folder = commands;
  for (const word of argv) {
    if (!/^[a-z][a-z0-9-]*$/.test(word)) break;
    words.push(word);
    const module = new URL(`${word}${extension}`, folder);
    if (existsSync(module)) {
      if (own.some((flag) => helpFlags.includes(flag))) return { kind: 'help', argv };
      return { kind: 'command', id: words.join(':'), module, argv: argv.slice(words.length) };
    }
    const below = new URL(`${word}/`, folder);
    if (!existsSync(below)) return unknown(words, argv[words.length], commands);
    folder = below;
  }
  // a topic, or nothing but flags
  const rest = argv.slice(words.length);
  if (rest.length === 0 || own.some((flag) => helpFlags.includes(flag))) return { kind: 'help', argv };
  return unknown([...words, rest[0] ?? ''], undefined, commands);
}

/** Common flags that stand before the command, moved to the end of its name: the command parses them. */
function trailingGlobals(argv: readonly string[]): string[] {
  let at = 0;
  while (at < argv.length) {
    const word = argv[at] ?? '';
    if (!word.startsWith('-') || word === '--') break;
    at += leadingWithValue.includes(word) ? 2 : 1;
  }
  const rest = argv.slice(at);
  if (at === 0 || rest.length === 0) return [...argv];
  const end = rest.findIndex((word) => word.startsWith('-'));
  const words = end < 0 ? rest : rest.slice(0, end);
  return [...words, ...argv.slice(0, at), ...rest.slice(words.length)];
}

/** `next`: the word after those, which is the rest of the command's name where a topic was misspelt. */
function unknown(words: string[], next: string | undefined, commands: URL): CommandRequest {
  const ids = commandWords(commands);
  const suggestion =
    slipOf(words, next, ids) ??
    // the right word under the wrong (or no) topic
    ids.find((id) => id.split(' ').at(-1) === words.at(-1));
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
