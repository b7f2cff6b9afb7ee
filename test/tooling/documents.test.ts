/** The documents: what they lead to is there, and the command lines in them, and in hints, are ones that sheaf takes. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findCommand } from '../../src/cli/find-command.ts';
import { loadConfig } from '../../src/cli/full-run.ts';
import type { Place } from '../../src/cli/place.ts';

const place: Place = { root: new URL('../../', import.meta.url), tree: 'src' };
const root = fileURLToPath(place.root);
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = globSync(['*.md', 'docs/**/*.md'], { cwd: root });

const fence = /^```.*?^```$/gms;
const withoutCode = (text: string): string => text.replace(fence, '');

/** The anchors that GitHub makes of the headings. */
function anchorsOf(path: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutCode(textOf(path)).matchAll(/^#+ (.*)$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    let name = anchor;
    for (let count = 1; anchors.has(name); count += 1) name = `${anchor}-${count}`;
    anchors.add(name);
  }
  return anchors;
}

test('every link of the documents leads to a file and a heading that are there', () => {
  const broken = documents.flatMap((document) =>
    [...withoutCode(textOf(document)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:/.test(link)) return [];
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? document : normalize(join(dirname(document), path));
      const isThere = existsSync(join(root, target)) && (anchor === undefined || anchorsOf(target).has(anchor));
      return isThere ? [] : [`${document}: ${link}`];
    }),
  );
  assert.deepEqual(broken, []);
});

test('every file of the sources that a document names is there', () => {
  const gone = documents.flatMap((document) =>
    [...textOf(document).matchAll(/`((?:test|src|fixtures|bin|docs)\/[\w./-]+)`/g)].flatMap(([, path = '']) =>
      existsSync(join(root, path)) ? [] : [`${document}: ${path}`],
    ),
  );
  assert.deepEqual(gone, []);
});

const { commands } = await loadConfig(place);
const flagsOf = new Map(commands.map(({ id, flags }) => [id, flags]));

/** Every way to write a flag, to whether the next word is its value. */
function flagWords(id: string): ReadonlyMap<string, boolean> {
  const words = new Map<string, boolean>();
  for (const [name, flag] of Object.entries(flagsOf.get(id) ?? {})) {
    const takesValue = flag.type === 'option';
    for (const long of [name, ...(flag.aliases ?? [])]) {
      words.set(`--${long}`, takesValue);
      if (flag.type === 'boolean' && flag.allowNo === true) words.set(`--no-${long}`, false);
    }
    for (const char of [flag.char, ...(flag.charAliases ?? [])])
      if (char !== undefined) words.set(`-${char}`, takesValue);
  }
  return words;
}

/** What is wrong with a command line, of which the first word, `sheaf`, is left out. */
function wrongWith(line: string): string | undefined {
  const request = findCommand(line.match(/"[^"]*"|'[^']*'|\S+/g) ?? [], place);
  if (line.trim() === '--version') return undefined;
  if (request.kind === 'unknown') return `no command "${request.words.join(' ')}"`;
  if (request.kind === 'help') return undefined;
  const known = flagWords(request.id);
  for (let at = 0; at < request.argv.length && request.argv[at] !== '--'; at += 1) {
    const [flag = '', ...value] = (request.argv[at] ?? '').split('=');
    if (!/^--?[a-z]/.test(flag)) continue;
    if (!known.has(flag)) return `no ${flag} of ${request.id}`;
    if (known.get(flag) && value.length === 0) at += 1;
  }
  return undefined;
}

/** The command lines of sheaf in code: between one separator of a shell and the next, without comments. */
function commandLines(code: string): string[] {
  return code
    .split(/\n|&&|\|\||\| |; /)
    .flatMap((part) => /^\s*(?:\$ )?sheaf (?!\.\.\.)([^#]+)/.exec(part.trim())?.[1] ?? [])
    .filter((line) => !/^[^a-z-]/.test(line));
}

test('every command line in the documents is one that sheaf takes', () => {
  let count = 0;
  const wrong = documents.flatMap((document) => {
    const text = textOf(document);
    const spans = [...withoutCode(text).matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replaceAll('\n', ' '));
    return [...(text.match(fence) ?? []), ...spans].flatMap(commandLines).flatMap((line) => {
      count += 1;
      const why = wrongWith(line);
      return why === undefined ? [] : [`${document}: sheaf ${line}: ${why}`];
    });
  });
  assert.deepEqual(wrong, []);
  assert.ok(count > 200, `only ${count} command lines were found`);
});

/** Flags of gpg, zstd and tar. */
const ofOthers = ['list-keys', 'list-secret-keys', 'export', 'export-secret-keys', 'sign', 'long', 'ultra', 'sparse'];

test('every flag and command line in a hint is one that sheaf has', () => {
  const known = new Set(commands.flatMap(({ id }) => [...flagWords(id).keys()]));
  for (const name of [...ofOthers, 'help']) known.add(`--${name}`);
  const wrong = globSync('src/**/*.ts', { cwd: root }).flatMap((path) => {
    // words of other tools stand beside what there is instead, which a test of their own looks at
    if (path.endsWith('peer-words.ts')) return [];
    return [...textOf(path).matchAll(/\bhint(?::|\s=).*\n?.*$/gm)].flatMap(([hint]) => {
      const flags = (hint.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? []).filter((flag) => !known.has(flag));
      const lines = [...hint.matchAll(/`(sheaf [^`$]+)`/g)].flatMap(([, line = '']) => commandLines(line));
      return [...flags.map((flag) => `no ${flag}`), ...lines.flatMap((line) => wrongWith(line) ?? [])].map(
        (why) => `${path}: ${why}: ${hint}`,
      );
    });
  });
  assert.deepEqual(wrong, []);
});
