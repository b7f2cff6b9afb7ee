import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { smallSha256 } from '../../src/oci/small-sha256.ts';

describe('the hash of small documents', () => {
  // FIPS 180-4 examples, and one that takes a second block
  for (const [text, hash] of [
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
  ] as const) {
    it(`of ${JSON.stringify(text)}`, () => assert.equal(smallSha256(Buffer.from(text)), hash));
  }

  it('is that of node:crypto, whatever the length', () => {
    for (let size = 0; size <= 1000; size += 1) {
      const bytes = randomBytes(size);
      assert.equal(smallSha256(bytes), createHash('sha256').update(bytes).digest('hex'), bytes.toString('hex'));
    }
    const view = randomBytes(9000).subarray(1234, 6000);
    assert.equal(smallSha256(view), createHash('sha256').update(view).digest('hex'));
  });
});
