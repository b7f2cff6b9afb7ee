/** Programs to measure: sheaf as it was built, and the peers that are installed, each with a home that a round begins anew. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { findPeer, type PeerName } from '../support/peers.ts';
import type { Contender } from './compare.ts';

const sheafProgram = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface Bench {
  /** Below /tmp, which the peers see as we do. */
  readonly folder: string;
  /** A registry of CNCF distribution if it is installed, else sheaf's own; in a process of its own. */
  readonly host: string;
  /** A tag or repository that nobody has used. */
  fresh(): string;
  sheaf(title: string, args: () => readonly string[]): Contender;
  /** Node.js by itself. */
  node(title: string, args: () => readonly string[]): Contender;
  /** Nothing, with a line that says so, where the peer is not installed. */
  peer(name: PeerName, title: string, args: () => ReadonlyArray<readonly string[]>): Contender[];
  /** Greatest resident memory in MiB of sheaf with these arguments. */
  memoryOf(args: readonly string[]): Promise<number>;
  close(): Promise<void>;
}

export async function openBench(port = 5007): Promise<Bench> {
  const folder = mkdtempSync('/tmp/sheaf-bench-');
  const { child, host } = await startRegistryProcess(folder, port);
  let count = 0;
  let homes = 0;
  const home = (): NodeJS.ProcessEnv => {
    homes += 1;
    const path = join(folder, `home${homes}`);
    mkdirSync(path);
    return {
      ...process.env,
      HOME: path,
      SHEAF_HOME: join(path, 'store'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      XDG_DATA_HOME: join(path, 'data'),
      XDG_RUNTIME_DIR: path,
    };
  };
  const call = (program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> =>
    new Promise((resolve, reject) => {
      const run = spawn(program, args, { env, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
      let errors = '';
      run.stderr.on('data', (chunk: Buffer) => {
        errors += chunk.toString();
      });
      run.once('error', reject);
      run.once('close', (code) =>
        code === 0 ? resolve() : reject(new Error(`${program} ${args.join(' ')} ended with ${code}: ${errors}`)),
      );
    });
  return {
    folder,
    host,
    fresh: () => {
      count += 1;
      return `r${count}`;
    },
    sheaf: (name, args) => ({ name, run: () => call(process.execPath, [sheafProgram, ...args()], home()) }),
    node: (name, args) => ({ name, run: () => call(process.execPath, args(), process.env) }),
    peer(name, title, commands) {
      const program = findPeer(name);
      if (program === undefined) {
        console.log(`${title}: not installed`);
        return [];
      }
      const run = async (): Promise<void> => {
        const env = home();
        for (const args of commands()) await call(program, args, env);
      };
      return [{ name: title, run }];
    },
    async memoryOf(args) {
      const report = join(folder, 'memory');
      writeFileSync(
        join(folder, 'memory.mjs'),
        // what getrusage says begins with the size of who started the program
        `import { readFileSync, writeFileSync } from 'node:fs';
process.on('exit', () => {
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : '';
  const kibibytes = /^VmHWM:\\s+(\\d+)/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  writeFileSync(${JSON.stringify(report)}, String(kibibytes / 1024));
});`,
      );
      const hook = join(folder, 'memory.mjs');
      await call(process.execPath, ['--import', hook, sheafProgram, ...args], home());
      return existsSync(report) ? Number(readFileSync(report, 'utf8')) : Number.NaN;
    },
    async close() {
      const gone = new Promise((resolve) => child.once('close', resolve));
      child.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startRegistryProcess(folder: string, port: number): Promise<{ child: ChildProcess; host: string }> {
  const program = findPeer('registry');
  const config = join(folder, 'registry.json');
  writeFileSync(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(folder, 'registry') } },
      http: { addr: `127.0.0.1:${port}` },
    }),
  );
  const child =
    program === undefined
      ? spawn(process.execPath, [sheafProgram, 'registry', 'serve', '--port', String(port), '--memory'], {
          stdio: 'ignore',
        })
      : spawn(program, ['serve', config], { stdio: 'ignore' });
  const host = `127.0.0.1:${port}`;
  for (;;) {
    const up = await fetch(`http://${host}/v2/`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (up) return { child, host };
    if (child.exitCode !== null) throw new Error(`the registry ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
