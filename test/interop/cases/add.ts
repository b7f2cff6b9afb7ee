/** `add` of images. */
import { type Case, type Command, list, push } from './case.ts';
import type { Names } from './names.ts';

export function addCases({ app, docker, list: index, digest, layout }: Names): Case[] {
  const withFlags = (...entries: ReadonlyArray<readonly [image: string, ...flags: string[]]>): Command[] =>
    entries.map(([image, ...flags]) => ['add', ...flags, list, image]);
  return [
    {
      name: 'add images, however they are named',
      commands: [
        ['create', list],
        ['add', list, app('amd64')],
        ['add', list, docker('s390x')],
        ['add', list, app('armv7').slice('docker://'.length)],
        ['add', list, app('s390x').replace(/:s390x$/, `@${digest('s390x')}`)],
        ['add', '--all', list, app('arm64')],
        ['add', list, app('artifact')],
        ['add', list, app('referrer')],
        push,
      ],
    },
    {
      name: 'add images that say more, or less, than is usual',
      commands: [
        ['create', list],
        ...['windows', 'variant', 'aliased', 'nameless', 'without-os', 'untyped', 'annotated', 'chart'].map((key) => [
          'add',
          list,
          app(key),
        ]),
        push,
        ['add', '--arch', 'arm64', list, app('nameless')],
        ['add', '--os', 'x', list, app('without-os')],
        ['annotate', '--variant', 'v4', list, app('variant')],
        push,
      ],
    },
    {
      name: 'add from an OCI layout',
      commands: [
        ['create', list],
        ['add', list, layout('amd64')],
        ['add', list, layout('arm64')],
        push,
        ['add', '--all', list, layout('four')],
        push,
        ['add', list, layout('nothing')],
        ['annotate', '--annotation', 'a=b', list, layout('arm64')],
        ['remove', list, layout('amd64')],
        push,
      ],
    },
    {
      name: 'add with platform flags',
      commands: [
        ['create', list],
        ...withFlags(
          [app('amd64'), '--os', 'freebsd'],
          [app('arm64'), '--arch', 'mips'],
          [app('armv7'), '--variant', 'v3'],
          [app('s390x'), '--os-version', '7.7.7'],
          [app('ppc64le'), '--os-features', 'win32k'],
          [app('386'), '--os-features', 'a,b', '--os-features', 'c'],
          [
            app('riscv64'),
            '--os',
            'windows',
            '--arch',
            'arm64',
            '--variant',
            'v8',
            '--os-version',
            '10.0',
            '--os-features',
            'x',
          ],
          [app('artifact'), '--os', 'linux', '--arch', 'amd64'],
        ),
        push,
      ],
    },
    {
      // a script may well have an empty --variant "$VARIANT"
      name: 'add and annotate with flags that are empty',
      commands: [
        ['create', list],
        ['add', '--os', '', '--arch', '', '--variant', '', '--os-version', '', list, app('armv7')],
        ['add', '--features', '', '--os-features', '', list, app('amd64')],
        ['add', '--arch', '', list, index('foreign')],
        ['add', '--arch', 's390x', '--variant', '', list, index('four')],
        ['annotate', '--variant', '', list, digest('armv7')],
        ['annotate', '--arch', '', '--os', '', '--os-features', '', '--features', '', list, digest('armv7')],
        push,
      ],
    },
    {
      name: 'add with features',
      commands: [
        ['create', list],
        ...withFlags(
          [app('amd64'), '--features', 'sse4'],
          [docker('arm64'), '--features', 'sse4,avx', '--features', 'aes'],
        ),
        push,
        // annotations make it an OCI index, which has no features
        ...withFlags([app('amd64'), '--features', 'sse4', '--annotation', 'a=b']),
        push,
      ],
    },
    {
      name: 'add with annotations',
      commands: [
        ['create', list],
        ...withFlags(
          [app('amd64'), '--annotation', 'a=b'],
          [app('arm64'), '--annotation', 'b=2', '--annotation', 'a=1', '--annotation', 'b=3'],
          [app('armv7'), '--annotation', 'empty='],
          [app('s390x'), '--annotation', 'equals=a=b', '--annotation', 'spaces= a  b '],
          [app('ppc64le'), '--annotation', 'odd=<a>&\u00fc\u2029\t\b\f\u0007\u007f'],
          [app('386'), '--annotation', 'no-equals-sign'],
        ),
        {
          sheaf: [['add', '--annotation', 'a=b', '--annotation', 'c=d', list, app('386')]],
          buildah: [['add', '--annotation', 'a=b,c=d', list, app('386')]],
        },
        push,
      ],
    },
    {
      name: 'add the same image twice',
      commands: [
        ['create', list, app('amd64'), app('arm64')],
        ['add', '--annotation', 'a=b', '--variant', 'v2', list, app('amd64')],
        ['add', list, app('amd64')],
        push,
        ['add', '--annotation', 'a=b', list, app('arm64')],
        push,
      ],
    },
    {
      name: 'add several images',
      commands: [
        ['create', list],
        {
          sheaf: [['add', list, app('s390x'), app('amd64'), docker('arm64')]],
          buildah: [...['s390x', 'amd64'].map((key) => ['add', list, app(key)]), ['add', list, docker('arm64')]],
        },
        push,
      ],
    },
    {
      name: 'add what is not there',
      commands: [
        ['create', list, app('amd64')],
        ['add', list, app('nothing')],
        ['add', 'no-such-list', app('amd64')],
        push,
      ],
    },
    {
      name: 'add to a list that is named by its ID',
      commands: [
        ['create', list],
        ['add', '{id}', app('amd64')],
        ['push', '{id}', '{dest}:out'],
        ['add', list, index('four')],
        push,
      ],
    },
  ];
}
