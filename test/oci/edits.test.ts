import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyEdits, type EntryChanges, type IndexEdit } from '../../src/oci/edits.ts';
import { emptyIndex, type ImageIndex, type IndexEntry } from '../../src/oci/image-index.ts';
import { mediaTypes, zstdAnnotation } from '../../src/oci/media-types.ts';
import { deepFreeze, digest, entry, thrownBy } from './support.ts';

const { ociIndex, dockerList } = mediaTypes;
const index = (...manifests: IndexEntry[]): ImageIndex => deepFreeze({ mediaType: ociIndex, manifests });
const edit = (before: ImageIndex, ...edits: IndexEdit[]): ImageIndex => applyEdits(before, deepFreeze(edits));
const [a, b, c] = [entry('a', 'linux/amd64'), entry('b', 'linux/arm64'), entry('c', 'linux/arm/v7')];

test('no edits change nothing', () => {
  const before = index(a);
  assert.equal(applyEdits(before, []), before);
});

test('add appends', () => {
  assert.deepEqual(edit(emptyIndex(ociIndex), { op: 'add', entry: a }, { op: 'add', entry: b }), index(a, b));
});

test('adding a digest again replaces its entry and moves it to the end', () => {
  const again = entry('a', 'linux/riscv64');
  assert.deepEqual(edit(index(a, b), { op: 'add', entry: again }), index(b, again));
  const twice = index(entry('a', 'linux/arm/v6'), b, entry('a', 'linux/arm/v7'));
  assert.deepEqual(edit(twice, { op: 'add', entry: a }), index(b, a));
});

test('with keepOthers one digest may stand for several platforms', () => {
  const v7 = entry('a', 'linux/arm/v7');
  const both = edit(index(a), { op: 'add', entry: v7, keepOthers: true });
  assert.deepEqual(both, index(a, v7));
  const annotated = { ...v7, annotations: { n: '1' } };
  assert.deepEqual(edit(both, { op: 'add', entry: annotated, keepOthers: true }), index(a, annotated));
  const bare = entry('a');
  assert.deepEqual(edit(index(a), { op: 'add', entry: bare, keepOthers: true }), index(a, bare));
  assert.deepEqual(edit(index(a, bare), { op: 'add', entry: bare, keepOthers: true }), index(a, bare));
  assert.deepEqual(edit(both, { op: 'add', entry: v7, keepOthers: false }), index(v7));
});

test('a platform without any value is none', () => {
  const added = edit(index(), {
    op: 'add',
    entry: { ...entry('a'), platform: { architecture: '', os: '', variant: '' } },
  });
  assert.deepEqual(added.manifests, [entry('a')]);
  const half = { ...entry('a'), platform: { architecture: 'amd64', os: '' } };
  assert.deepEqual(edit(index(), { op: 'add', entry: half }).manifests, [half]);
});

test('what is added keeps every member', () => {
  const full = entry('a', 'linux/amd64', {
    annotations: { x: 'y' },
    artifactType: 't',
    urls: ['u'],
    data: 'e30=',
    unknown: { z: 1 },
  });
  assert.deepEqual(edit(index(b), { op: 'add', entry: full }).manifests[1], full);
});

test('remove takes every entry of the digest, or only that of a platform', () => {
  const twice = index(entry('a', 'linux/arm/v6'), b, entry('a', 'linux/arm/v7'));
  assert.deepEqual(edit(twice, { op: 'remove', digest: a.digest }), index(b));
  const spec = { os: 'linux', architecture: 'arm', variant: 'v7' };
  assert.deepEqual(
    edit(twice, { op: 'remove', digest: a.digest, platform: spec }),
    index(entry('a', 'linux/arm/v6'), b),
  );
});

test('what is not there cannot be removed or changed: the words of the peers', () => {
  const missing = digest('missing');
  const cases: ReadonlyArray<readonly [before: ImageIndex, edit: IndexEdit, message: string, hint: string]> = [
    [
      index(a),
      { op: 'remove', digest: missing },
      `no instance matching digest "${missing}" found in manifest list`,
      'The list has 1 instance.',
    ],
    [
      index(a, b),
      { op: 'annotate-entry', digest: missing, set: {} },
      `no OCI manifest matching digest "${missing}" was found in list`,
      'The list has 2 instances.',
    ],
    [
      emptyIndex(dockerList),
      { op: 'annotate-entry', digest: missing, set: {} },
      `no Docker manifest matching digest "${missing}" was found in list`,
      'The list is empty.',
    ],
    [
      index(a),
      { op: 'remove', digest: a.digest, platform: { os: 'linux', architecture: 's390x' } },
      `no instance matching digest "${a.digest}" found in manifest list (with that platform)`,
      'The list has 1 instance.',
    ],
  ];
  for (const [before, one, message, hint] of cases) {
    const error = thrownBy(() => edit(before, one));
    assert.deepEqual(
      [error.kind, error.code, error.message, error.hint],
      ['not-found', 'INSTANCE_NOT_FOUND', message, hint],
    );
  }
});

const changes: ReadonlyArray<readonly [name: string, before: IndexEntry, set: EntryChanges, after: IndexEntry]> = [
  ['nothing', a, {}, a],
  ['os', a, { os: 'bar' }, entry('a', 'bar/amd64')],
  ['architecture keeps the variant', c, { architecture: 'x' }, entry('c', 'linux/x/v7')],
  ['variant', a, { variant: 'v2' }, entry('a', 'linux/amd64/v2')],
  ['variant away', c, { variant: '' }, entry('c', 'linux/arm')],
  [
    'version and features of the system',
    a,
    { osVersion: '7.7.7', osFeatures: ['y', 'x'] },
    { ...a, platform: { architecture: 'amd64', os: 'linux', 'os.version': '7.7.7', 'os.features': ['y', 'x'] } },
  ],
  [
    'features are replaced',
    { ...a, platform: { architecture: 'amd64', os: 'linux', 'os.features': ['old'], features: ['old'] } },
    { osFeatures: ['new'], features: ['sse4'] },
    { ...a, platform: { architecture: 'amd64', os: 'linux', 'os.features': ['new'], features: ['sse4'] } },
  ],
  [
    'features away',
    {
      ...a,
      platform: { architecture: 'amd64', os: 'linux', 'os.version': '1', 'os.features': ['old'], features: ['old'] },
    },
    { osVersion: '', osFeatures: [], features: [] },
    a,
  ],
  [
    'a platform comes with its first value',
    entry('a'),
    { architecture: 'arm64' },
    { ...entry('a'), platform: { architecture: 'arm64', os: '' } },
  ],
  ['and goes with its last', a, { os: '', architecture: '' }, entry('a')],
  ['nothing empty makes a platform', entry('a'), { os: '', variant: '' }, entry('a')],
  [
    'annotations are merged',
    entry('a', undefined, { annotations: { x: '1', y: '1' } }),
    { annotations: { y: '2', z: '3' } },
    entry('a', undefined, { annotations: { x: '1', y: '2', z: '3' } }),
  ],
  ['no annotations', a, { annotations: {} }, a],
  ['artifact type', a, { artifactType: 'application/x' }, { ...a, artifactType: 'application/x' }],
  ['artifact type away', { ...a, artifactType: 'application/x' }, { artifactType: '' }, a],
  [
    'unknown members stay',
    { ...a, unknown: { x: 1 }, platform: { architecture: 'amd64', os: 'linux', unknown: { y: 2 } } },
    { os: 'bar', annotations: { k: 'v' } },
    {
      ...a,
      unknown: { x: 1 },
      annotations: { k: 'v' },
      platform: { architecture: 'amd64', os: 'bar', unknown: { y: 2 } },
    },
  ],
];

for (const [name, before, set, after] of changes) {
  test(`annotate an entry: ${name}`, () => {
    assert.deepEqual(edit(index(b, before), { op: 'annotate-entry', digest: before.digest, set }), index(b, after));
  });
}

test('separate annotations accumulate', () => {
  const sets: EntryChanges[] = [
    { annotations: { up: 'down' } },
    { os: 'os' },
    { architecture: 'arch' },
    { variant: 'var' },
    { features: ['f'] },
    { osFeatures: ['g'] },
  ];
  const edits = sets.map((set): IndexEdit => ({ op: 'annotate-entry', digest: a.digest, set }));
  assert.deepEqual(edit(index(a), ...edits).manifests, [
    {
      ...a,
      annotations: { up: 'down' },
      platform: { architecture: 'arch', os: 'os', variant: 'var', 'os.features': ['g'], features: ['f'] },
    },
  ]);
});

test('annotations are removed, and a key that is removed and set is set', () => {
  const before = entry('a', undefined, { annotations: { x: '1', y: '2' } });
  const removed = (keys: string[], annotations?: Record<string, string>): IndexEntry | undefined =>
    edit(index(before), {
      op: 'annotate-entry',
      digest: before.digest,
      set: annotations === undefined ? {} : { annotations },
      removeAnnotations: keys,
    }).manifests[0];
  assert.deepEqual(removed(['x']), entry('a', undefined, { annotations: { y: '2' } }));
  assert.deepEqual(removed(['x', 'y', 'absent']), entry('a'));
  assert.deepEqual(removed(['x'], { x: '3' }), entry('a', undefined, { annotations: { y: '2', x: '3' } }));
});

test('annotations with the names of what every object has', () => {
  const annotated = edit(index(a), {
    op: 'annotate-entry',
    digest: a.digest,
    set: { annotations: JSON.parse('{"__proto__":"p"}') },
  });
  const again = edit(annotated, { op: 'annotate-entry', digest: a.digest, set: { annotations: { constructor: 'c' } } });
  assert.deepEqual(Object.entries(again.manifests[0]?.annotations ?? {}), [
    ['__proto__', 'p'],
    ['constructor', 'c'],
  ]);
});

test('of two entries with one digest the first is changed, or that of the platform', () => {
  const [v6, v7] = [entry('a', 'linux/arm/v6'), entry('a', 'linux/arm/v7')];
  const set = { annotations: { k: 'v' } };
  assert.deepEqual(edit(index(v6, v7), { op: 'annotate-entry', digest: v6.digest, set }), index({ ...v6, ...set }, v7));
  const spec = { os: 'linux', architecture: 'arm' };
  assert.deepEqual(
    edit(index(v6, v7), { op: 'annotate-entry', digest: v6.digest, platform: spec, set }),
    index(v6, { ...v7, ...set }),
  );
});

test('annotate the index', () => {
  const subject = entry('s');
  const full = edit(index(a), {
    op: 'annotate-index',
    annotations: { x: '1' },
    artifactType: 'application/t',
    subject,
  });
  assert.deepEqual(full, {
    mediaType: ociIndex,
    manifests: [a],
    annotations: { x: '1' },
    artifactType: 'application/t',
    subject,
  });
  assert.deepEqual(edit(full, { op: 'annotate-index', annotations: { y: '2' } }), {
    ...full,
    annotations: { x: '1', y: '2' },
  });
  assert.deepEqual(edit(full, { op: 'annotate-index' }), full);
  assert.deepEqual(
    edit(full, { op: 'annotate-index', removeAnnotations: ['x'], artifactType: '', subject: null }),
    index(a),
  );
  assert.deepEqual(edit({ ...full, unknown: { z: 1 } }, { op: 'annotate-index', subject: null }).unknown, { z: 1 });
});

const zstd = { [zstdAnnotation]: 'true' };
const moved = (name: string) => ({ mediaType: mediaTypes.ociManifest, digest: digest(name), size: name.length });

test('replace: the manifest changes, the entry stays', () => {
  const before = entry('a', 'linux/amd64', { annotations: { k: 'v' }, urls: ['u'], unknown: { x: 1 } });
  assert.deepEqual(
    edit(index(before, b), { op: 'replace-entries', replacements: [{ position: 0, descriptor: moved('new') }] }),
    index({ ...before, ...moved('new') }, b),
  );
});

test('replace: content that the entry carries itself goes with the manifest that it was', () => {
  const before = entry('a', 'linux/amd64', { data: 'YQ==' });
  const { data, ...without } = before;
  const replaced = (name: string): ImageIndex =>
    edit(index(before), {
      op: 'replace-entries',
      replacements: [{ position: 0, descriptor: moved(name), zstd: true }],
    });
  assert.deepEqual(replaced('new'), index({ ...without, ...moved('new'), annotations: zstd }));
  // marked alone
  assert.deepEqual(replaced('a'), index({ ...before, ...moved('a'), annotations: zstd }));
});

test('replace: annotations are merged or take the place of the old ones', () => {
  const before = entry('a', 'linux/amd64', { annotations: { k: 'v' } });
  const replaced = (replaceAnnotations: boolean): IndexEntry | undefined =>
    edit(index(before), {
      op: 'replace-entries',
      replacements: [{ position: 0, descriptor: moved('a'), annotations: { n: 'w' }, replaceAnnotations }],
    }).manifests[0];
  assert.deepEqual(replaced(false)?.annotations, { k: 'v', n: 'w' });
  assert.deepEqual(replaced(true)?.annotations, { n: 'w' });
});

test('replace: entries with one digest are told apart by position', () => {
  const [v6, v7] = [entry('a', 'linux/arm/v6'), entry('a', 'linux/arm/v7')];
  const replacements = [
    { position: 1, descriptor: moved('seven') },
    { position: 0, descriptor: moved('six') },
  ];
  assert.deepEqual(
    edit(index(v6, v7), { op: 'replace-entries', replacements }),
    index({ ...v6, ...moved('six') }, { ...v7, ...moved('seven') }),
  );
});

test('zstd goes behind gzip, in order, whenever entries came or gzip would be hidden', () => {
  const [za, zb] = [entry('za', 'linux/amd64', { annotations: zstd }), entry('zb', 'linux/arm64')];
  const marked = { ...zb, annotations: zstd };
  assert.deepEqual(
    edit(index(a, b), { op: 'replace-entries', additions: [{ entry: za }, { entry: zb, zstd: true }, { entry: c }] }),
    index(a, b, c, za, marked),
  );
  // an artifact is no gzip of its platform, and must not come to stand before the image
  const artifact = entry('x', 'linux/amd64', { artifactType: 'application/x-sbom' });
  assert.deepEqual(
    edit(index(a, artifact), {
      op: 'replace-entries',
      replacements: [{ position: 0, descriptor: moved('za'), zstd: true }],
    }),
    index({ ...a, ...moved('za'), annotations: zstd }, artifact),
  );
  // an update that marks leaves the order alone as the peers do, unless the platform's gzip stood behind it then
  const update: IndexEdit = {
    op: 'replace-entries',
    replacements: [{ position: 0, descriptor: moved('za'), zstd: true }],
  };
  const updated = { ...a, ...moved('za'), annotations: zstd };
  assert.deepEqual(edit(index(a, b, c), update), index(updated, b, c));
  const second = entry('second', 'linux/amd64');
  assert.deepEqual(edit(index(a, b, second), update), index(b, second, updated));
  // a plain update leaves the order alone
  assert.deepEqual(
    edit(index(za, b), { op: 'replace-entries', replacements: [{ position: 1, descriptor: moved('x') }] }),
    index(za, { ...b, ...moved('x') }),
  );
  assert.deepEqual(edit(index(za, b, c), { op: 'replace-entries', removals: [2] }), index(za, b));
});

test('replace: all positions are those of before', () => {
  assert.deepEqual(
    edit(index(a, b, c), {
      op: 'replace-entries',
      removals: [0],
      replacements: [{ position: 2, descriptor: moved('new') }],
      additions: [{ entry: entry('d') }],
    }),
    index(b, { ...c, ...moved('new') }, entry('d')),
  );
  for (const wrong of [{ removals: [3] }, { replacements: [{ position: -1, descriptor: moved('x') }] }]) {
    assert.throws(() => edit(index(a, b, c), { op: 'replace-entries', ...wrong }), { code: 'BUG' });
  }
});

test('a Docker list takes no annotations, is not sorted, and wants platforms', () => {
  const list: ImageIndex = deepFreeze({ mediaType: dockerList, manifests: [a, b] });
  assert.deepEqual(
    edit(list, {
      op: 'replace-entries',
      replacements: [{ position: 0, descriptor: moved('za'), annotations: { k: 'v' }, zstd: true }],
      additions: [{ entry: c, zstd: true }],
    }),
    { ...list, manifests: [{ ...a, ...moved('za') }, b, c] },
  );
  const error = thrownBy(() => edit(list, { op: 'replace-entries', additions: [{ entry: entry('x') }] }));
  assert.deepEqual([error.kind, error.code], ['unsupported', 'PLATFORM_REQUIRED']);
});
