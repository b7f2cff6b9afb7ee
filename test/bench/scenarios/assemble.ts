/**
 * Making an index of eight images that stand in one repository, over a long line: the everyday end of a CI matrix. What
 * counts is how many round trips are waited for, one after the other.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { fixtureImage, pushFixtureImage } from '../../../fixtures/images.ts';
import { findPeer, type PeerName } from '../../support/peers.ts';
import { type Contender, compare, report } from '../compare.ts';
import { positive, type Scenario } from '../scenario.ts';

const sheaf = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const architectures = ['amd64', 'arm64', '386', 'ppc64le', 's390x', 'riscv64', 'mips64le', 'loong64'];
/** Ports that the peers are set to speak plain HTTP to. */
const portForPeers = 5008;
const most = 12;

const assemble: Scenario = {
  summary: 'Create and push an index of 8 references, 30 ms away; options: round-trip time in ms (30), rounds (5).',
  async run([roundTripWord = '30', roundsWord = '5']) {
    const roundTrip = positive(roundTripWord);
    const rounds = positive(roundsWord);
    const folder = mkdtempSync(join(tmpdir(), 'sheaf-bench-'));
    // a thread of its own, so that the registry and the long line go on while a contender runs
    const worker = new Worker(new URL('../slow-registry.ts', import.meta.url), {
      workerData: { roundTripMs: roundTrip, port: portForPeers },
    });
    try {
      const { near, far } = await new Promise<{ near: string; far: string }>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      for (const architecture of architectures) {
        const image = await fixtureImage({ platform: { os: 'linux', architecture } });
        await pushFixtureImage(`http://${near}`, 'src/app', image, architecture);
      }
      let count = 0;
      const tag = (): string => {
        count += 1;
        return `t${count}`;
      };
      const env = {
        ...process.env,
        HOME: folder,
        SHEAF_HOME: join(folder, 'store'),
        XDG_CACHE_HOME: join(folder, 'cache'),
        XDG_RUNTIME_DIR: folder,
      };
      const call = (program: string, ...args: string[]): void => {
        const { status, stderr } = spawnSync(program, args, { env, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
        if (status !== 0) throw new Error(`${program} ${args[0]} ended with ${status}: ${stderr}`);
      };
      const sheafAt =
        (host: string): (() => void) =>
        () => {
          const name = `bench:${tag()}`;
          const images = architectures.map((one) => `docker://${host}/src/app:${one}`);
          call(process.execPath, sheaf, 'manifest', 'create', '--tls-verify=false', name, ...images);
          call(
            process.execPath,
            sheaf,
            'manifest',
            'push',
            '-q',
            '--tls-verify=false',
            '--rm',
            name,
            `docker://${host}/src/app:${tag()}`,
          );
        };
      const peer = (name: PeerName, title: string, run: (program: string) => void): Contender[] => {
        const program = findPeer(name);
        if (program !== undefined) return [{ name: title, run: () => run(program) }];
        console.log(`${title}: not installed`);
        return [];
      };
      const references = architectures.map((one) => `${far}/src/app:${one}`);
      const storage = [
        '--root',
        join(folder, 'storage'),
        '--runroot',
        join(folder, 'runroot'),
        '--storage-driver',
        'vfs',
      ];
      const contenders: Contender[] = [
        { name: 'sheaf, create and push', run: sheafAt(far) },
        { name: 'sheaf, the same without the line', run: sheafAt(near) },
        ...peer('buildah', 'buildah manifest create and push', (program) => {
          const name = `localhost/bench:${tag()}`;
          call(
            program,
            ...storage,
            'manifest',
            'create',
            '--tls-verify=false',
            name,
            ...references.map((one) => `docker://${one}`),
          );
          call(
            program,
            ...storage,
            'manifest',
            'push',
            '-q',
            '--all',
            '--rm',
            '--tls-verify=false',
            name,
            `docker://${far}/src/app:${tag()}`,
          );
        }),
        ...peer('crane', 'crane index append', (program) => {
          call(
            program,
            'index',
            'append',
            '--insecure',
            ...references.flatMap((one) => ['-m', one]),
            '-t',
            `${far}/src/app:${tag()}`,
          );
        }),
        ...peer('buildx', 'buildx imagetools create', (program) => {
          call(program, 'imagetools', 'create', '-t', `${far}/src/app:${tag()}`, ...references);
        }),
      ];
      const measured = await compare(contenders, rounds);
      report(measured);
      const [overLine, without] = measured;
      if (overLine === undefined || without === undefined) return;
      // the best of each: what else the machine did is in all the others
      const trips = (overLine.min - without.min) / roundTrip;
      console.log(`\nsheaf waits for ${trips.toFixed(1)} round trips (limit ${most})`);
      if (trips > most) process.exitCode = 1;
    } finally {
      await worker.terminate();
      rmSync(folder, { recursive: true });
    }
  },
};

export default assemble;
