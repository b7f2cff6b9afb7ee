/** `annotate` and `remove`. */
import { eightPlatforms } from '../sources.ts';
import { type Case, list, push } from './case.ts';
import type { Names } from './names.ts';

export function annotateCases({ app, docker, list: index, digest, dockerDigest }: Names): Case[] {
  const all = Object.keys(eightPlatforms);
  const annotate = (name: string, ...lines: string[][]): Case => ({
    name: `annotate ${name}`,
    commands: [['create', list, ...all.map(app)], ...lines.map((line) => ['annotate', ...line]), push],
  });
  const on = (key: string, ...flags: string[]): string[] => [...flags, list, digest(key)];
  return [
    annotate(
      'entries by digest',
      on('amd64', '--annotation', 'a=b'),
      on('arm64', '--annotation', 'b=<&>', '--annotation', 'a='),
      on('armv7', '--os', 'windows', '--os-version', '10.0.1'),
      on('s390x', '--arch', 'arm', '--variant', 'v7'),
      on('ppc64le', '--variant', 'v9'),
      on('386', '--os-features', 'a,b'),
      on('riscv64', '--os-features', 'a', '--os-features', 'b'),
      on('mips64le', '--features', 'sse4', '--annotation', 'a=b'),
    ),
    annotate('--arch without --variant', on('arm64', '--arch', 'arm'), on('armv7', '--arch', 'amd64')),
    annotate('--features', on('amd64', '--features', 'sse4,avx'), on('arm64', '--features', 'neon', '--features', 'x')),
    annotate(
      'in steps that accumulate',
      on('amd64', '--annotation', 'a=1'),
      on('amd64', '--os', 'plan9'),
      on('amd64', '--arch', 'mips'),
      on('amd64', '--variant', 'r6'),
      on('amd64', '--os-version', '4'),
      on('amd64', '--os-features', 'x'),
      on('amd64', '--features', 'y'),
      on('amd64', '--annotation', 'b=2'),
      on('amd64', '--annotation', 'a=3'),
      ['--index', '--annotation', 'i=1', list],
      ['--index', '--annotation', 'j=2', list],
      ['--index', '--annotation', 'i=3', '--annotation', 'c=d=e', list],
    ),
    annotate(
      'by image name',
      ['--annotation', 'a=b', list, app('s390x')],
      ['--annotation', 'c=d', list, app('arm64').slice('docker://'.length)],
    ),
    annotate('--subject', ['--index', '--subject', app('amd64'), list]),
    annotate('--subject of a list', ['--index', '--subject', index('four'), list]),
    annotate('--subject of an artifact', ['--index', '--subject', app('artifact'), list]),
    annotate('--subject without --index', ['--subject', docker('amd64'), list]),
    annotate(
      '--subject and --annotation',
      ['--index', '--subject', app('amd64'), '--annotation', 'a=b', list],
      ['--subject', app('arm64'), list],
    ),
    annotate(
      'what cannot be',
      ['--annotation', 'a=b', list, `sha256:${'a'.repeat(64)}`],
      ['--annotation', 'a=b', list, app('artifact')],
      ['--index', '--os', 'linux', list],
      ['--subject', app('amd64'), '--variant', 'v7', list],
      ['--index', '--annotation', 'a=b', list, digest('amd64')],
      ['--annotation', 'a=b', list],
      ['--annotation', 'ab', list, digest('amd64')],
      ['--annotation', 'a=b', 'no-such-list', digest('amd64')],
    ),
    {
      name: 'annotate features in a list of Docker images',
      commands: [
        ['create', list, docker('amd64'), docker('arm64')],
        ['annotate', '--features', 'sse4,avx', '--os-features', 'z', list, dockerDigest('amd64')],
        push,
        ['annotate', '--index', '--annotation', 'a=b', list],
        push,
      ],
    },
    {
      name: 'annotate entries that have no platform',
      commands: [
        ['create', '--all', list, index('bare')],
        ['annotate', '--arch', 'arm64', list, digest('amd64')],
        ['annotate', '--os-version', '3', list, digest('s390x')],
        push,
      ],
    },
  ];
}

export function removeCases({ app, list: index, digest }: Names): Case[] {
  const start = ['create', '--all', list, index('four')];
  return [
    {
      name: 'remove',
      commands: [
        start,
        ['remove', list, digest('arm64')],
        push,
        ['remove', list, app('amd64')],
        push,
        ['remove', list, digest('arm64')],
        ['remove', 'no-such-list', digest('s390x')],
        ['add', list, app('amd64')],
        push,
      ],
    },
    {
      name: 'remove one of what overlapping lists have',
      commands: [
        ['create', list, app('s390x')],
        ['add', '--all', list, index('overlap')],
        ['remove', list, digest('s390x')],
        push,
      ],
    },
    {
      name: 'remove all',
      commands: [
        ['create', list, app('amd64'), app('s390x')],
        ['remove', list, digest('amd64')],
        ['remove', list, digest('s390x')],
        push,
        ['create', '--amend', '--annotation', 'a=b', list, app('amd64')],
        ['remove', list, digest('amd64')],
        push,
      ],
    },
  ];
}
