/** Starts programs as a person would: in a process of their own, with nothing of the user's settings. */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { checkDocument } from '../../support/json-documents.ts';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface StartOptions {
  env?: NodeJS.ProcessEnv;
  /** Text for stdin; without it stdin is closed. */
  input?: string;
  /** Flags for node itself. */
  nodeFlags?: readonly string[];
  /** Called with everything that has come on stderr so far, whenever more comes. */
  onStderr?: (text: string, child: ChildProcess) => void;
}

/** Sources are stripped and compiled once for all tests. */
const compileCache = fileURLToPath(new URL('../../../node_modules/.cache/sheaf-tests', import.meta.url));

const probe = fileURLToPath(new URL('probe/bin.ts', import.meta.url));
export const sheaf = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

/** Variables that change what a run does. */
const own = /^(SHEAF_|XDG_|NODE_|FORCE_COLOR|NO_COLOR|DEBUG|CI$|REGISTRY_AUTH_FILE|DOCKER_CONFIG)/;

/** Runs `script` to its end. What sheaf prints with --json must be as published. */
export async function run(script: string, args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  const { env = {}, input, nodeFlags = [], onStderr } = options;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
  const child = spawn(process.execPath, [...nodeFlags, script, ...args], {
    env: { ...inherited, NODE_COMPILE_CACHE: compileCache, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onStderr?.(stderr, child);
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = await new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  if (script === sheaf && ended.signal === null) checkDocument(args, stdout);
  return ended;
}

/** Runs a command of the program made for tests. */
export function runProbe(way: 'lean' | 'full', args: readonly string[], options?: StartOptions): Promise<Ended> {
  return run(probe, [way, ...args], options);
}
