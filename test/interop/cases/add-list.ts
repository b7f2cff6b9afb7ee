/** `add` of lists: whole, and one instance of them. */
import { type Case, type Command, list, push } from './case.ts';
import type { Names } from './names.ts';

export function addListCases({ app, docker, list: index }: Names): Case[] {
  const all = (key: string): Case => ({
    name: `add --all of the list "${key}"`,
    commands: [['create', list], ['add', '--all', list, index(key)], push],
  });
  const one = (key: string, ...flags: string[]): Command => ['add', ...flags, list, index(key)];
  return [
    ...[
      'annotated',
      'whole',
      'attested',
      'mixed',
      'urls',
      'bare',
      'hidden',
      'half',
      'variants',
      'windows',
      'zstd',
      'docker',
      'plain',
    ].map(all),
    {
      name: 'add of a list takes the instance for this machine',
      commands: [
        ['create', list],
        ...['four', 'bare', 'attested', 'windows', 'variants', 'foreign', 'docker'].flatMap((key) => [one(key), push]),
        one('zstd'),
        push,
      ],
    },
    {
      // what was chosen shows in the digest printed; at the end only the last entry of each digest is left
      name: 'add of a list takes the instance that flags ask for',
      commands: [
        ['create', list],
        one('four', '--arch', 'arm64'),
        one('four', '--arch', 'arm', '--variant', 'v7'),
        one('four', '--arch', 'arm'),
        one('four', '--os', 'linux', '--arch', 's390x'),
        push,
        one('four', '--arch', 'arm64', '--variant', 'v8'),
        one('four', '--arch', 'arm64', '--variant', 'v9'),
        one('four', '--variant', 'v7'),
        one('four', '--arch', 'sparc'),
        one('variants', '--arch', 'arm', '--variant', 'v5'),
        one('variants', '--arch', 'arm', '--variant', 'v6'),
        one('variants', '--arch', 'arm', '--variant', 'v8'),
        push,
        one('variants', '--arch', 'arm', '--variant', 'v7'),
        one('variants', '--arch', 'arm64'),
        one('docker', '--arch', 's390x'),
        one('docker', '--features', 'neon'),
        push,
      ],
    },
    {
      name: 'add of a list takes the instance that flags ask for, Windows and nameless entries',
      commands: [
        ['create', list],
        one('windows', '--os', 'windows'),
        push,
        one('windows', '--os', 'windows', '--os-version', '10.0.20348.1'),
        one('bare', '--arch', 's390x'),
        push,
      ],
    },
    {
      name: 'add of a list with annotations',
      commands: [
        ['create', list],
        one('four', '--annotation', 'a=b'),
        push,
        one('four', '--all', '--annotation', 'c=d'),
        push,
        one('four', '--all', '--os-version', '1.2', '--os-features', 'x'),
        push,
      ],
    },
    {
      name: 'add of a Docker list with flags',
      commands: [
        ['create', list],
        one('docker', '--all', '--features', 'neon'),
        push,
        one('docker', '--all', '--annotation', 'a=b'),
        push,
      ],
    },
    {
      name: 'add overlapping lists',
      commands: [
        ['create', list, app('s390x')],
        ['add', '--all', list, index('four')],
        ['add', '--all', list, index('overlap')],
        push,
        ['add', '--all', list, index('four')],
        push,
      ],
    },
    {
      name: 'add lists of both formats',
      commands: [
        ['create', list],
        ['add', '--all', list, index('docker')],
        push,
        ['add', '--all', list, index('four')],
        push,
      ],
    },
    {
      name: 'add over an edited entry',
      commands: [
        ['create', '--all', list, index('docker')],
        ['add', '--annotation', 'a=b', '--os-features', 'x', list, docker('s390x')],
        ['add', '--all', list, index('docker')],
        push,
      ],
    },
  ];
}
