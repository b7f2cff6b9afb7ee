/** Sheaf as a program: what goes in on the command line, what comes out. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkDocument } from '../support/json-documents.ts';
import { type RunResult, run as runProgram } from '../support/peers.ts';

/** Sheaf's command line with a store and a home of its own. */
export interface Sheaf {
  readonly folder: string;
  /** Runs to the end, whatever that is; what it prints with --json must be as published. */
  run(...args: string[]): Promise<RunResult>;
  /** Runs and expects success; gives standard output without the last line end. */
  ok(...args: string[]): Promise<string>;
  /** Runs and expects this exit status. */
  fails(status: number, ...args: string[]): Promise<RunResult>;
  /** The same store and home, with more environment variables. */
  with(env: Readonly<Record<string, string>>): Sheaf;
}

/** What is tested; another build can be put in its place. */
const program = process.env['SHEAF_UNDER_TEST'] ?? join(import.meta.dirname, '..', '..', 'bin', 'run.js');
/** Shared by all runs, so that compiled code is found again; holds nothing of a test. */
const cache = join(tmpdir(), `sheaf-interop-cache-${process.getuid?.() ?? 0}`);

/** `folder` is the working directory, the home and the place of the store. */
export function sheafIn(folder: string, more: Readonly<Record<string, string>> = {}): Sheaf {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    SHEAF_HOME: join(folder, 'store'),
    XDG_CACHE_HOME: cache,
    XDG_RUNTIME_DIR: join(folder, 'run'),
    NO_COLOR: '1',
    ...more,
  };
  mkdirSync(folder, { recursive: true });
  const run = async (...args: string[]): Promise<RunResult> => {
    const ran = await runProgram(process.execPath, [program, ...args], { cwd: folder, env });
    checkDocument(args, ran.stdout);
    return ran;
  };
  return {
    folder,
    run,
    async ok(...args) {
      const ran = await run(...args);
      assert.equal(ran.code, 0, `sheaf ${args.join(' ')} ended with ${ran.code}: ${ran.stderr}${ran.stdout}`);
      return ran.stdout.replace(/\n$/, '');
    },
    async fails(status, ...args) {
      const ran = await run(...args);
      assert.equal(ran.code, status, `sheaf ${args.join(' ')} ended with ${ran.code}: ${ran.stderr}${ran.stdout}`);
      assert.match(ran.stderr, /^Error: /m);
      return ran;
    },
    with: (env) => sheafIn(folder, { ...more, ...env }),
  };
}
