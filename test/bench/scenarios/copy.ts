/** Copies of a whole release: as it is, again, and with its layers compressed anew, beside the peers. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Contender, compare, report } from '../compare.ts';
import { type Bench, openBench } from '../program.ts';
import { makeRelease } from '../release.ts';
import { oneOf, positive, type Scenario } from '../scenario.ts';

interface Place {
  readonly bench: Bench;
  readonly host: string;
  /** A layout, made anew before each round: some programs remember, for the whole machine, where they have brought a layer. */
  readonly release: string;
}

interface Round {
  readonly title: string;
  /** Of the best of the peers; without one the first contender is not judged. */
  readonly limit?: number;
  /** Whether the layers are plain at first. */
  readonly plain?: boolean;
  /** Who is judged first. */
  contenders(place: Place): Contender[];
}

function to({ host, bench }: Place): string {
  return `docker://${host}/bench/${bench.fresh()}:1`;
}

function sheaf(place: Place, ...flags: string[]): Contender {
  const { bench, release } = place;
  const args = ['image', 'copy', '--all', '--quiet', '--tls-verify=false', ...flags, `oci:${release}:multi`];
  return bench.sheaf('sheaf', () => [...args, to(place)]);
}

function skopeo(place: Place, ...flags: string[]): Contender[] {
  const { bench, release } = place;
  const args = ['copy', '-q', '--all', '--dest-tls-verify=false', ...flags, `oci:${release}:multi`];
  return bench.peer('skopeo', 'skopeo', () => [[...args, to(place)]]);
}

function copies(place: Place): Contender[] {
  const { bench, release, host } = place;
  const oras = ['cp', '--no-tty', '--from-oci-layout', '--to-plain-http', `${release}:multi`];
  const crane = ['push', '--insecure', '--index', release];
  return [
    sheaf(place),
    ...bench.peer('oras', 'oras', () => [[...oras, `${host}/bench/${bench.fresh()}:1`]]),
    ...skopeo(place),
    ...bench.peer('crane', 'crane', () => [[...crane, `${host}/bench/${bench.fresh()}:1`]]),
  ];
}

/** What is left to win next door, and for whom: see least-push.cjs. */
function least(place: Place): Contender[] {
  const { bench, release, host } = place;
  const program = fileURLToPath(new URL('../least-push.cjs', import.meta.url));
  const push = (name: string, ...options: string[]): Contender =>
    bench.node(name, () => [program, release, host, `bench/${bench.fresh()}`, ...options]);
  const [sheafs, oras] = copies(place);
  return [oras, push('the least of Node.js'), push('the same, hashing what it sends', 'hash'), sheafs].filter(
    (contender) => contender !== undefined,
  );
}

/** buildah gets its list before: only the push is measured, as for sheaf. */
function variants(place: Place): Contender[] {
  const { bench, release } = place;
  return [
    sheaf(place, '--add-compression', 'zstd'),
    ...bench.peer('buildah', 'buildah manifest create --all and push', () => {
      const storage = [
        '--root',
        join(bench.folder, 'storage'),
        '--runroot',
        join(bench.folder, 'run'),
        '--storage-driver',
        'vfs',
      ];
      const list = `localhost/${bench.fresh()}`;
      return [
        [...storage, 'manifest', 'create', '--all', list, `oci:${release}:multi`],
        [
          ...[...storage, 'manifest', 'push', '-q', '--all', '--tls-verify=false'],
          ...['--compression-format', 'gzip', '--add-compression', 'zstd', list, to(place)],
        ],
      ];
    }),
  ];
}

const rounds: Readonly<Record<string, Round>> = {
  near: { title: 'the release to an empty repository, next door', limit: 1, contenders: copies },
  least: { title: 'the same, by the least that a program can do', contenders: least },
  far: { title: 'the release to an empty repository, 30 ms away', limit: 0.8, contenders: copies },
  zstd: {
    title: 'all layers from gzip to zstd',
    limit: 0.5,
    contenders: (place) => [
      sheaf(place, '--dest-compress-format', 'zstd'),
      ...skopeo(place, '--dest-compress-format', 'zstd'),
    ],
  },
  gzip: {
    title: 'all layers from plain to gzip',
    limit: 1,
    plain: true,
    contenders: (place) => [
      sheaf(place, '--dest-compress-format', 'gzip'),
      ...skopeo(place, '--dest-compress-format', 'gzip'),
    ],
  },
  variants: { title: 'zstd instances beside those with gzip', limit: 0.5, contenders: variants },
};

/** Pushes the release again where it is, beside an empty program. */
async function nothingToDo(bench: Bench, count: number): Promise<void> {
  console.log('\nthe release again, where it is already');
  const release = join(bench.folder, 'again');
  makeRelease(release);
  const args = ['image', 'copy', '--all', '-q', '--tls-verify=false', `oci:${release}:multi`];
  const push = bench.sheaf('sheaf', () => [...args, `docker://${bench.host}/bench/again:1`]);
  await push.run();
  const measured = await compare([bench.node('an empty Node.js program', () => ['-e', '0']), push], count);
  if (!report(measured, { sheaf: 3 })) process.exitCode = 1;
}

/** Greatest memory in each of the copies, and with one large layer; and how the cost grows with the list. */
async function costs(bench: Bench): Promise<void> {
  console.log('\ngreatest resident memory of sheaf, MiB (limit 150)');
  const [gzip, plain] = [join(bench.folder, 'cost-gzip'), join(bench.folder, 'cost-plain')];
  makeRelease(gzip);
  makeRelease(plain, { compressed: false });
  const [small, large] = [join(bench.folder, 'list20'), join(bench.folder, 'list200')];
  makeRelease(small, { platforms: 20, layers: [0.5, 0.5, 0.5, 0.5, 0.5], seed: 'small' });
  makeRelease(large, { platforms: 200, layers: [0.5, 0.5, 0.5, 0.5, 0.5], seed: 'large' });
  const runs: ReadonlyArray<readonly [string, string, ...string[]]> = [
    ['copy', gzip],
    ['gzip to zstd', gzip, '--dest-compress-format', 'zstd'],
    ['plain to gzip', plain, '--dest-compress-format', 'gzip'],
    ['zstd beside gzip', gzip, '--add-compression', 'zstd'],
    ['200 instances, 1000 layers', large],
  ];
  for (const [title, release, ...flags] of runs) {
    const from = `oci:${release}:multi`;
    const target = `docker://${bench.host}/bench/${bench.fresh()}:1`;
    const used = await bench.memoryOf(['image', 'copy', '--all', '-q', '--tls-verify=false', ...flags, from, target]);
    console.log(`  ${title.padEnd(30)} ${used.toFixed(0)}`);
    if (used > 150) process.exitCode = 1;
  }
  console.log('\na list of 200 instances beside one of 20 (limit 12)');
  const list = (title: string, release: string): Contender => ({
    ...sheaf({ bench, release, host: bench.host }),
    name: title,
  });
  const measured = await compare([list('20 instances', small), list('200 instances', large)], 3);
  if (!report(measured, { '200 instances': 12 })) process.exitCode = 1;
}

async function race(bench: Bench, round: Round, host: string, count: number): Promise<void> {
  console.log(`\n${round.title}`);
  const release = join(bench.folder, 'release');
  const prepare = (): void => {
    rmSync(release, { recursive: true, force: true });
    makeRelease(release, { compressed: round.plain !== true, seed: bench.fresh() });
  };
  const contenders = round.contenders({ bench, host, release }).map((contender) => ({ ...contender, prepare }));
  const measured = await compare(contenders, count);
  report(measured);
  if (measured.length < 2 || round.limit === undefined) return;
  const share = 1 / Math.min(...measured.slice(1).map((one) => one.ratio));
  console.log(`sheaf takes ${share.toFixed(2)} of the best of the others (limit ${round.limit})`);
  if (share > round.limit) process.exitCode = 1;
}

const kinds = [...Object.keys(rounds), 'again', 'costs', 'all'];

const copy: Scenario = {
  summary: `Copy a release of 8 platforms; options: which (${kinds.join(', ')}), rounds (5).`,
  async run([word = 'all', countWord = '5']) {
    const which = oneOf(word, kinds);
    const count = positive(countWord);
    const bench = await openBench();
    const worker = new Worker(new URL('../slow-registry.ts', import.meta.url), {
      workerData: { roundTripMs: 30, port: 5008, target: Number(bench.host.split(':')[1]) },
    });
    try {
      const { far } = await new Promise<{ far: string }>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      const wanted = (name: string): boolean => which === 'all' || which === name;
      for (const [name, round] of Object.entries(rounds)) {
        if (wanted(name)) await race(bench, round, name === 'far' ? far : bench.host, count);
      }
      if (wanted('again')) await nothingToDo(bench, count);
      if (wanted('costs')) await costs(bench);
    } finally {
      await worker.terminate();
      await bench.close();
    }
  },
};

export default copy;
