/**
 * What is derived from the sources: oclif.manifest.json (which help is read from without loading every command), the pages in
 * docs/commands/, and the JSON Schemas of what --json prints in docs/schemas/. Writes them; with --check, fails when what stands
 * there is different.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';
import * as z from 'zod';
import { type DocumentName, documents, printedBy } from '../src/cli/documents/index.ts';
import { loadConfig } from '../src/cli/full-run.ts';
import { SheafHelp } from '../src/cli/help.ts';
import type { Place } from '../src/cli/place.ts';

const root = new URL('../', import.meta.url);
const pagesFolder = 'docs/commands';
const schemasFolder = 'docs/schemas';

interface Manifest {
  version: string;
  commands: Record<string, Command.Cached>;
}

/** Nothing else may be in them. */
const folders = [pagesFolder, schemasFolder];

/** File name below the top level to its text. */
type Files = Map<string, string>;

function manifestOf(config: Config): string {
  const [plugin] = config.getPluginsList();
  if (plugin === undefined) throw new Error('oclif found no commands');
  // oclif keeps it on the class of its plugins and leaves it out of their interface
  const { commands, version } = (plugin as typeof plugin & { manifest: Manifest }).manifest;
  const sorted = Object.fromEntries(Object.entries(commands).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ commands: sorted, version }, undefined, 2)}\n`;
}

function pagesOf(config: Config): Files {
  const help = new SheafHelp(config, { maxWidth: 100, stripAnsi: true });
  const commands = config.commands.filter((command) => !command.hidden).sort((a, b) => (a.id < b.id ? -1 : 1));
  const pages: Files = new Map();
  const overview = ['# Commands', '', config.pjson.description ?? '', ''];
  for (const [page, members] of Map.groupBy(commands, pageOf)) {
    const topic = config.topics.find(({ name }) => name === page);
    const title = topic === undefined ? `sheaf ${page}` : `sheaf ${page} ...`;
    pages.set(
      `${pagesFolder}/${page}.md`,
      [`# ${title}`, ...intro(topic?.description), ...members.flatMap((command) => section(command, help))].join('\n'),
    );
    overview.push(`## [${title}](${page}.md)`, ...intro(topic?.description), '| command | |', '|---|---|');
    for (const command of members) {
      overview.push(`| [\`${spoken(command)}\`](${page}.md#${anchor(command)}) | ${command.summary ?? ''} |`);
    }
    overview.push('');
  }
  pages.set(`${pagesFolder}/README.md`, overview.join('\n'));
  return pages;
}

/** Commands of one topic share a page; a command without a topic has its own. */
function pageOf(command: Command.Loadable): string {
  return command.id.split(':')[0] ?? command.id;
}

function spoken(command: Command.Loadable): string {
  return `sheaf ${command.id.replaceAll(':', ' ')}`;
}

function anchor(command: Command.Loadable): string {
  return spoken(command).replaceAll(' ', '-');
}

function intro(text: string | undefined): string[] {
  return text === undefined ? [''] : ['', text, ''];
}

function section(command: Command.Loadable, help: SheafHelp): string[] {
  const title = spoken(command);
  const json = `JSON: ${schemaLinks(command.id, '../schemas/')}`;
  return [`## ${title}`, '', command.summary ?? '', '', '```text', help.textOf({ ...command }), '```', '', json, ''];
}

/** `[plan](plan.json) with --dry-run, else [transfer](transfer.json)`. */
function schemaLinks(id: string, folder = ''): string {
  const link = (name: DocumentName) => `[${name}](${folder}${name}.json)`;
  return (printedBy[id] ?? [])
    .map(({ document, flags }) =>
      flags === undefined ? link(document) : `${link(document)} with ${spokenFlags(flags)}`,
    )
    .join(', else ');
}

const spokenFlags = (flags: readonly string[]): string => flags.map((flag) => `\`${flag}\``).join(' or ');

function schemasOf(config: Config): Files {
  const files: Files = new Map();
  for (const [name, schema] of Object.entries(documents)) {
    files.set(`${schemasFolder}/${name}.json`, `${JSON.stringify(jsonSchema(name, schema), undefined, 2)}\n`);
  }
  const commands = config.commands.filter(({ hidden }) => !hidden).sort((a, b) => (a.id < b.id ? -1 : 1));
  const rows = commands.map((command) => `| \`${spoken(command)}\` | ${schemaLinks(command.id)} |`);
  const about = 'What they promise is in [JSON output](../json-output.md).';
  const others = [
    '| every command that fails | [failure](failure.json) |',
    '| a line of `--progress json` | [progress](progress.json) |',
  ];
  const table = ['| what prints it | schema |', '|---|---|', ...rows, ...others];
  files.set(`${schemasFolder}/README.md`, ['# Schemas', '', about, '', ...table, ''].join('\n'));
  return files;
}

/** As a reader is to understand it: members may be added, so that none is forbidden. */
function jsonSchema(name: string, schema: z.ZodType): unknown {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    override({ jsonSchema: part }) {
      // what says nothing more than the type or the format beside it
      if (part.maximum === Number.MAX_SAFE_INTEGER) delete part.maximum;
      if (part.format === 'date-time') delete part.pattern;
      delete part.propertyNames;
    },
  });
  return { $schema, title: `sheaf: ${name}`, ...rest };
}

function derived(config: Config): Files {
  // the pages last: oclif changes the ids of commands while it writes about them
  return new Map([['oclif.manifest.json', manifestOf(config)], ...schemasOf(config), ...pagesOf(config)]);
}

/** Names of files that differ from what they should be, stale pages included. */
function differences(files: Files): string[] {
  const there = folders.flatMap((folder) => {
    const path = new URL(`${folder}/`, root);
    return existsSync(path) ? readdirSync(path).map((name) => `${folder}/${name}`) : [];
  });
  const wrong = [...files].filter(([name, text]) => {
    const path = new URL(name, root);
    return !existsSync(path) || readFileSync(path, 'utf8') !== text;
  });
  return [...wrong.map(([name]) => name), ...there.filter((name) => !files.has(name))];
}

const place: Place = { root, tree: 'dist' };
const files = derived(await loadConfig(place));
if (process.argv.includes('--check')) {
  const wrong = differences(files);
  if (wrong.length > 0) {
    console.error(`Not what the sources say: ${wrong.join(', ')}\nRun "npm run docs" and commit the result.`);
    process.exitCode = 1;
  }
} else {
  for (const folder of folders) {
    rmSync(fileURLToPath(new URL(folder, root)), { recursive: true, force: true });
    mkdirSync(new URL(folder, root), { recursive: true });
  }
  for (const [name, text] of files) writeFileSync(new URL(name, root), text);
}
