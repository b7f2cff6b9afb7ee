import assert from 'node:assert/strict';
import { test } from 'node:test';
import { removeJsonMember, setJsonMember } from '../../src/credentials/json-text.ts';

const cases: Array<[string, () => string, string]> = [
  [
    'into an empty document, with tabs as docker writes',
    () => setJsonMember('{}', ['a', 'b'], 1),
    '{\n\t"a": {\n\t\t"b": 1\n\t}\n}',
  ],
  [
    'behind the last member, in the indentation that is there',
    () => setJsonMember('{\n  "a": 1\n}\n', ['b'], { c: [] }),
    '{\n  "a": 1,\n  "b": {\n    "c": []\n  }\n}\n',
  ],
  ['into a document on one line', () => setJsonMember('{"a":{"x":1}}', ['a', 'y'], 'z'), '{"a":{"x":1,"y":"z"}}'],
  [
    'over a value',
    () => setJsonMember('{"a": {"x" : [1, {"]}": "\\"}"}], "y": 2}}', ['a', 'x'], 3),
    '{"a": {"x" : 3, "y": 2}}',
  ],
  [
    'over something that is no object on the way',
    () => setJsonMember('{"a":null,"z":1}', ['a', 'b'], 2),
    '{"a":{"b":2},"z":1}',
  ],
  [
    'over the last of several of one name, which readers see',
    () => setJsonMember('{"a":1,"a":2}', ['a'], 3),
    '{"a":1,"a":3}',
  ],
  ['with a name that needs escapes', () => setJsonMember('{"a\\u002fb":1}', ['a/b'], 2), '{"a\\u002fb":2}'],
  ['without the first', () => removeJsonMember('{"a":1, "b":2}', ['a']), '{"b":2}'],
  ['without the last', () => removeJsonMember('{"a":1, "b":2}', ['b']), '{"a":1}'],
  ['without the only one', () => removeJsonMember('{ "x": {\n "a": "}" \n} }', ['x', 'a']), '{ "x": {} }'],
  ['without any of several of one name', () => removeJsonMember('{"a":1,"b":2,"a":3}', ['a']), '{"b":2}'],
  ['without what is not there', () => removeJsonMember('{"a":1}', ['x', 'y']), '{"a":1}'],
  [
    'numbers and integer-like names keep their bytes and places',
    () => setJsonMember('{"z":12345678901234567890,"1":1e400,"b":{}}', ['b', 'c'], 1),
    '{"z":12345678901234567890,"1":1e400,"b":{"c":1}}',
  ],
];

for (const [name, run, expected] of cases) {
  test(name, () => {
    const text = run();
    assert.equal(text, expected);
    JSON.parse(text);
  });
}
