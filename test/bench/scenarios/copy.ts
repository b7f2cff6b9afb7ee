/** Copies of a whole release: as it is, again, and with its layers compressed anew, beside the peers. */
import { join } from 'node:path';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { type Contender, compare, report } from '../compare.ts';
import { type Bench, openBench } from '../program.ts';
import { makeRelease } from '../release.ts';
import type { Scenario } from '../scenario.ts';

interface Round {
  /** Against the best of the peers; sheaf is the first. */
  readonly limit: number;
  readonly title: string;
  contenders(bench: Bench, folders: { gzip: string; plain: string }, host: string): Contender[];
}

const quiet = ['--quiet', '--tls-verify=false'];

const rounds: Readonly<Record<string, Round>> = {
  near: {
    title: 'the release to an empty repository, next door',
    limit: 1,
    contenders: (bench, folders, host) => plainCopies(bench, folders.gzip, host),
  },
  far: {
    title: 'the release to an empty repository, 30 ms away',
    limit: 0.8,
    contenders: (bench, folders, host) => plainCopies(bench, folders.gzip, host),
  },
  zstd: {
    title: 'all layers from gzip to zstd',
    limit: 0.5,
    contenders: (bench, { gzip }, host) => [
      bench.sheaf('sheaf', () => [
        'image',
        'copy',
        '--all',
        ...quiet,
        '--dest-compress-format',
        'zstd',
        `oci:${gzip}:multi`,
        to(host, bench),
      ]),
      ...bench.peer('skopeo', 'skopeo', () => [
        [
          'copy',
          '-q',
          '--all',
          '--dest-tls-verify=false',
          '--dest-compress-format',
          'zstd',
          `oci:${gzip}:multi`,
          to(host, bench),
        ],
      ]),
    ],
  },
  gzip: {
    title: 'all layers from plain to gzip',
    limit: 1,
    contenders: (bench, { plain }, host) => [
      bench.sheaf('sheaf', () => [
        'image',
        'copy',
        '--all',
        ...quiet,
        '--dest-compress-format',
        'gzip',
        `oci:${plain}:multi`,
        to(host, bench),
      ]),
      ...bench.peer('skopeo', 'skopeo', () => [
        [
          'copy',
          '-q',
          '--all',
          '--dest-tls-verify=false',
          '--dest-compress-format',
          'gzip',
          `oci:${plain}:multi`,
          to(host, bench),
        ],
      ]),
    ],
  },
};

function to(host: string, bench: Bench): string {
  return `docker://${host}/bench/${bench.fresh()}:1`;
}

function plainCopies(bench: Bench, gzip: string, host: string): Contender[] {
  return [
    bench.sheaf('sheaf', () => ['image', 'copy', '--all', ...quiet, `oci:${gzip}:multi`, to(host, bench)]),
    ...bench.peer('oras', 'oras', () => [
      ['cp', '--no-tty', '--from-oci-layout', '--to-plain-http', `${gzip}:multi`, `${host}/bench/${bench.fresh()}:1`],
    ]),
    ...bench.peer('skopeo', 'skopeo', () => [
      ['copy', '-q', '--all', '--dest-tls-verify=false', `oci:${gzip}:multi`, to(host, bench)],
    ]),
    ...bench.peer('crane', 'crane', () => [
      ['push', '--insecure', '--index', gzip, `${host}/bench/${bench.fresh()}:1`],
    ]),
  ];
}

const copy: Scenario = {
  summary: `Copy a release of 8 platforms; options: which (${Object.keys(rounds).join(', ')}, or all), rounds (5).`,
  async run([which = 'all', count = '5']) {
    const names = which === 'all' ? Object.keys(rounds) : [which];
    const bench = await openBench();
    const worker = new Worker(new URL('../slow-registry.ts', import.meta.url), {
      workerData: { roundTripMs: 30, port: 5008 },
    });
    try {
      const { far } = await new Promise<{ far: string }>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      const folders = { gzip: join(bench.folder, 'gzip'), plain: join(bench.folder, 'plain') };
      makeRelease(folders.gzip);
      makeRelease(folders.plain, { compressed: false });
      for (const name of names) {
        const round = rounds[name];
        if (round === undefined) throw new Error(`there is no copy "${name}"`);
        console.log(`\n${round.title}`);
        const measured = await compare(
          round.contenders(bench, folders, name === 'far' ? far : bench.host),
          Number(count),
        );
        report(measured);
        const best = Math.min(...measured.slice(1).map((one) => one.ratio));
        const share = 1 / best;
        console.log(`sheaf takes ${share.toFixed(2)} of the best of the others (limit ${round.limit})`);
        if (share > round.limit) process.exitCode = 1;
      }
    } finally {
      await worker.terminate();
      await bench.close();
    }
  },
};

export default copy;
