/** Where podman does more than buildah, or is right where buildah is not, sheaf is like podman. */
import { type Case, list, push } from './case.ts';
import type { Names } from './names.ts';

/** Flags of `push` that say nothing when they are empty. */
const mayBeEmpty = ['--format', '--compression-format', '--digestfile', '--authfile', '--cert-dir'];

export function podmanCases({ app, docker, list: index, digest, file }: Names): Case[] {
  return [
    {
      name: 'add several images',
      commands: [['create', list], ['add', list, app('s390x'), app('amd64'), docker('arm64')], push],
    },
    {
      name: 'add all of several lists, the first of each with an annotation',
      commands: [
        ['create', list],
        ['add', '--all', '--annotation', 'a=b', list, index('foreign'), app('386'), index('attested')],
        push,
      ],
    },
    {
      name: 'annotations with commas',
      commands: [
        ['create', '--annotation', 'a=b,c=d', list, app('amd64')],
        ['add', '--annotation', 'e=f,g', '--annotation', 'h=","', list, app('s390x')],
        ['annotate', '--annotation', 'i=j,k=l', list, digest('amd64')],
        ['annotate', '--index', '--annotation', 'm=n,o', list],
        push,
      ],
    },
    {
      // a config of two bytes, as the specification wants it; buildah calls the empty file itself an empty descriptor
      name: 'artifact config that is an empty file',
      commands: [
        ['create', list],
        ['add', '--artifact', '--artifact-config', file('empty'), list, file('binary')],
        push,
      ],
    },
    {
      // a script may well have an empty --artifact-layer-type "$TYPE"
      name: 'artifact with flags that are empty',
      commands: [
        ['create', list],
        ['add', '--artifact', '--artifact-config', '', '--artifact-config-type', '', list, file('page.html')],
        ['add', '--artifact', '--artifact-layer-type', '', '--artifact-type', '', list, file('notes.txt')],
        push,
      ],
    },
    {
      name: 'push with flags that are empty',
      commands: [
        ['create', list, app('amd64'), app('arm64')],
        ['push', ...mayBeEmpty.flatMap((flag) => [flag, '']), list, '{dest}:out'],
      ],
    },
    {
      name: 'push without a transport',
      commands: [
        ['create', list, app('amd64'), app('arm64')],
        ['push', list, '{dest-bare}:out'],
      ],
    },
    {
      name: 'push to the name of the list',
      commands: [
        ['create', '{dest-bare}:out', app('amd64'), app('arm64')],
        ['push', '{dest-bare}:out'],
      ],
    },
    {
      name: 'push --format v2s2 and oci',
      commands: [
        ['create', '--all', list, index('four')],
        ['push', '--format', 'v2s2', list, '{dest}:v2s2'],
        ['push', '--format', 'oci', list, '{dest}:oci'],
      ],
    },
  ];
}
