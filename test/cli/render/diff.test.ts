/** The text of differences: what it shows, and what it leaves out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderChanges } from '../../../src/cli/render/diff.ts';
import { describeList, renderEdit } from '../../../src/cli/render/edit.ts';
import { diffIndexes } from '../../../src/oci/diff-indexes.ts';
import type { ImageIndex, IndexEntry } from '../../../src/oci/image-index.ts';
import { mediaTypes, zstdAnnotation } from '../../../src/oci/media-types.ts';
import { digest, entry, platform } from '../../oci/support.ts';

const index = (...manifests: IndexEntry[]): ImageIndex => ({ mediaType: mediaTypes.ociIndex, manifests });
const shown = (a: ImageIndex, b: ImageIndex): string[] => renderChanges(diffIndexes(a, b));
const attestation = (name: string, of: string): IndexEntry =>
  entry(name, 'unknown/unknown', {
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': digest(of),
    },
  });

test('an attestation stands below its image, and that it points there need not be told', () => {
  const [before, after] = [
    index(entry('a', 'linux/amd64'), attestation('b', 'a')),
    index(entry('c', 'linux/amd64'), attestation('d', 'c')),
  ];
  assert.deepEqual(shown(before, after), [
    '~ linux/amd64',
    `  - digest: ${digest('a')}`,
    `  + digest: ${digest('c')}`,
    '~ linux/amd64 attestation',
    `  - digest: ${digest('b')}`,
    `  + digest: ${digest('d')}`,
  ]);
  const moved = index(entry('c', 'linux/amd64'), attestation('b', 'c'));
  assert.deepEqual(shown(before, moved).slice(3), [
    '~ linux/amd64 attestation',
    `  - annotation vnd.docker.reference.digest: ${digest('a')}`,
    `  + annotation vnd.docker.reference.digest: ${digest('c')}`,
  ]);
  assert.deepEqual(shown(index(), index(attestation('b', 'a'))), [`+ attestation  ${digest('b')}`]);
});

test('an instance is called by its platform and by what tells it from others of that', () => {
  const windows = { ...platform('windows/amd64'), 'os.version': '10.0.1.2', 'os.features': ['win32k'] };
  const all = index(
    entry('a', undefined, { platform: windows }),
    entry('b', 'linux/arm64/v8', { annotations: { [zstdAnnotation]: 'true' } }),
    entry('c', undefined, { artifactType: 'text/x' }),
    entry('d', 'linux/amd64', { mediaType: mediaTypes.ociIndex }),
    entry('e'),
  );
  assert.deepEqual(
    shown(all, index()).map((line) => line.replace(/ {2}sha256:.*/, '')),
    ['- windows/amd64 10.0.1.2 win32k', '- linux/arm64/v8 zstd', '- text/x', '- linux/amd64 index', '- image'],
  );
});

test('values are shown on one line, without what steers a terminal and not at full length', () => {
  const [long, unknown] = ['x'.repeat(300), { note: { deep: ['\u001b[31m'] } }];
  const before = index(entry('a', 'linux/amd64'));
  const after = index(entry('a', 'linux/amd64', { data: long, unknown, annotations: { 'a\nb': 'c\r\u2028d' } }));
  assert.deepEqual(shown(before, after), [
    '~ linux/amd64',
    `  + data: ${'x'.repeat(200)}...`,
    '  + annotation a b: c  d',
    '  + note: {"deep":["\\u001b[31m"]}',
  ]);
});

test('an edit that changes nothing says so, a list that would be made need not', () => {
  assert.deepEqual(renderEdit('annotate it', index(), index()).lines, [
    'Plan: annotate it',
    '  nothing changes on the list',
  ]);
  const made = renderEdit('create it', undefined, index(entry('a', 'linux/amd64')));
  assert.deepEqual(made.lines, ['Plan: create it', `  + linux/amd64  ${digest('a')}`]);
  assert.equal(made.changes.added.length, 1);
  assert.deepEqual(renderEdit('create it', undefined, index()).lines, ['Plan: create it']);
  assert.equal(describeList({ id: '1', names: [] }), '1');
  assert.equal(describeList({ id: '1', names: ['a', 'b'] }), 'a (1)');
});
