/** Gives the same commands to sheaf and to buildah and compares what they print and what they leave behind. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RunResult } from '../support/peers.ts';
import type { Case, Command } from './cases/case.ts';

export type ToolName = 'sheaf' | 'buildah' | 'podman';

/** A program that understands `manifest ...`. */
export interface Tool {
  readonly name: ToolName;
  run(...args: string[]): Promise<RunResult>;
}

export interface Place {
  /** `127.0.0.1:5000` */
  readonly host: string;
  /** Below it each tool makes its OCI layouts. */
  readonly folder: string;
}

/** What a tool printed, command after command, and what it left. */
export interface Trace {
  readonly tool: ToolName;
  readonly steps: readonly Step[];
  /** Documents as each push left them, and files of layouts. */
  readonly left: ReadonlyMap<string, Left>;
}

interface Step {
  /** Which of the commands it belongs to. */
  readonly at: number;
  readonly command: string;
  readonly ok: boolean;
  /** IDs of lists are written as `ID`. */
  readonly printed: readonly string[];
  readonly stderr: string;
}

export interface Left {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Commands that reach a registry, as far as they know --tls-verify. */
const reaching: Readonly<Record<ToolName, ReadonlySet<string>>> = {
  buildah: new Set(['create', 'add', 'push', 'inspect']),
  podman: new Set(['create', 'add', 'push', 'inspect']),
  sheaf: new Set(['create', 'add', 'push', 'inspect', 'annotate', 'remove']),
};

export async function trace(tool: Tool, name: string, commands: readonly Command[], place: Place): Promise<Trace> {
  const repository = `${tool.name}/${name}`;
  const layout = join(place.folder, tool.name, name);
  const words: Readonly<Record<string, string>> = {
    '{list}': `localhost/${name}`,
    '{dest}': `docker://${place.host}/${repository}`,
    '{dest-bare}': `${place.host}/${repository}`,
    '{layout}': layout,
  };
  // buildah makes the last folder only
  await mkdir(dirname(layout), { recursive: true });
  let id = 'no-id-yet';
  const steps: Step[] = [];
  const left = new Map<string, Left>();
  let pushes = 0;
  const lines = commands.flatMap((command, at) => linesFor(tool.name, command).map((line) => ({ at, line })));
  for (const { at, line } of lines) {
    const [verb = '', ...rest] = line;
    const args = rest.map((word) => fill(word, { ...words, '{id}': id }));
    const ran = await tool.run(
      'manifest',
      verb,
      ...(reaching[tool.name].has(verb) ? ['--tls-verify=false'] : []),
      ...args,
    );
    const printed = ran.stdout.split('\n').filter((text) => text !== '');
    const ok = ran.code === 0;
    if (verb === 'create' && ok) id = printed[0] ?? id;
    steps.push({
      at,
      command: line.join(' '),
      ok,
      printed: printed.map((text) => text.replaceAll(id, 'ID')),
      stderr: ran.stderr,
    });
    const target = args.at(-1) ?? '';
    if (verb !== 'push' || !ok) continue;
    pushes += 1;
    if (target.startsWith('oci:')) await readLayout(layout, left);
    else await readTag(place.host, target.replace(/^docker:\/\//, ''), `${pushes}`, left);
  }
  return { tool: tool.name, steps, left };
}

function linesFor(tool: ToolName, command: Command): ReadonlyArray<readonly string[]> {
  if (Symbol.iterator in command) return [command];
  if (tool === 'podman') throw new Error('podman is told what sheaf is told');
  return command[tool];
}

function fill(text: string, words: Readonly<Record<string, string>>): string {
  return Object.entries(words).reduce((filled, [word, value]) => filled.replaceAll(word, value), text);
}

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** The document at `HOST/REPOSITORY:TAG`, under the name of its tag and `push`, with everything below it. */
async function readTag(host: string, target: string, push: string, left: Map<string, Left>): Promise<void> {
  const [, repository = '', tag = ''] = /^[^/]+\/(.+):([^:]+)$/.exec(target) ?? [];
  const root = await readManifest(host, repository, tag);
  if (root === undefined) return;
  left.set(`${tag} after push ${push}`, root);
  const entries = (JSON.parse(root.bytes.toString()) as { manifests?: { digest: string }[] | null }).manifests ?? [];
  for (const { digest } of entries) {
    const instance = await readManifest(host, repository, digest);
    if (instance !== undefined) left.set(digest, instance);
  }
}

export async function readManifest(host: string, repository: string, reference: string): Promise<Left | undefined> {
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, { headers: { accept } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status === 404) return undefined;
  assert.equal(answer.status, 200, `${repository}:${reference} answered ${answer.status}: ${bytes}`);
  return { type: answer.headers.get('content-type') ?? '', bytes };
}

async function readLayout(folder: string, left: Map<string, Left>): Promise<void> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const file of found) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name);
    left.set(path.slice(folder.length + 1), { type: '', bytes: await readFile(path) });
  }
}

/** Throws AssertionError with both sides where something differs that must not. */
export function assertSame(one: Case, ours: Trace, theirs: Trace): void {
  for (const step of theirs.steps) {
    // where the two are told differently, the numbers of commands may differ
    if (!(Symbol.iterator in (one.commands[step.at] ?? {}))) continue;
    const own = ours.steps.find(({ at }) => at === step.at);
    assert.ok(own !== undefined);
    assert.equal(own.ok, step.ok, `"${step.command}": sheaf ${said(own)}, ${theirs.tool} ${said(step)}`);
    // of several instances buildah prints only the first; of a push it prints nothing; podman prints the ID and no more
    if (theirs.tool === 'buildah' && step.printed.length > 0 && step.ok && !step.command.startsWith('inspect')) {
      assert.equal(own.printed[0], step.printed[0], `"${step.command}" prints something else`);
    }
  }
  // the index first: it says most
  const names = [...theirs.left].sort(
    ([one], [other]) => Number(one.startsWith('sha256:')) - Number(other.startsWith('sha256:')),
  );
  for (const [name, expected] of names) {
    const found = ours.left.get(name);
    assert.equal(found?.type, expected.type, `media type of ${name}`);
    const [own, other] = [textOf(found), textOf(expected)];
    if (own === other) continue;
    // an OCI layout's own files are written by hand on both sides: their fields count
    const fieldsOnly = one.compare === 'fields' || name === 'index.json' || name === 'oci-layout';
    assert.deepEqual(parsed(own), parsed(other), `fields of ${name}`);
    if (!fieldsOnly) assert.equal(own, other, `bytes of ${name}`);
  }
  assert.deepEqual([...ours.left.keys()].sort(), [...theirs.left.keys()].sort(), 'what was left is not the same');
}

const said = (step: Step): string => (step.ok ? 'does it' : `fails (${step.stderr.trim()})`);
const textOf = (left: Left | undefined): string => left?.bytes.toString('latin1') ?? '';

/** JSON with `"manifests": null` read as an empty list; other content stays text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'latin1').toString(), (key, value: unknown) =>
      key === 'manifests' && value === null ? [] : value,
    );
  } catch {
    return text;
  }
}
