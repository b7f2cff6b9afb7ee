import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IntegrityError } from '../../src/foundation/errors.ts';
import { compareUtf8, encodeStringMap } from '../../src/oci/go-json.ts';
import { ExactNumber, encodeGoJson, isJsonObject, type JsonValue, parseJson } from '../../src/oci/json.ts';

const parse = (text: string): JsonValue => parseJson(Buffer.from(text), 'the document');

const values: ReadonlyArray<readonly [text: string, value: JsonValue]> = [
  ['null', null],
  [' true ', true],
  ['false', false],
  ['0', 0],
  ['-1', -1],
  ['1.5', 1.5],
  ['9007199254740991', 9007199254740991],
  ['""', ''],
  ['"aä€😀"', 'aä€😀'],
  ['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uD83D\\uDE00"', '"\\/\b\f\n\r\tA😀'],
  ['"\\u0000"', '\u0000'],
  ['"\u007f\u2028"', '\u007f\u2028'],
  ['[]', []],
  ['[ 1 ,\t2\r\n]', [1, 2]],
  ['{}', {}],
  ['{"a":{"b":[null,"x"]}}', { a: { b: [null, 'x'] } }],
  ['{"":0," ":1}', { '': 0, ' ': 1 }],
];

for (const [text, value] of values) {
  test(`JSON ${text}`, () => {
    assert.deepEqual(parse(text), value);
    assert.deepEqual(parse(text), JSON.parse(text));
  });
}

const faults: ReadonlyArray<readonly [text: string, problem: string, code?: string]> = [
  ['', 'it is empty (line 1, column 1)'],
  [' \n ', 'it is empty (line 2, column 2)'],
  ['{', 'it ends where a key in double quotes should come: it is cut off (line 1, column 2)'],
  ['{"a"', 'it ends where ":" should come: it is cut off (line 1, column 5)'],
  ['{"a":', 'it ends where a value should come: it is cut off (line 1, column 6)'],
  ['{"a":1', 'it ends where "," or "}" should come: it is cut off (line 1, column 7)'],
  ['{"a":1,', 'it ends where a key in double quotes should come: it is cut off (line 1, column 8)'],
  ['["x', 'it ends inside a string: it is cut off (line 1, column 4)'],
  ['"x\\', 'it ends inside a string: it is cut off (line 1, column 4)'],
  ['"\\u00', 'it ends inside a string: it is cut off (line 1, column 6)'],
  ['[1', 'it ends where "," or "]" should come: it is cut off (line 1, column 3)'],
  ['[1,]', 'expected a value, found "]" (line 1, column 4)'],
  ['{"a":1,}', 'expected a key in double quotes, found "}" (line 1, column 8)'],
  ["{'a':1}", 'expected a key in double quotes, found "\'" (line 1, column 2)'],
  ['{"a" 1}', 'expected ":", found "1" (line 1, column 6)'],
  ['{"a":1 "b":2}', 'expected "," or "}", found "\\"" (line 1, column 8)'],
  ['[1 2]', 'expected "," or "]", found "2" (line 1, column 4)'],
  ['[1}', 'expected "," or "]", found "}" (line 1, column 3)'],
  ['nul', 'expected a value, found "n" (line 1, column 1)'],
  ['nulll', 'expected a value, found "n" (line 1, column 1)'],
  ['NaN', 'expected a value, found "N" (line 1, column 1)'],
  ['01', 'expected a number, found "0" (line 1, column 1)'],
  ['1.', 'expected a number, found "1" (line 1, column 1)'],
  ['1e', 'expected a number, found "1" (line 1, column 1)'],
  ['.5', 'expected a value, found "." (line 1, column 1)'],
  ['+1', 'expected a value, found "+" (line 1, column 1)'],
  ['-', 'expected a value, found "-" (line 1, column 1)'],
  ['1 2', 'there is more after the end of the document (line 1, column 3)'],
  ['{}\n{}', 'there is more after the end of the document (line 2, column 1)'],
  ['"a\nb"', 'a string has a control character that is not escaped (line 1, column 3)'],
  ['"\\x"', 'a string has the unknown escape "\\\\x" (line 1, column 2)'],
  ['"\\u12g4 "', 'a string has the unknown escape "\\\\u" (line 1, column 2)'],
  ['{"a":1,\n "b":2,\n "a":3}', 'the key "a" stands twice in one object (line 3, column 2)', 'DUPLICATE_KEY'],
  ['{"a":1,"\\u0061":2}', 'the key "a" stands twice in one object (line 1, column 8)', 'DUPLICATE_KEY'],
  [
    '{"__proto__":1,"__proto__":2}',
    'the key "__proto__" stands twice in one object (line 1, column 16)',
    'DUPLICATE_KEY',
  ],
  [
    '["\\ud83d"]',
    'a string has one half of a surrogate pair, which is no character (line 1, column 2)',
    'INVALID_UTF8',
  ],
  [
    '["\\ude00\\ud83d"]',
    'a string has one half of a surrogate pair, which is no character (line 1, column 2)',
    'INVALID_UTF8',
  ],
  ['<html><body>502</body></html>', 'it looks like HTML or XML (line 1, column 1)'],
  ['\ufeff{}', 'it begins with a byte order mark, which JSON does not have (line 1, column 1)'],
  [`${'['.repeat(256)}1${']'.repeat(256)}`, ''],
  ['['.repeat(257), 'it is nested more than 256 levels deep (line 1, column 257)', 'JSON_TOO_DEEP'],
  [`${'{"a":'.repeat(100_000)}`, 'it is nested more than 256 levels deep (line 1, column 1281)', 'JSON_TOO_DEEP'],
];

for (const [text, problem, code = 'MALFORMED_JSON'] of faults) {
  test(`${problem === '' ? 'good' : 'no'} JSON: ${JSON.stringify(text.slice(0, 30))}`, () => {
    if (problem === '') {
      assert.doesNotThrow(() => parse(text));
      return;
    }
    assert.throws(() => parse(text), {
      name: 'IntegrityError',
      code,
      message: `the document is not valid JSON: ${problem}`,
    });
  });
}

test('bytes that are no UTF-8 are named by their offset', () => {
  const bad: ReadonlyArray<readonly [bytes: number[], offset: number]> = [
    [[0x22, 0xff, 0x22], 1],
    [[0x22, 0x61, 0xc3, 0x28, 0x22], 3],
    [[0x22, 0xc0, 0xaf, 0x22], 1],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], 2],
    [[0x22, 0xf0, 0x9f, 0x98], 4],
  ];
  for (const [bytes, offset] of bad) {
    assert.throws(() => parseJson(Uint8Array.from(bytes), 'it'), {
      code: 'INVALID_UTF8',
      message: `it is not valid UTF-8: see the byte at offset ${offset}`,
    });
  }
});

test('the view of a larger buffer is read, not the buffer', () => {
  const bytes = Buffer.from('xx{"a":1}xx');
  assert.deepEqual(parseJson(bytes.subarray(2, 9), 'it'), { a: 1 });
});

test('keys that every object has are data', () => {
  const object = parse('{"__proto__":{"x":1},"constructor":2,"toString":3,"hasOwnProperty":4}');
  assert.ok(isJsonObject(object));
  assert.deepEqual(Object.keys(object), ['__proto__', 'constructor', 'toString', 'hasOwnProperty']);
  assert.equal(Object.getPrototypeOf(object), Object.prototype);
  assert.equal(encodeGoJson(object), '{"__proto__":{"x":1},"constructor":2,"toString":3,"hasOwnProperty":4}');
  assert.equal(encodeGoJson({ ...object }), encodeGoJson(object));
});

const exact = [
  '12345678901234567890',
  '-9007199254740993',
  '1.0',
  '1e3',
  '1E400',
  '-0',
  '0.10',
  '1.00000000000000000001',
  '-0.0',
];

for (const text of exact) {
  test(`the number ${text} keeps its text`, () => {
    const value = parse(`{"n":${text}}`);
    assert.ok(isJsonObject(value));
    assert.deepEqual(value['n'], new ExactNumber(text));
    assert.equal(isJsonObject(value['n']), false);
    assert.equal(encodeGoJson(value), `{"n":${text}}`);
    assert.equal(JSON.stringify(value), `{"n":${text}}`);
    assert.deepEqual(parse(JSON.stringify(value)), value);
  });
}

test('text that JSON.stringify wrote is read as JSON.parse reads it, and nothing else is', () => {
  const texts = ['{"a":[1,2,{"b":null}],"c":"\\u00e9"}', '[true,false]', '"\\ud83d\\ude00"', '-12.75', '{"1":2,"0":3}'];
  for (const text of texts) {
    assert.deepEqual(parse(text), JSON.parse(text));
    for (let end = 1; end < text.length; end += 1) {
      let valid = true;
      try {
        JSON.parse(text.slice(0, end));
      } catch {
        valid = false;
      }
      if (valid) assert.doesNotThrow(() => parse(text.slice(0, end)));
      else assert.throws(() => parse(text.slice(0, end)), IntegrityError);
    }
  }
});

test('a document of 4 MiB is read in a fraction of a second', () => {
  const entries = Array.from({ length: 20_000 }, (_, at) => ({
    digest: `sha256:${'ab'.repeat(32)}`,
    size: at,
    urls: [],
    'x"': 'a'.repeat(120),
  }));
  const bytes = Buffer.from(JSON.stringify(entries));
  assert.ok(bytes.byteLength > 4 << 20);
  const started = process.cpuUsage();
  assert.equal((parseJson(bytes, 'it') as readonly JsonValue[]).length, entries.length);
  // processor time, so that a busy machine makes no difference; a tenth of it is usual
  assert.ok(process.cpuUsage(started).user < 2_000_000);
});

// what Go 1.24's json.Marshal writes
const encoded: ReadonlyArray<readonly [value: JsonValue, text: string]> = [
  [null, 'null'],
  [true, 'true'],
  [12, '12'],
  ['<a href="x">&amp;</a>', '"\\u003ca href=\\"x\\"\\u003e\\u0026amp;\\u003c/a\\u003e"'],
  ['\b\f\n\r\t\u0000\u0007\u001b\u007f\\/', '"\\b\\f\\n\\r\\t\\u0000\\u0007\\u001b\u007f\\\\/"'],
  ['ä€😀\u2028\u2029\ufffd', '"ä€😀\\u2028\\u2029\ufffd"'],
  ['a\ud83dz\ude00', '"a\\ufffdz\\ufffd"'],
  [[1, 'a', []], '[1,"a",[]]'],
  [{ b: 1, a: { '<': null } }, '{"b":1,"a":{"\\u003c":null}}'],
  [{}, '{}'],
];

for (const [value, text] of encoded) {
  test(`written as ${text}`, () => assert.equal(encodeGoJson(value), text));
}

test('numbers that JSON cannot say are a defect of the caller', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => encodeGoJson(value), { code: 'BUG' });
});

test('maps are sorted by the bytes of their keys', () => {
  const keys = ['😀', '～', 'ä', 'z', '10', '9', 'B', 'a', '', 'aa', '__proto__', '\u{10ffff}', '\ue000'];
  const byBytes = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual([...keys].sort(compareUtf8), byBytes);
  const map = Object.fromEntries(keys.map((key) => [key, 'v']));
  assert.equal(encodeStringMap(map), `{${byBytes.map((key) => `${JSON.stringify(key)}:"v"`).join(',')}}`);
  assert.equal(compareUtf8('x', 'x'), 0);
});
