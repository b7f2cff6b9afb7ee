import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAnnotation, parseAnnotationEdit } from '../../src/oci/annotations.ts';

const good: ReadonlyArray<readonly [text: string, key: string, value: string]> = [
  ['a=b', 'a', 'b'],
  ['a=', 'a', ''],
  ['a=b=c', 'a', 'b=c'],
  ['a=b,c=d', 'a', 'b,c=d'],
  ['org.example/x y= z ', 'org.example/x y', ' z '],
  ['a-=b-', 'a-', 'b-'],
  ['__proto__=x', '__proto__', 'x'],
];

for (const [text, key, value] of good) {
  test(`${text} is the annotation ${key} with the value ${JSON.stringify(value)}`, () => {
    assert.deepEqual(parseAnnotation(text), [key, value]);
    assert.deepEqual(parseAnnotationEdit(text), { set: [key, value] });
  });
}

test('without "=" both wordings of the peers are in the message', () => {
  for (const text of ['hoge', '', 'k-', '-']) {
    assert.throws(() => parseAnnotation(text), {
      name: 'UsageError',
      code: 'INVALID_ANNOTATION',
      message: `no value given for annotation "${text}": no "=" found in annotation "${text}"`,
    });
  }
});

test('without a key', () => {
  assert.throws(() => parseAnnotation('=x'), {
    code: 'INVALID_ANNOTATION',
    message: /^no key given for annotation "=x"/,
  });
});

test('with what docker buildx puts before a key: that is no part of the key', () => {
  const begins = [
    'index:',
    'manifest:',
    'manifest-descriptor:',
    'manifest-descriptor[linux/amd64]:',
    'index-descriptor:',
  ];
  for (const begin of begins) {
    assert.throws(() => parseAnnotation(`${begin}org.example.a=b`), {
      code: 'INVALID_ANNOTATION',
      hint: /^Write org\.example\.a=b: .*annotate --index.*annotate LIST PLATFORM/,
    });
  }
  assert.deepEqual(parseAnnotation('index=index:1'), ['index', 'index:1']);
  assert.deepEqual(parseAnnotation('my.index:a=b'), ['my.index:a', 'b']);
});

test('"key-" removes, but "-" and a text without either do not', () => {
  assert.deepEqual(parseAnnotationEdit('a.b-'), { remove: 'a.b' });
  assert.deepEqual(parseAnnotationEdit('a--'), { remove: 'a-' });
  assert.throws(() => parseAnnotationEdit('-'), { code: 'INVALID_ANNOTATION' });
  assert.throws(() => parseAnnotationEdit('a'), { code: 'INVALID_ANNOTATION' });
});
