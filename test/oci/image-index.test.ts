import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyIndex, encodeIndex, type ImageIndex, parseIndex, sameIndexContent } from '../../src/oci/image-index.ts';
import { ExactNumber } from '../../src/oci/json.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import type { Platform } from '../../src/oci/platform.ts';
import { digest, entry, raw, thrownBy } from './support.ts';

const { ociIndex, ociManifest, dockerList } = mediaTypes;
const d = digest('x');
const minimal = { mediaType: ociManifest, digest: d, size: 1 };
const textOf = (index: ImageIndex): string => Buffer.from(encodeIndex(index).bytes).toString();

test('the empty index', () => {
  assert.equal(textOf(emptyIndex(ociIndex)), `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[]}`);
  assert.equal(textOf(emptyIndex(dockerList)), `{"schemaVersion":2,"mediaType":"${dockerList}","manifests":[]}`);
  for (const manifests of [null, []]) {
    assert.deepEqual(parseIndex(raw({ schemaVersion: 2, manifests }, ociIndex)), emptyIndex(ociIndex));
    assert.deepEqual(parseIndex(raw({ manifests }, dockerList)), emptyIndex(dockerList));
  }
});

test('an encoded index names its own bytes', () => {
  const encoded = encodeIndex({ mediaType: ociIndex, manifests: [entry('a', 'linux/amd64')] });
  assert.deepEqual(encoded, { ...raw(Buffer.from(encoded.bytes).toString(), ociIndex), bytes: encoded.bytes });
});

test('an OCI index with every member, in the order of Go', () => {
  const index: ImageIndex = {
    unknown: { 'x-index': [1] },
    annotations: { b: '<2>', a: '1' },
    subject: { ...minimal, artifactType: 'application/s' },
    manifests: [
      {
        unknown: { 'x-entry': { z: 1, a: null } },
        artifactType: 'application/a',
        platform: {
          unknown: { 'x-platform': true },
          variant: 'v7',
          'os.features': ['f2', 'f1'],
          'os.version': '1',
          os: 'linux',
          architecture: 'arm',
        },
        data: 'e30=',
        annotations: { z: 'é', y: '' },
        urls: ['https://x.example/?a=1&b=2'],
        size: 7,
        digest: d,
        mediaType: ociManifest,
      },
    ],
    artifactType: 'application/t',
    mediaType: ociIndex,
  };
  assert.equal(
    textOf(index),
    `{"schemaVersion":2,"mediaType":"${ociIndex}","artifactType":"application/t","manifests":[{"mediaType":"${ociManifest}",` +
      `"digest":"${d}","size":7,"urls":["https://x.example/?a=1\\u0026b=2"],"annotations":{"y":"","z":"é"},"data":"e30=",` +
      '"platform":{"architecture":"arm","os":"linux","os.version":"1","os.features":["f2","f1"],"variant":"v7","x-platform":true},' +
      `"artifactType":"application/a","x-entry":{"z":1,"a":null}}],"subject":{"mediaType":"${ociManifest}","digest":"${d}",` +
      '"size":1,"artifactType":"application/s"},"annotations":{"a":"1","b":"\\u003c2\\u003e"},"x-index":[1]}',
  );
  assert.deepEqual(parseIndex(encodeIndex(index)), index);
});

test('a Docker list with every member: size before digest, always a platform', () => {
  const index: ImageIndex = {
    mediaType: dockerList,
    manifests: [
      {
        ...minimal,
        urls: ['https://x.example/'],
        platform: {
          architecture: 'amd64',
          os: 'windows',
          'os.version': '10',
          'os.features': ['win32k'],
          variant: 'v1',
          features: ['sse4'],
          unknown: { p: 1 },
        },
        unknown: { annotations: { kept: 'because unknown here' } },
      },
      { ...minimal, platform: { architecture: '', os: '' } },
    ],
    unknown: { annotations: {} },
  };
  assert.equal(
    textOf(index),
    `{"schemaVersion":2,"mediaType":"${dockerList}","manifests":[{"mediaType":"${ociManifest}","size":1,"digest":"${d}",` +
      '"urls":["https://x.example/"],"platform":{"architecture":"amd64","os":"windows","os.version":"10","os.features":["win32k"],' +
      '"variant":"v1","features":["sse4"],"p":1},"annotations":{"kept":"because unknown here"}},' +
      `{"mediaType":"${ociManifest}","size":1,"digest":"${d}","platform":{"architecture":"","os":""}}],"annotations":{}}`,
  );
  assert.deepEqual(parseIndex(encodeIndex(index)), index);
  assert.equal(
    textOf({ mediaType: dockerList, manifests: [minimal] }),
    textOf({ ...index, manifests: index.manifests.slice(1), unknown: {} }),
  );
});

test('what a format has no member for is not written', () => {
  const platform: Platform = { architecture: 'a', os: 'o', features: ['f'] };
  const index: ImageIndex = { mediaType: ociIndex, manifests: [{ ...minimal, platform }] };
  assert.ok(!textOf(index).includes('features'));
  const docker = textOf({
    ...index,
    mediaType: dockerList,
    annotations: { lost: '1' },
    artifactType: 'lost',
    subject: minimal,
    manifests: [{ ...minimal, annotations: { lost: '1' }, data: 'lost', artifactType: 'lost' }],
  });
  assert.ok(!docker.includes('lost') && !docker.includes('subject'));
});

test('an unknown member never doubles a known one', () => {
  const index: ImageIndex = {
    mediaType: ociIndex,
    manifests: [{ ...minimal, unknown: { annotations: 5, size: 6, 'x-kept': 1 } }],
    unknown: { manifests: 'no', schemaVersion: 9, 'x-kept': 1 },
  };
  assert.equal(
    textOf(index),
    `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[{"mediaType":"${ociManifest}","digest":"${d}","size":1,"x-kept":1}],"x-kept":1}`,
  );
});

test('what is empty or null is absent, as in Go', () => {
  const document = {
    schemaVersion: null,
    mediaType: '',
    artifactType: '',
    manifests: [
      { ...minimal, urls: [], annotations: {}, data: '', platform: null, artifactType: null },
      {
        ...minimal,
        urls: null,
        annotations: null,
        data: null,
        platform: { architecture: 'a', os: null, variant: '', 'os.features': [] },
      },
    ],
    subject: null,
    annotations: {},
  };
  assert.deepEqual(parseIndex(raw(document, ociIndex)), {
    mediaType: ociIndex,
    manifests: [minimal, { ...minimal, platform: { architecture: 'a', os: '' } }],
  });
});

test('unknown members survive at every level: in order, with their numbers, whatever they are called', () => {
  const text =
    `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[{"mediaType":"${ociManifest}","digest":"${d}","size":1,` +
    '"platform":{"architecture":"a","os":"o","features":[1],"z":12345678901234567890},"z":{"b":1.0,"a":[{"y":1e400,"x":""}]},' +
    `"__proto__":{"p":1}}],"subject":{"mediaType":"${ociManifest}","digest":"${d}","size":1,"s":1},"zz":false,"aa":null,"constructor":{}}`;
  const index = parseIndex(raw(text, ociIndex));
  assert.equal(textOf(index), text);
  assert.deepEqual(index.manifests[0]?.platform?.unknown?.['z'], new ExactNumber('12345678901234567890'));
  // also through what callers do with entries
  const copied = { ...index, manifests: index.manifests.map((one) => ({ ...one })) };
  assert.equal(textOf(copied), text);
});

test('annotations may have any key', () => {
  const text = `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[],"annotations":{"":"e","10":"x","9":"y","__proto__":"p","constructor":"c"}}`;
  assert.equal(textOf(parseIndex(raw(text, ociIndex))), text);
});

const faults: ReadonlyArray<readonly [document: unknown, message: string]> = [
  [[], 'the document: expected an object, found a list'],
  ['"x"', 'the document: expected an object, found "x"'],
  [{}, 'manifests: expected a list of descriptors, found nothing'],
  [{ manifests: {} }, 'manifests: expected a list of descriptors, found an object'],
  [{ schemaVersion: 1, manifests: [] }, 'schemaVersion: expected the number 2, found 1'],
  [{ schemaVersion: '2', manifests: [] }, 'schemaVersion: expected the number 2, found "2"'],
  ['{"schemaVersion":2.0,"manifests":[]}', 'schemaVersion: expected the number 2, found 2.0'],
  [{ manifests: [null] }, 'manifests[0]: expected a descriptor (an object), found null'],
  [{ manifests: [minimal, 'x'] }, 'manifests[1]: expected a descriptor (an object), found "x"'],
  [{ manifests: [{ ...minimal, mediaType: '' }] }, 'manifests[0].mediaType: expected a media type, found ""'],
  [{ manifests: [{ digest: d, size: 1 }] }, 'manifests[0].mediaType: expected a media type, found nothing'],
  [
    { manifests: [minimal, minimal, minimal, { ...minimal, digest: 'sha256:abc' }] },
    'manifests[3].digest: expected a digest: sha256: with 64 or sha512: with 128 lower-case hexadecimal digits, found "sha256:abc"',
  ],
  [
    { manifests: [{ ...minimal, size: -1 }] },
    'manifests[0].size: expected a number of bytes (a whole number, not negative), found -1',
  ],
  [
    `{"manifests":[{"mediaType":"x","digest":"${d}","size":9007199254740993}]}`,
    'manifests[0].size: expected a number of bytes (a whole number, not negative), found 9007199254740993',
  ],
  [
    { manifests: [{ ...minimal, size: 1.5 }] },
    'manifests[0].size: expected a number of bytes (a whole number, not negative), found 1.5',
  ],
  [{ manifests: [{ ...minimal, urls: 'x' }] }, 'manifests[0].urls: expected a list of texts, found "x"'],
  [{ manifests: [{ ...minimal, urls: ['a', 1] }] }, 'manifests[0].urls[1]: expected a text, found 1'],
  [
    { manifests: [{ ...minimal, annotations: [] }] },
    'manifests[0].annotations: expected an object of texts, found a list',
  ],
  [
    { manifests: [{ ...minimal, annotations: { 'org.x': 1 } }] },
    'manifests[0].annotations["org.x"]: expected a text, found 1',
  ],
  ['{"manifests":[],"annotations":{"__proto__":{}}}', 'annotations.__proto__: expected a text, found an object'],
  [{ manifests: [{ ...minimal, data: 'a' }] }, 'manifests[0].data: expected content in base64, found "a"'],
  [
    { manifests: [{ ...minimal, platform: 'linux' }] },
    'manifests[0].platform: expected a platform (an object), found "linux"',
  ],
  [
    { manifests: [{ ...minimal, platform: { os: 'a', architecture: true } }] },
    'manifests[0].platform.architecture: expected a text, found true',
  ],
  [
    { manifests: [{ ...minimal, platform: { 'os.version': 1 } }] },
    'manifests[0].platform["os.version"]: expected a text, found 1',
  ],
  [
    { manifests: [{ ...minimal, platform: { 'os.features': [{}] } }] },
    'manifests[0].platform["os.features"][0]: expected a text, found an object',
  ],
  [
    { manifests: [], subject: { ...minimal, digest: 5 } },
    'subject.digest: expected a digest: sha256: with 64 or sha512: with 128 lower-case hexadecimal digits, found 5',
  ],
  [{ manifests: [], artifactType: {} }, 'artifactType: expected a text, found an object'],
  [
    {
      manifests: [
        { ...minimal, size: 'a' },
        { ...minimal, size: 'b' },
        { ...minimal, size: 'c' },
      ],
    },
    'manifests[0].size: expected a number of bytes (a whole number, not negative), found "a" (and 2 more such faults)',
  ],
];

for (const [document, message] of faults) {
  test(`malformed: ${message.slice(0, 90)}`, () => {
    const given = raw(document, ociIndex);
    const error = thrownBy(() => parseIndex(given));
    assert.equal(error.message, `image index ${given.digest} is malformed: ${message}`);
    assert.deepEqual([error.kind, error.code], ['integrity', 'MALFORMED_INDEX']);
  });
}

test('Docker lists are checked, too, but not for what only OCI has', () => {
  const error = thrownBy(() => parseIndex(raw({ manifests: [{ ...minimal, platform: { features: 1 } }] }, dockerList)));
  assert.match(
    error.message,
    /^manifest list sha256:[0-9a-f]{64} is malformed: manifests\[0\]\.platform\.features: expected a list of texts/,
  );
  assert.doesNotThrow(() =>
    parseIndex(raw({ manifests: [{ ...minimal, annotations: 5, data: 6 }], annotations: 7 }, dockerList)),
  );
});

test('members that Go would take for known ones are refused, at every level', () => {
  const wrong: ReadonlyArray<readonly [document: unknown, where: string, type?: string]> = [
    [
      { manifests: [{ ...minimal, Digest: 'x' }] },
      'manifests[0] has the member "Digest", which some programs read as "digest"',
    ],
    [{ manifests: [{ ...minimal, platform: { OS: 'x' } }] }, 'manifests[0].platform has the member "OS"'],
    [{ manifests: [], subject: { ...minimal, SIZE: 1 } }, 'subject has the member "SIZE"'],
    [{ manifests: [minimal, { ...minimal, uRLs: 1 }] }, 'manifests[1] has the member "uRLs"', dockerList],
    [
      { manifests: [{ ...minimal, platform: { Features: [] } }] },
      'manifests[0].platform has the member "Features"',
      dockerList,
    ],
  ];
  for (const [document, where, type = ociIndex] of wrong) {
    const error = thrownBy(() => parseIndex(raw(document, type)));
    assert.equal(error.code, 'AMBIGUOUS_MANIFEST');
    assert.ok(error.message.includes(where), error.message);
  }
});

test('what is no index', () => {
  const error = thrownBy(() => parseIndex(raw({ schemaVersion: 2 }, ociManifest)));
  assert.deepEqual([error.kind, error.code], ['unsupported', 'NOT_AN_INDEX']);
  assert.match(
    error.message,
    /^manifest is of type application\/vnd\.oci\.image\.manifest\.v1\+json \(not a list type\)/,
  );
  assert.throws(() => parseIndex(raw({ manifests: [], layers: [] }, ociIndex)), { code: 'AMBIGUOUS_MANIFEST' });
  assert.throws(() => parseIndex(raw({ manifests: [], mediaType: dockerList }, ociIndex)), {
    code: 'AMBIGUOUS_MANIFEST',
  });
  assert.throws(() => parseIndex(raw('{"manifests":[', ociIndex)), {
    code: 'MALFORMED_JSON',
    message: /^image index sha256:/,
  });
});

test('the same digest may stand for two platforms', () => {
  const index: ImageIndex = {
    mediaType: ociIndex,
    manifests: [entry('a', 'linux/arm/v6'), entry('a', 'linux/arm/v7')],
  };
  assert.deepEqual(parseIndex(encodeIndex(index)), index);
});

const base: ImageIndex = {
  mediaType: ociIndex,
  manifests: [
    entry('a', 'linux/amd64', { annotations: { x: '1', y: '2' }, unknown: { u: { b: 1, a: [1] } } }),
    entry('b'),
  ],
  annotations: { k: 'v' },
};
const [first, second] = base.manifests as [ImageIndex['manifests'][0], ImageIndex['manifests'][0]];

const equal: Readonly<Record<string, ImageIndex>> = {
  'the order of members': {
    annotations: { k: 'v' },
    manifests: [{ unknown: { u: { a: [1], b: 1 } }, ...first, annotations: { y: '2', x: '1' } }, second],
    mediaType: ociIndex,
  },
  'what is empty': {
    ...base,
    artifactType: '',
    unknown: {},
    manifests: [
      { ...first, urls: [], data: '', artifactType: '' },
      { ...second, annotations: {}, platform: { architecture: '', os: '', variant: '' } },
    ],
  },
};

for (const [name, index] of Object.entries(equal)) {
  test(`no difference: ${name}`, () => {
    assert.ok(sameIndexContent(base, index));
    assert.ok(sameIndexContent(index, base));
  });
}

const different: Readonly<Record<string, ImageIndex>> = {
  format: { ...base, mediaType: dockerList },
  'order of entries': { ...base, manifests: [second, first] },
  'number of entries': { ...base, manifests: [first] },
  'annotation of the index': { ...base, annotations: { k: 'w' } },
  'artifact type': { ...base, artifactType: 'x' },
  subject: { ...base, subject: minimal },
  'unknown member of the index': { ...base, unknown: { a: null } },
  digest: { ...base, manifests: [{ ...first, digest: d }, second] },
  size: { ...base, manifests: [{ ...first, size: 99 }, second] },
  'media type': { ...base, manifests: [{ ...first, mediaType: 'x' }, second] },
  urls: { ...base, manifests: [{ ...first, urls: ['x'] }, second] },
  data: { ...base, manifests: [{ ...first, data: 'e30=' }, second] },
  'annotation of an entry': { ...base, manifests: [{ ...first, annotations: { x: '1' } }, second] },
  'artifact type of an entry': { ...base, manifests: [{ ...first, artifactType: 'x' }, second] },
  'unknown member of an entry': { ...base, manifests: [{ ...first, unknown: { u: { b: 1, a: [] } } }, second] },
  variant: { ...base, manifests: [entry('a', 'linux/amd64/v2', { annotations: { x: '1', y: '2' } }), second] },
  'a platform where there was none': { ...base, manifests: [first, entry('b', 'linux/amd64')] },
  'features of a platform': {
    ...base,
    manifests: [{ ...first, platform: { architecture: 'amd64', os: 'linux', features: ['f'] } }, second],
  },
};

for (const [name, index] of Object.entries(different)) {
  test(`a difference: ${name}`, () => {
    assert.ok(!sameIndexContent(base, index));
    assert.ok(!sameIndexContent(index, base));
  });
}

test('exact numbers are compared by their text', () => {
  const of = (number: string): ImageIndex => parseIndex(raw(`{"manifests":[],"x":${number}}`, ociIndex));
  assert.ok(sameIndexContent(of('12345678901234567890'), of('12345678901234567890')));
  assert.ok(!sameIndexContent(of('12345678901234567890'), of('12345678901234567891')));
});

test('an index of 4 MiB is read in a fraction of a second', () => {
  const manifests = Array.from({ length: 11_000 }, (_, at) =>
    entry(`entry ${at}`, `linux/arch${at}/v1`, { annotations: { n: 'x'.repeat(150) } }),
  );
  const encoded = encodeIndex({ mediaType: ociIndex, manifests });
  assert.ok(encoded.bytes.byteLength > (4 << 20) - 500_000);
  const started = process.cpuUsage();
  assert.equal(parseIndex(encoded).manifests.length, manifests.length);
  // processor time, so that a busy machine makes no difference; a tenth of it is usual
  assert.ok(process.cpuUsage(started).user < 3_000_000);
});
