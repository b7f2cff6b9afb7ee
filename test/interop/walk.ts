/** Random walks over the commands: every walk is the same on every run. */
import { type Case, type Command, list } from './cases/case.ts';
import { files, type Names } from './cases/names.ts';
import { eightPlatforms } from './sources.ts';

const steps = 20;

/**
 * A list that is edited `steps` times and pushed now and then. Between two commands buildah forgets what the format of the
 * moment cannot say, and sheaf does not; so walks with an even seed say nothing that only OCI can say, and the others nothing
 * that only a Docker list can say.
 */
export function walkOf(seed: number, names: Names): Case {
  const random = createRandom(seed);
  const terrain = seed % 2 === 0 ? dockerTerrain : ociTerrain;
  const commands: Command[] = [['create', list]];
  let pushes = 0;
  for (let step = 1; step <= steps; step += 1) {
    commands.push(edit(random, terrain, names));
    if (step % 7 === 0 || step === steps) {
      pushes += 1;
      commands.push(['push', list, `{dest}:${pushes}`]);
    }
  }
  return { name: `walk ${seed}`, commands };
}

interface Random {
  /** One of `choices`. */
  pick<T>(choices: readonly T[]): T;
  chance(of: number): boolean;
}

/** mulberry32. */
function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    pick<T>(choices: readonly T[]): T {
      const found = choices[Math.floor(next() * choices.length)];
      if (found === undefined) throw new Error('nothing to pick from');
      return found;
    },
    chance: (of) => next() < of,
  };
}

interface Terrain {
  readonly lists: readonly string[];
  /** Images with configs out of the ordinary, and artifacts. */
  readonly oddImages: readonly string[];
  readonly flags: ReadonlyArray<readonly string[]>;
  readonly annotations: readonly string[];
  readonly artifacts: boolean;
}

const lists = ['annotated', 'urls', 'bare', 'half', 'variants', 'windows', 'foreign', 'plain'];
const flags = [
  ['--os', 'freebsd'],
  ['--arch', 'arm64'],
  ['--arch', 'arm', '--variant', 'v7'],
  ['--variant', 'v5'],
  ['--os-version', '1.2.3'],
  ['--os-features', 'p,q'],
];

const dockerTerrain: Terrain = {
  lists: [...lists, 'docker'],
  oddImages: ['windows', 'variant', 'aliased', 'untyped', 'annotated'],
  flags: [...flags, ['--features', 'sse4,avx'], ['--features', 'neon', '--os', 'plan9']],
  annotations: [],
  artifacts: false,
};

const ociTerrain: Terrain = {
  lists: [...lists, 'four', 'overlap', 'whole', 'mixed', 'hidden', 'zstd'],
  oddImages: ['windows', 'variant', 'nameless', 'without-os', 'untyped', 'artifact', 'referrer', 'chart'],
  flags,
  annotations: ['a=b', 'a=c', 'b=', 'c=<&>', 'd=\u00fc', 'e=x=y'],
  artifacts: true,
};

const keys = Object.keys(eightPlatforms);
const dockerKeys = ['amd64', 'arm64', 's390x'];

function edit(random: Random, terrain: Terrain, names: Names): Command {
  const image = (): string => {
    if (random.chance(0.6)) return names.app(random.pick(keys));
    return random.chance(0.6) ? names.docker(random.pick(dockerKeys)) : names.app(random.pick(terrain.oddImages));
  };
  const digest = (): string =>
    random.chance(0.7) ? names.digest(random.pick(keys)) : names.dockerDigest(random.pick(dockerKeys));
  const annotation = (chance: number): string[] =>
    terrain.annotations.length > 0 && random.chance(chance) ? ['--annotation', random.pick(terrain.annotations)] : [];
  const some = (chance: number): string[] => [
    ...(random.chance(0.5) ? random.pick(terrain.flags) : []),
    ...annotation(chance),
  ];
  const atLeastOne = (): string[] => {
    const given = some(0.3);
    return given.length > 0 ? given : ['--os-version', '9'];
  };
  const kinds: ReadonlyArray<() => string[]> = [
    () => ['add', ...some(0.15), list, image()],
    () => ['add', list, image()],
    () => ['add', '--all', list, names.list(random.pick(terrain.lists))],
    () => ['add', ...some(0.1), list, names.list(random.pick(terrain.lists))],
    () => ['annotate', ...atLeastOne(), list, digest()],
    () => ['annotate', ...atLeastOne(), list, image()],
    () => ['remove', list, digest()],
    () => ['create', '--amend', list, image()],
    () => {
      if (!terrain.artifacts) return ['create', '--amend', '--all', list, names.list(random.pick(terrain.lists))];
      return random.chance(0.4)
        ? ['annotate', '--index', '--annotation', random.pick(terrain.annotations), list]
        : ['add', '--artifact', ...some(0.3), list, names.file(random.pick(Object.keys(files)))];
    },
  ];
  return random.pick(kinds)();
}
