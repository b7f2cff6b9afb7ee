import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  der,
  derObjectIdentifier,
  derTag,
  derValue,
  derValues,
  objectIdentifierText,
} from '../../src/foundation/der.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('DER', () => {
  it('reads values one after the other, of short and long lengths', () => {
    const long = Buffer.alloc(300, 7);
    const values = derValues(Buffer.concat([hex('02 01 05'), der(derTag.octetString, long), hex('30 00')]));
    assert.deepEqual(
      values.map(({ tag, content, whole }) => [tag, content.byteLength, whole.byteLength]),
      [
        [derTag.integer, 1, 3],
        [derTag.octetString, 300, 304],
        [derTag.sequence, 0, 2],
      ],
    );
    assert.deepEqual(derValues(new Uint8Array()), []);
  });

  for (const [title, text] of [
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a content that ends early', '04 03 01 02'],
    ['a length that ends early', '04 82 01'],
    ['a length that is not told', '30 80 00 00'],
    ['a length of five bytes', '04 85 00 00 00 00 01 00'],
    ['a tag of several bytes', '1f 81 01 00'],
  ] as const) {
    it(`refuses ${title}`, () => assert.throws(() => derValue(hex(text)), RangeError));
  }

  it('reads and writes object identifiers', () => {
    for (const [text, bytes] of [
      ['1.2.840.113549.1.7.3', '2a 86 48 86 f7 0d 01 07 03'],
      ['1.3.6.1.4.1.57264.1.1', '2b 06 01 04 01 83 bf 30 01 01'],
      ['2.5.29.17', '55 1d 11'],
    ] as const) {
      assert.equal(objectIdentifierText(hex(bytes)), text);
      assert.deepEqual(derValue(derObjectIdentifier(text)).content, hex(bytes));
    }
    assert.throws(() => objectIdentifierText(Buffer.alloc(12, 0xff)), RangeError);
  });
});
