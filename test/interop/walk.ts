/** Random walks over the commands: every walk is the same on every run. */
import { type Case, type Command, list } from './cases/case.ts';
import { files, type Names } from './cases/names.ts';
import { eightPlatforms } from './sources.ts';

const steps = 20;

/** A list that is edited `steps` times and pushed now and then. */
export function walkOf(seed: number, names: Names): Case {
  const random = createRandom(seed);
  const commands: Command[] = [['create', list]];
  let pushes = 0;
  for (let step = 1; step <= steps; step += 1) {
    commands.push(edit(random, names));
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

const keys = Object.keys(eightPlatforms);
const dockerKeys = ['amd64', 'arm64', 's390x'];
const lists = [
  'four',
  'overlap',
  'annotated',
  'mixed',
  'urls',
  'bare',
  'variants',
  'windows',
  'zstd',
  'foreign',
  'docker',
  'plain',
];
const annotations = ['a=b', 'a=c', 'b=', 'c=<&>', 'd=\u00fc', 'e=x=y'];
const flagChoices: ReadonlyArray<readonly string[]> = [
  ['--os', 'freebsd'],
  ['--arch', 'arm64'],
  ['--arch', 'arm', '--variant', 'v7'],
  ['--variant', 'v5'],
  ['--os-version', '1.2.3'],
  ['--os-features', 'p,q'],
  ['--features', 'sse4,avx'],
];

function edit(random: Random, names: Names): Command {
  const image = (): string =>
    random.chance(0.7) ? names.app(random.pick(keys)) : names.docker(random.pick(dockerKeys));
  const digest = (): string =>
    random.chance(0.7) ? names.digest(random.pick(keys)) : names.dockerDigest(random.pick(dockerKeys));
  const flags = (annotationChance: number): string[] => [
    ...(random.chance(0.5) ? random.pick(flagChoices) : []),
    ...(random.chance(annotationChance) ? ['--annotation', random.pick(annotations)] : []),
  ];
  const kinds: ReadonlyArray<() => string[]> = [
    () => ['add', ...flags(0.15), list, image()],
    () => ['add', list, image()],
    () => ['add', '--all', list, names.list(random.pick(lists))],
    () => ['add', ...flags(0.1), list, names.list(random.pick(lists))],
    () => ['annotate', ...atLeastOne(flags(0.3)), list, digest()],
    () => ['annotate', ...atLeastOne(flags(0.3)), list, image()],
    () => ['remove', list, digest()],
    () => ['create', '--amend', list, image()],
    () =>
      random.chance(0.4)
        ? ['annotate', '--index', '--annotation', random.pick(annotations), list]
        : ['add', '--artifact', ...flags(0.3), list, names.file(random.pick(Object.keys(files)))],
  ];
  return random.pick(kinds)();
}

const atLeastOne = (flags: readonly string[]): readonly string[] => (flags.length > 0 ? flags : ['--os-version', '9']);
