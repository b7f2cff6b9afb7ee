/** The body of a block: words of literals, lengths and distances. RFC 1951 section 3.2.3. */
import {
  distanceBase,
  distanceCodeOf,
  distanceExtra,
  firstLengthCode,
  lengthBase,
  lengthCode,
  lengthExtra,
  shortestMatch,
} from './alphabet.ts';
import type { BitOutput } from './bit-output.ts';
import type { PrefixCode } from './prefix-code.ts';
import type { Sequences } from './sequences.ts';

/** By literal, and from 256 on by length - 3 with its extra bits: the word, and in the 8 highest bits how many bits it has. */
const words = new Int32Array(512);
/** The same by distance code, without extra bits. */
const distanceWords = new Int32Array(32);
const wordBits = 0xffffff;

/** `bytes`, in which `found` are the matches, by two codes. The end of the block is not written. */
export function writeSymbols(
  output: BitOutput,
  bytes: Uint8Array,
  found: Sequences,
  codes: { literals: PrefixCode; distances: PrefixCode },
): void {
  prepareLiterals(codes.literals);
  prepareMatches(codes.literals, codes.distances);
  const { view } = output;
  let { bits, count, length } = output;
  let place = 0;
  for (let index = 0; index <= found.count; index += 1) {
    const isRest = index === found.count;
    const run = isRest ? bytes.byteLength : place + (found.literals[index] as number);
    for (; place < run; place += 1) {
      const word = words[bytes[place] as number] as number;
      // fewer than 8 bits wait, and a word has 15 at most
      bits |= (word & wordBits) << count;
      count += word >>> 24;
      view.setInt32(length, bits, true);
      length += count >> 3;
      bits >>>= count & 24;
      count &= 7;
    }
    if (isRest) break;

    const match = found.matches[index] as number;
    const word = words[256 + (match >> 16)] as number;
    bits |= (word & wordBits) << count;
    count += word >>> 24;
    view.setInt32(length, bits, true);
    length += count >> 3;
    bits >>>= count & 24;
    count &= 7;

    const distance = match & 0xffff;
    const code = distanceCodeOf(distance);
    const distanceWord = distanceWords[code] as number;
    bits |= (distanceWord & wordBits) << count;
    count += distanceWord >>> 24;
    view.setInt32(length, bits, true);
    length += count >> 3;
    bits >>>= count & 24;
    count &= 7;

    bits |= (distance - (distanceBase[code] as number)) << count;
    count += distanceExtra[code] as number;
    view.setInt32(length, bits, true);
    length += count >> 3;
    bits >>>= count & 24;
    count &= 7;

    place += (match >> 16) + shortestMatch;
  }
  output.bits = bits;
  output.count = count;
  output.length = length;
}

/** All of `bytes` as literals. */
export function writeLiterals(output: BitOutput, bytes: Uint8Array, code: PrefixCode): void {
  prepareLiterals(code);
  const { view } = output;
  let { bits, count, length } = output;
  for (let place = 0; place < bytes.byteLength; place += 1) {
    const word = words[bytes[place] as number] as number;
    bits |= (word & wordBits) << count;
    count += word >>> 24;
    view.setInt32(length, bits, true);
    length += count >> 3;
    bits >>>= count & 24;
    count &= 7;
  }
  output.bits = bits;
  output.count = count;
  output.length = length;
}

function prepareLiterals(code: PrefixCode): void {
  for (let symbol = 0; symbol < 256; symbol += 1) {
    words[symbol] = (code.words[symbol] as number) | ((code.lengths[symbol] as number) << 24);
  }
}

function prepareMatches(literals: PrefixCode, distances: PrefixCode): void {
  for (let length = 0; length < 256; length += 1) {
    const code = lengthCode[length] as number;
    const bits = literals.lengths[firstLengthCode + code] as number;
    const extra = (length - (lengthBase[code] as number)) << bits;
    const word = (literals.words[firstLengthCode + code] as number) | extra;
    words[256 + length] = word | ((bits + (lengthExtra[code] as number)) << 24);
  }
  for (let code = 0; code < distances.lengths.length; code += 1) {
    distanceWords[code] = (distances.words[code] as number) | ((distances.lengths[code] as number) << 24);
  }
}
