import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffIndexes, isDifferent } from '../../src/oci/diff-indexes.ts';
import { encodeIndex, type ImageIndex, type IndexEntry, parseIndex } from '../../src/oci/image-index.ts';
import { parseJson } from '../../src/oci/json.ts';
import { mediaTypes, zstdAnnotation } from '../../src/oci/media-types.ts';
import { deepFreeze, digest, entry, foreign, platform, raw } from './support.ts';

const { ociIndex, ociManifest, dockerList, dockerManifest } = mediaTypes;
const index = (...manifests: IndexEntry[]): ImageIndex => deepFreeze({ mediaType: ociIndex, manifests });
const windows = (name: string, version: string, more: object = {}): IndexEntry =>
  entry(name, undefined, { platform: { ...platform('windows/amd64'), 'os.version': version, ...more } });
const attestation = (name: string, of: string): IndexEntry =>
  entry(name, 'unknown/unknown', {
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': digest(of),
    },
  });
const zstd = (name: string, where: string): IndexEntry =>
  entry(name, where, { annotations: { [zstdAnnotation]: 'true' } });

/** What became of each instance, in order: how, what it is, and the names of both sides or of the only one. */
function told(a: ImageIndex, b: ImageIndex): string[] {
  const names = new Map([...'abcdefghij'].map((name) => [digest(name), name]));
  const nameOf = ({ digest: of }: IndexEntry): string => names.get(of) ?? '?';
  return diffIndexes(a, b).instances.map((one) => {
    const where = one.platform === undefined ? '' : ` ${one.platform.os}/${one.platform.architecture}`;
    const sides = [...('a' in one ? [nameOf(one.a)] : []), ...('b' in one ? [nameOf(one.b)] : [])];
    return `${one.change} ${one.role}${where} ${sides.join('>')}`;
  });
}

/** The members that differ, as `path: a > b`. */
function changes(a: ImageIndex, b: ImageIndex): string[] {
  const { index: own, instances } = diffIndexes(a, b);
  return [...own, ...instances.flatMap((one) => ('changes' in one ? one.changes : []))].map(
    ({ path, ...values }) =>
      `${path.join(' ')}: ${JSON.stringify('a' in values ? values.a : '-')} > ${JSON.stringify('b' in values ? values.b : '-')}`,
  );
}

test('instances are told by their platform: added, removed, changed, the same', () => {
  const before = index(entry('a', 'linux/amd64'), entry('b', 'linux/arm64'), entry('c', 'linux/s390x'));
  const after = index(entry('d', 'linux/riscv64'), entry('a', 'linux/amd64'), entry('e', 'linux/arm64'));
  assert.deepEqual(told(before, after), [
    'same image linux/amd64 a>a',
    'changed image linux/arm64 b>e',
    'removed image linux/s390x c',
    'added image linux/riscv64 d',
  ]);
  assert.deepEqual(changes(before, after), [`digest: "${digest('b')}" > "${digest('e')}"`]);
  assert.equal(isDifferent(diffIndexes(before, before)), false);
  assert.equal(isDifferent(diffIndexes(before, after)), true);
});

test('a platform is the same in any spelling, and the spelling is told', () => {
  const [before, after] = [index(entry('a', 'linux/arm64')), index(entry('a', 'linux/arm64/v8'))];
  assert.deepEqual(told(before, after), ['changed image linux/arm64 a>a']);
  assert.deepEqual(changes(before, after), ['platform variant: "-" > "v8"']);
  assert.deepEqual(told(index(entry('a', 'linux/arm/v6')), index(entry('a', 'linux/arm/v7'))), [
    'removed image linux/arm a',
    'added image linux/arm a',
  ]);
  const spellings = index(entry('a', 'linux/arm64'), entry('b', 'linux/arm64/v8'));
  const turned = index(entry('c', 'linux/arm64/v8'), entry('d', 'linux/arm64'));
  assert.deepEqual(told(spellings, turned), ['changed image linux/arm64 a>d', 'changed image linux/arm64 b>c']);
});

test('every member of an instance that differs is told', () => {
  const before = index(
    entry('a', 'linux/amd64', { annotations: { gone: '1', kept: '2', other: '3' }, urls: ['u'], size: 1 }),
  );
  const after = index(
    entry('a', 'linux/amd64', {
      mediaType: dockerManifest,
      annotations: { other: '4', kept: '2', new: '5' },
      artifactType: 't',
      size: 2,
    }),
  );
  assert.deepEqual(changes(before, after), [
    `mediaType: "${ociManifest}" > "${dockerManifest}"`,
    'size: 1 > 2',
    'annotations gone: "1" > "-"',
    'annotations other: "3" > "4"',
    'annotations new: "-" > "5"',
    'urls: ["u"] > "-"',
    'artifactType: "-" > "t"',
  ]);
});

test('members that nobody knows are told by their names, however these are', () => {
  const unknown = (text: string) => parseJson(Buffer.from(text), 'it') as object;
  const members = [
    unknown('{"x":{"deep":[1,{"b":1,"a":2}],"n":1.0},"__proto__":{"p":1},"constructor":1,"same":null}'),
    unknown('{"same":null,"x":{"n":1,"deep":[1,{"a":2,"b":2}]},"hasOwnProperty":2}'),
  ];
  const [before, after] = members.map((one) => index(entry('a', 'linux/amd64', { unknown: { ...one } })));
  assert.ok(before && after);
  assert.deepEqual(changes(before, after), [
    'x deep: [1,{"b":1,"a":2}] > [1,{"a":2,"b":2}]',
    'x n: 1.0 > 1',
    '__proto__: {"p":1} > "-"',
    'constructor: 1 > "-"',
    'hasOwnProperty: "-" > 2',
  ]);
});

test('of the index itself type, annotations, subject and all else are compared', () => {
  const subject = entry('a', undefined, { annotations: { s: '1' } });
  const before = deepFreeze<ImageIndex>({ ...index(), subject, annotations: { k: 'v' }, unknown: { x: 1 } });
  const moved = { ...subject, digest: digest('b') };
  const after = deepFreeze<ImageIndex>({ ...index(), subject: moved, artifactType: 't', unknown: { x: 2 } });
  assert.deepEqual(changes(before, after), [
    'annotations k: "v" > "-"',
    `subject digest: "${digest('a')}" > "${digest('b')}"`,
    'x: 1 > 2',
    'artifactType: "-" > "t"',
  ]);
  assert.deepEqual(changes(before, { ...before, mediaType: dockerList }), [
    `mediaType: "${ociIndex}" > "${dockerList}"`,
  ]);
  const [{ path, a, ...rest } = assert.fail()] = diffIndexes(before, index()).index.filter(
    (one) => one.path[0] === 'subject',
  );
  assert.deepEqual([path, (a as { digest?: string }).digest, rest], [['subject'], digest('a'), {}]);
});

test('a Docker list and an OCI index of the same images are told apart member by member', () => {
  const [list, oci] = [foreign('buildah-list.json'), foreign('buildah-index.json')];
  const before = parseIndex(raw(list, dockerList));
  const after = parseIndex(raw(oci, ociIndex));
  assert.equal(changes(before, after)[0], `mediaType: "${dockerList}" > "${ociIndex}"`);
  assert.equal(isDifferent(diffIndexes(before, parseIndex(raw(list, dockerList)))), false);
  // in a Docker list annotations are a member that nobody knows
  const odd = {
    mediaType: dockerList,
    manifests: [entry('a', 'linux/amd64', { unknown: { annotations: { k: 'v' } } })],
  } as const;
  const usual = { mediaType: ociIndex, manifests: [entry('a', 'linux/amd64', { annotations: { k: 'w' } })] } as const;
  assert.deepEqual(changes(odd, usual), [`mediaType: "${dockerList}" > "${ociIndex}"`, 'annotations k: "v" > "w"']);
});

test('the order of members and annotations is no difference, nor is what is empty', () => {
  const text = (members: string): ImageIndex => parseIndex(raw(`{"schemaVersion":2,${members}}`, ociIndex));
  const one = `"mediaType":"${ociManifest}","digest":"${digest('a')}","size":1`;
  const before = text(
    `"mediaType":"${ociIndex}","annotations":{"a":"1","b":"2"},"manifests":[{${one},"platform":{"os":"linux","architecture":"amd64"}},{${one}}]`,
  );
  const after = text(
    `"manifests":[{"platform":{"variant":"","architecture":"amd64","os.features":[],"os":"linux"},"urls":[],${one}},{${one},"annotations":{},"platform":{"os":"","architecture":""}}],"annotations":{"b":"2","a":"1"},"mediaType":"${ociIndex}"`,
  );
  assert.equal(isDifferent(diffIndexes(before, after)), false);
});

test('the order of instances is a difference of its own', () => {
  const [a, b, c] = [entry('a', 'linux/amd64'), entry('b', 'linux/arm64'), entry('c', 'linux/s390x')];
  const moved = diffIndexes(index(a, b, c), index(b, c, a));
  assert.deepEqual([moved.reordered, isDifferent(moved)], [true, true]);
  assert.ok(moved.instances.every(({ change }) => change === 'same'));
  assert.equal(diffIndexes(index(a, b), index(c, a, b)).reordered, false);
  assert.equal(diffIndexes(index(a, b, c), index(a, c)).reordered, false);
  const [first, second] = [attestation('d', 'a'), attestation('e', 'b')];
  assert.equal(diffIndexes(index(a, b, first, second), index(a, b, second, first)).reordered, true);
  assert.equal(diffIndexes(index(a, b, first, second), index(a, b, first, second)).reordered, false);
});

test('compression variants of a platform are instances of their own', () => {
  const before = index(entry('a', 'linux/amd64'), zstd('b', 'linux/amd64'), entry('c', 'linux/arm64'));
  const after = index(
    entry('d', 'linux/amd64'),
    entry('c', 'linux/arm64'),
    zstd('e', 'linux/amd64'),
    zstd('f', 'linux/arm64'),
  );
  assert.deepEqual(told(before, after), [
    'changed image linux/amd64 a>d',
    'changed image linux/amd64 b>e',
    'same image linux/arm64 c>c',
    'added image linux/arm64 f',
  ]);
});

test('versions of an operating system tell instances apart where there are several', () => {
  const [v17, v20] = [windows('a', '10.0.17763.1'), windows('b', '10.0.20348.1')];
  assert.deepEqual(told(index(v17), index(windows('c', '10.0.20348.7'))), ['changed image windows/amd64 a>c']);
  assert.deepEqual(changes(index(v17), index(windows('a', '10.0.17763.2'))), [
    'platform os.version: "10.0.17763.1" > "10.0.17763.2"',
  ]);
  // each goes to the same version, then to the same one with other updates
  assert.deepEqual(told(index(v17, v20), index(windows('c', '10.0.20348.1'), windows('d', '10.0.17763.9'))), [
    'changed image windows/amd64 a>d',
    'changed image windows/amd64 b>c',
  ]);
  assert.deepEqual(told(index(v17, v20), index(windows('c', '10.0.26100.1'), windows('d', '10.0.20348.9'))), [
    'removed image windows/amd64 a',
    'changed image windows/amd64 b>d',
    'added image windows/amd64 c',
  ]);
  const core = { 'os.features': ['win32k'] };
  assert.deepEqual(
    told(
      index(v17, windows('b', '10.0.17763.1', core)),
      index(windows('c', '10.0.17763.1', core), windows('d', '10.0.17763.1')),
    ),
    ['changed image windows/amd64 a>d', 'changed image windows/amd64 b>c'],
  );
});

test('of several instances of one platform each is told once', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => entry(name, 'linux/amd64'));
  assert.ok(a && b && c);
  assert.deepEqual(told(index(a, b), index(b)), ['removed image linux/amd64 a', 'same image linux/amd64 b>b']);
  assert.deepEqual(told(index(a, b), index(c, b)), ['changed image linux/amd64 a>c', 'same image linux/amd64 b>b']);
  assert.deepEqual(told(index(a), index(a, a)), ['same image linux/amd64 a>a', 'added image linux/amd64 a']);
  assert.deepEqual(told(index(b), index(a, c, b)), [
    'same image linux/amd64 b>b',
    'added image linux/amd64 a',
    'added image linux/amd64 c',
  ]);
});

test('one manifest may stand for several platforms', () => {
  const both = index(entry('a', 'linux/arm64/v8'), entry('a', 'linux/arm64/v9'));
  assert.deepEqual(told(both, index(entry('a', 'linux/arm64/v9'))), [
    'removed image linux/arm64 a',
    'same image linux/arm64 a>a',
  ]);
  const [one, attested] = [entry('a', 'linux/arm64/v9'), attestation('b', 'a')];
  assert.deepEqual(told(index(...both.manifests, attested), index(one, attested)), [
    'removed image linux/arm64 a',
    'same image linux/arm64 a>a',
    'same attestation linux/arm64 b>b',
  ]);
});

test('attestations go with their image, whatever the digests of both', () => {
  const before = index(
    entry('a', 'linux/amd64'),
    entry('b', 'linux/arm64'),
    entry('c', 'linux/s390x'),
    attestation('d', 'a'),
    attestation('e', 'b'),
    attestation('f', 'c'),
  );
  const after = index(
    entry('g', 'linux/amd64'),
    entry('b', 'linux/arm64'),
    attestation('h', 'g'),
    attestation('e', 'b'),
    attestation('i', 'b'),
    attestation('j', 'a'),
  );
  assert.deepEqual(told(before, after), [
    'changed image linux/amd64 a>g',
    'changed attestation linux/amd64 d>h',
    'same image linux/arm64 b>b',
    'same attestation linux/arm64 e>e',
    'added attestation linux/arm64 i',
    'removed image linux/s390x c',
    'removed attestation linux/s390x f',
    // of an image that is on neither list now
    'added attestation j',
  ]);
  const [, second] = diffIndexes(before, after).instances;
  assert.ok(second?.change === 'changed');
  assert.deepEqual(second.changes, [
    { path: ['digest'], a: digest('d'), b: digest('h') },
    { path: ['annotations', 'vnd.docker.reference.digest'], a: digest('a'), b: digest('g') },
  ]);
});

test('artifacts are told apart by their type, nested indexes are what they are', () => {
  const artifact = (name: string, artifactType: string): IndexEntry => entry(name, undefined, { artifactType });
  assert.deepEqual(told(index(artifact('a', 't'), artifact('b', 'u')), index(artifact('c', 'u'), artifact('d', 'v'))), [
    'removed artifact a',
    'changed artifact b>c',
    'added artifact d',
  ]);
  assert.deepEqual(told(index(artifact('a', 't')), index(entry('a'))), ['changed artifact a>a']);
  assert.deepEqual(told(index(), index(entry('a', 'linux/amd64', { mediaType: ociIndex }))), [
    'added index linux/amd64 a',
  ]);
  assert.deepEqual(told(index(), index(entry('a', undefined, { mediaType: 'text/plain' }))), ['added artifact a']);
});

test('long indexes are compared in good time', () => {
  const many = Array.from({ length: 10_000 }, (_, at) => entry(`n${at}`, 'linux/amd64'));
  const diff = diffIndexes(index(...many), index(...many.toReversed()));
  assert.equal(diff.instances.length, many.length);
  assert.equal(diff.reordered, true);
});

test('what was encoded and read again is the same', () => {
  const before = index(entry('a', 'linux/amd64', { annotations: { b: '1', a: '2' }, unknown: { z: 1 } }));
  assert.equal(isDifferent(diffIndexes(before, parseIndex(encodeIndex(before)))), false);
});
