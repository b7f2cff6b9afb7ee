import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Contender, compare, report } from '../compare.ts';
import { positive, type Scenario } from '../scenario.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const sheaf = join(root, 'bin/run.js');

/** Times an empty Node.js program, at most. */
const limits = { 'sheaf --version': 1.3, 'sheaf manifest exists': 2.5 };

const startup: Scenario = {
  summary: 'Start-up against an empty Node.js program; options: number of rounds (default 40).',
  async run([word = '40']) {
    const rounds = positive(word);
    const home = mkdtempSync(join(tmpdir(), 'sheaf-bench-'));
    const env = { ...process.env, SHEAF_HOME: join(home, 'store'), XDG_CACHE_HOME: join(home, 'cache') };
    const node = (name: string, expected: number, ...args: string[]): Contender => ({
      name,
      run() {
        const { status, stderr } = spawnSync(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
        if (status !== expected) throw new Error(`${name} ended with ${status}: ${stderr}`);
      },
    });
    try {
      const measured = await compare(
        [
          node('node -e 0', 0, '-e', '0'),
          node('sheaf --version', 0, sheaf, '--version'),
          node('sheaf manifest exists', 1, sheaf, 'manifest', 'exists', 'no-such-list'),
          node('sheaf manifest ls', 0, sheaf, 'manifest', 'ls'),
          node('sheaf manifest --help', 0, sheaf, 'manifest', '--help'),
        ],
        rounds,
      );
      if (!report(measured, limits)) process.exitCode = 1;
    } finally {
      rmSync(home, { recursive: true });
    }
  },
};

export default startup;
