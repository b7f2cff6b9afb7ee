import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Crc64 } from '../../src/compression/crc64.ts';
import { piecesOf, randomFrom, sampleBytes } from './support.ts';

/** The definition, bit by bit. */
function slowCrc64(bytes: Uint8Array): string {
  let crc = 0xffff_ffff_ffff_ffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0xd800_0000_0000_0000n : crc >> 1n;
  }
  return (crc ^ 0xffff_ffff_ffff_ffffn).toString(16).padStart(16, '0');
}

test('known values of CRC-64/GO-ISO', () => {
  const known = {
    '': '0000000000000000',
    a: '3420000000000000',
    abc: '3776c42000000000',
    '123456789': 'b90956c775a41001',
  };
  for (const [text, expected] of Object.entries(known)) {
    const crc = new Crc64();
    crc.update(Buffer.from(text));
    assert.equal(crc.digest().toString('hex'), expected, text);
  }
});

test('it is the same whatever the alignment and the pieces', () => {
  const random = randomFrom(64);
  const bytes = sampleBytes(4096);
  for (let round = 0; round < 100; round += 1) {
    const from = Math.floor(random() * 9);
    const part = bytes.subarray(from, from + Math.floor(random() * 300));
    const crc = new Crc64();
    for (const piece of piecesOf(part, () => random() * 20)) crc.update(piece);
    assert.equal(crc.digest().toString('hex'), slowCrc64(part));
  }
});
