/** What matching makes of a stretch of bytes: literals and matches in turn, with counts of the codes they need. */
import {
  distanceCodeOf,
  distanceCodes,
  distanceExtra,
  endOfBlock,
  firstLengthCode,
  lengthCode,
  lengthExtra,
  literalCodes,
  longestMatch,
  shortestMatch,
} from './alphabet.ts';

/** Bytes of a block at most: what a stored one can hold. */
export const blockBytes = 65_535;

export class Sequences {
  /** Literals before each match. */
  readonly literals = new Uint16Array(blockBytes);
  /** (length - 3) << 16 | (distance - 1) */
  readonly matches = new Int32Array(blockBytes);
  /** Matches, each with the literals before it. */
  count = 0;
  /** Literals and matches. */
  symbols = 0;
  /** By code, the end of the block not among them. */
  readonly literalCounts = new Int32Array(literalCodes);
  readonly distanceCounts = new Int32Array(distanceCodes);

  clear(): void {
    this.count = 0;
    this.symbols = 0;
    this.literalCounts.fill(0);
    this.distanceCounts.fill(0);
  }

  /** The literals from `start` to `end` of `bytes`. */
  addLiterals(bytes: Uint8Array, start: number, end: number): void {
    const counts = this.literalCounts;
    for (let index = start; index < end; index += 1) {
      const byte = bytes[index] as number;
      counts[byte] = (counts[byte] as number) + 1;
    }
    this.symbols += end - start;
  }

  /** A match of any length, behind `literals` that were added. */
  addMatch(literals: number, length: number, distance: number): void {
    const code = distanceCodeOf(distance - 1);
    let before = literals;
    for (let left = length; left > 0; ) {
      let part = left;
      // what is left must be long enough for a match of its own
      if (left > longestMatch) part = left > longestMatch + shortestMatch ? longestMatch : longestMatch - shortestMatch;
      left -= part;
      const symbol = firstLengthCode + (lengthCode[part - shortestMatch] as number);
      this.literalCounts[symbol] = (this.literalCounts[symbol] as number) + 1;
      this.distanceCounts[code] = (this.distanceCounts[code] as number) + 1;
      this.literals[this.count] = before;
      this.matches[this.count] = ((part - shortestMatch) << 16) | (distance - 1);
      this.count += 1;
      this.symbols += 1;
      before = 0;
    }
  }

  /** Bits that follow the words of lengths and distances. */
  extraBits(): number {
    let total = 0;
    for (let code = 0; code < lengthExtra.length; code += 1) {
      total += (this.literalCounts[firstLengthCode + code] as number) * (lengthExtra[code] as number);
    }
    for (let code = 0; code < distanceCodes; code += 1) {
      total += (this.distanceCounts[code] as number) * (distanceExtra[code] as number);
    }
    return total;
  }

  /**
   * Bits of a block with codes made for it, nearly: the entropy, in 32-bit floating point and by a logarithm that is nearly
   * one, because what depends on it has to come out as it does elsewhere. `symbols` may count the end of the block.
   */
  estimatedBits(symbols: number): number {
    const { fround } = Math;
    const total = fround(1 / symbols);
    let bits = entropy(this.literalCounts, 0, endOfBlock, total, fround(0));
    // the end of the block
    bits = fround(bits + 15);
    bits = entropy(this.literalCounts, firstLengthCode, literalCodes, total, bits);
    let matches = 0;
    for (let code = 0; code < distanceCodes; code += 1) matches += this.distanceCounts[code] as number;
    bits = entropy(this.distanceCounts, 0, distanceCodes, fround(1 / matches), bits);
    return Math.trunc(bits) + this.extraBits();
  }
}

/** Adds to `bits` those of the codes from `start` to `end`, each of 1 to 15. */
function entropy(counts: Int32Array, start: number, end: number, total: number, bits: number): number {
  const { fround } = Math;
  let sum = bits;
  for (let code = start; code < end; code += 1) {
    const count = counts[code] as number;
    if (count === 0) continue;
    const each = Math.min(15, Math.max(1, -log2(fround(count * total))));
    sum = fround(sum + fround(each * count));
  }
  return sum;
}

const single = new Float32Array(1);
const singleBits = new Int32Array(single.buffer);
const [square, linear, constant] = [-0.34484843, 2.02466578, 0.67487759].map(Math.fround) as [number, number, number];

/** The exponent, and a parabola for the rest. */
function log2(value: number): number {
  const { fround } = Math;
  single[0] = value;
  const bits = singleBits[0] as number;
  singleBits[0] = (bits & 0x7fffff) | (127 << 23);
  const rest = single[0] as number;
  const slope = fround(fround(square * rest) + linear);
  return fround(((bits >> 23) & 255) - 128 + fround(fround(slope * rest) - constant));
}
