/** `add --artifact`. */
import { type Case, type Command, list, push } from './case.ts';
import { files, type Names } from './names.ts';

const ociConfig = 'application/vnd.oci.image.config.v1+json';

export function artifactCases({ app, list: index, file }: Names): Case[] {
  const notes = file('notes.txt');
  const artifact = (...args: string[]): Command => ['add', '--artifact', ...args];
  return [
    {
      name: 'artifact of files of all sorts',
      commands: [
        ['create', list, app('amd64')],
        ...Object.keys(files).map((name) => artifact(list, file(name))),
        artifact('--artifact-type', 'application/x-test', list, notes, file('binary'), file('page.html')),
        artifact(list, notes, notes),
        push,
      ],
    },
    {
      name: 'artifact with the flags that shape it',
      commands: [
        ['create', list, app('amd64')],
        artifact('--artifact-type', 'application/vnd.example.thing+json', list, notes),
        artifact('--artifact-config-type', 'application/vnd.example.config', list, notes),
        artifact(
          '--artifact-config',
          file('config.json'),
          '--artifact-config-type',
          'application/vnd.example.config+json',
          list,
          notes,
        ),
        artifact(
          '--artifact-config',
          file('empty'),
          '--artifact-config-type',
          'application/vnd.example.config+json',
          list,
          notes,
        ),
        artifact('--artifact-layer-type', 'application/vnd.example.layer', list, notes, file('binary')),
        artifact('--artifact-exclude-titles', list, notes),
        artifact('--artifact-annotation', 'b=<2>', '--artifact-annotation', 'a=1', list, notes),
        artifact('--artifact-subject', app('amd64'), list, notes),
        artifact('--artifact-subject', index('four'), list, notes),
        artifact('--artifact-subject', app('artifact'), list, notes),
        artifact('--annotation', 'entry=yes', '--artifact-annotation', 'manifest=yes', list, notes),
        push,
      ],
    },
    {
      name: 'artifact with the flags of its entry',
      commands: [
        ['create', list],
        artifact(
          '--os',
          'linux',
          '--arch',
          'arm64',
          '--variant',
          'v8',
          '--os-version',
          '1',
          '--os-features',
          'f',
          list,
          notes,
        ),
        artifact('--arch', 'arm64', '--features', 'g', list, file('binary')),
        artifact('--os-version', '3', list, file('README')),
        push,
      ],
    },
    {
      // buildah calls it an empty descriptor whatever it holds
      name: 'artifact config without a type',
      commands: [
        ['create', list],
        {
          sheaf: [['add', '--artifact', '--artifact-config', file('config.json'), list, notes]],
          buildah: [
            [
              'add',
              '--artifact',
              '--artifact-config',
              file('config.json'),
              '--artifact-config-type',
              ociConfig,
              list,
              notes,
            ],
          ],
        },
        push,
      ],
    },
    {
      name: 'artifacts annotated by file name',
      commands: [
        ['create', list],
        artifact('--artifact-type', 'application/a', '--annotation', 'which=a', list, notes),
        artifact('--artifact-type', 'application/b', list, file('sbom.json'), file('README')),
        ['annotate', '--annotation', 'later=b', list, file('sbom.json')],
        ['annotate', '--annotation', 'later=a', '--arch', 'arm64', list, notes],
        push,
      ],
    },
    {
      name: 'artifacts that cannot be',
      commands: [
        ['create', list],
        ['add', '--artifact-type', 'application/a', list, app('amd64')],
        artifact(list, file('missing')),
        artifact('--artifact-config', file('missing'), list, notes),
        ['add', list, app('amd64')],
        push,
      ],
    },
    {
      name: 'artifact next to attested images, to an OCI layout',
      commands: [
        ['create', '--all', list, index('attested')],
        artifact(list, file('sbom.json'), file('binary')),
        ['push', list, 'oci:{layout}:out'],
      ],
    },
  ];
}
