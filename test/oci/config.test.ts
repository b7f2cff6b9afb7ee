import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImageConfig } from '../../src/oci/config.ts';
import { thrownBy } from './support.ts';

const parse = (document: unknown) =>
  parseImageConfig(Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)));

test('the platform is read, the rest is kept in its order', () => {
  const config = parse({
    created: '2024-01-01T00:00:00Z',
    architecture: 'arm',
    variant: 'v7',
    os: 'linux',
    'os.version': '1',
    'os.features': ['a'],
    rootfs: { type: 'layers', diff_ids: [] },
    config: { Env: null },
    Config: 'docker has such things',
  });
  assert.deepEqual(config, {
    architecture: 'arm',
    os: 'linux',
    variant: 'v7',
    'os.version': '1',
    'os.features': ['a'],
    unknown: {
      created: '2024-01-01T00:00:00Z',
      rootfs: { type: 'layers', diff_ids: [] },
      config: { Env: null },
      Config: 'docker has such things',
    },
  });
  assert.deepEqual(Object.keys(config.unknown ?? {}), ['created', 'rootfs', 'config', 'Config']);
});

test('what is empty or null is absent', () => {
  assert.deepEqual(parse({}), {});
  assert.deepEqual(parse({ architecture: '', os: null, variant: '', 'os.version': null, 'os.features': [] }), {});
});

test('malformed configs', () => {
  const faults: ReadonlyArray<readonly [document: unknown, code: string, message: RegExp]> = [
    ['', 'MALFORMED_JSON', /^image config is not valid JSON: it is empty/],
    ['{"os":"linux"', 'MALFORMED_JSON', /cut off/],
    ['{"os":"a","os":"b"}', 'DUPLICATE_KEY', /the key "os" stands twice/],
    [
      [],
      'MALFORMED_CONFIG',
      /^image config is malformed: the document: expected a platform \(an object\), found a list$/,
    ],
    [{ os: 1 }, 'MALFORMED_CONFIG', /^image config is malformed: os: expected a text, found 1$/],
    [{ 'os.features': 'x' }, 'MALFORMED_CONFIG', /\["os\.features"\]: expected a list of texts, found "x"$/],
  ];
  for (const [document, code, message] of faults) {
    const error = thrownBy(() => parse(document));
    assert.deepEqual([error.kind, error.code], ['integrity', code]);
    assert.match(error.message, message);
  }
});
