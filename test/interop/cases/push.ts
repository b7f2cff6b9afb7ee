/** `push`, and names of lists. */
import { type Case, list, push } from './case.ts';
import type { Names } from './names.ts';

export function pushCases({ app, docker, list: index, file }: Names): Case[] {
  const four = ['create', '--all', list, index('four')];
  const images = ['create', list, app('amd64'), app('arm64')];
  const to = (...flags: string[]): string[] => ['push', ...flags, list, '{dest}:out'];
  const toLayout = (...flags: string[]): string[] => ['push', ...flags, list, 'oci:{layout}:out'];
  return [
    { name: 'push a list that was taken whole', commands: [['create', '--all', list, index('foreign')], push] },
    {
      // buildah encodes anew; an index that means the same keeps its bytes (docs/adr/0003)
      name: 'push a list that was taken whole and is formatted otherwise',
      compare: 'fields',
      commands: [['create', '--all', list, index('pretty')], push],
    },
    { name: 'push --format oci', commands: [four, to('--format', 'oci')] },
    {
      name: 'push --format oci of Docker images',
      commands: [['create', list, docker('amd64'), docker('arm64')], to('--format', 'oci')],
    },
    { name: 'push --format v2s2', commands: [images, to('--format', 'v2s2')] },
    { name: 'push --format v2s2 of annotated entries', commands: [four, to('--format', 'v2s2')] },
    {
      name: 'push --format v2s2 of Docker images',
      commands: [['create', list, docker('amd64'), docker('arm64')], to('-f', 'docker')],
    },
    {
      name: 'push --format oci of a Docker list that has features',
      commands: [['create', '--all', list, index('docker')], to('--format', 'oci')],
    },
    {
      name: 'push --format v2s2 of attested images',
      commands: [['create', '--all', list, index('attested')], to('--format', 'v2s2')],
    },
    {
      name: 'push --format v2s2 of what a Docker list cannot say',
      commands: [
        images,
        ['annotate', '--subject', app('s390x'), '--annotation', 'a=b', list],
        to('--format', 'v2s2'),
        ['add', '--artifact', list, file('notes.txt')],
        to('--format', 'v2s2'),
      ],
    },
    { name: 'push --format of nonsense', commands: [images, to('--format', 'nonsense')] },
    { name: 'push twice and to several tags', commands: [four, push, push, ['push', list, '{dest}:other']] },
    {
      name: 'push without a transport',
      commands: [images, { sheaf: [['push', list, '{dest-bare}:out']], buildah: [['push', list, '{dest}:out']] }],
    },
    { name: 'push to an OCI layout', commands: [four, toLayout()] },
    {
      name: 'push to an OCI layout that is there already',
      commands: [
        ['create', list, app('amd64')],
        toLayout(),
        ['add', list, app('arm64')],
        toLayout(),
        ['push', list, 'oci:{layout}:two'],
        ['push', list, 'oci:{layout}'],
        ['push', list, 'oci:{layout}'],
      ],
    },
    { name: 'push --all=false to an OCI layout', commands: [four, toLayout('--all=false')] },
    {
      name: 'push --format oci to an OCI layout',
      commands: [['create', list, app('amd64')], toLayout('--format', 'oci')],
    },
    { name: 'push of Docker images to an OCI layout', commands: [['create', list, docker('amd64')], toLayout()] },
    { name: 'push of a list that is not there', commands: [push] },
    { name: 'push --rm', commands: [images, to('--rm'), push] },
    {
      name: 'names of lists',
      commands: [
        ['create', 'UPPER'],
        ['create', 'a:b:c'],
        ['create', 'sp ace'],
        ['create', `${list}:1.0`, app('amd64')],
        ['add', `${list}:1.0`, app('s390x')],
        ['add', list, app('s390x')],
        ['push', `${list}:1.0`, '{dest}:out'],
        ['exists', `${list}:1.0`],
        ['exists', list],
        ['rm', `${list}:1.0`],
        ['rm', `${list}:1.0`],
      ],
    },
  ];
}
