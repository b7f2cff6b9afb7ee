/** `create` in all its forms. */
import { type Case, list, push } from './case.ts';
import type { Names } from './names.ts';

export function createCases({ app, docker, list: index }: Names): Case[] {
  const create = (name: string, ...args: string[]): Case => ({
    name: `create ${name}`,
    commands: [['create', ...args], push],
  });
  return [
    create('empty', list),
    create('with images', list, app('amd64'), app('arm64'), app('armv7')),
    create('with images of both formats', list, docker('amd64'), app('arm64')),
    create('with a list', list, index('four')),
    create('with one image twice', list, app('amd64'), app('s390x'), app('amd64')),
    create('--all with overlapping lists and an image', '--all', list, index('four'), app('riscv64'), index('overlap')),
    create('--all drops the annotations of the source index', '--all', list, index('annotated')),
    create('--all with a plain Docker list', '--all', list, index('plain')),
    create('--all with a Docker list that has features', '--all', list, index('docker')),
    create('--annotation', '--annotation', 'org.example.a=b', list),
    create(
      'with images and annotations',
      '--annotation',
      'z=1',
      '--annotation',
      'a=<&> \u00e9\u2028\u{1f600}',
      list,
      app('amd64'),
    ),
    // sorted by bytes, as nobody's language but Go does it by itself
    create(
      'with annotations in an order of their own',
      ...['\uff5e=1', '\u{1f600}=2', 'B=3', 'a=4', '\u00e9=5', '10=6', '9=7', '__proto__=8'].flatMap((one) => [
        '--annotation',
        one,
      ]),
      list,
      app('amd64'),
    ),
    create('--arch', '--arch', 'arm64', list, index('four')),
    create('--os --arch', '--os', 'linux', '--arch', 's390x', list, index('four')),
    {
      name: 'create --amend',
      commands: [
        ['create', list, app('amd64')],
        ['create', list, app('arm64')],
        ['create', '--amend', '--annotation', 'a=1', list, app('arm64')],
        ['create', '--amend', '--annotation', 'b=2', list],
        ['create', '--amend', '--annotation', 'a=3', list, app('amd64')],
        push,
      ],
    },
    { name: 'create --amend of what is not there yet', commands: [['create', '--amend', list, app('amd64')], push] },
    {
      // buildah leaves an empty list behind, which is in the way of the next try
      name: 'create of what cannot be read',
      commands: [
        ['create', list, app('amd64'), app('nothing')],
        { sheaf: [], buildah: [['rm', list]] },
        ['create', list, app('s390x')],
        push,
      ],
    },
  ];
}
