/** The head of a block with codes of its own: their lengths, run-length coded. RFC 1951 section 3.2.7. */
import { firstLengthCode } from './alphabet.ts';
import type { BitOutput } from './bit-output.ts';
import { PrefixCode } from './prefix-code.ts';

/** The order in which lengths of the code of lengths are written. */
const order = Uint8Array.of(16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15);
const repeatLast = 16;
const fewZeros = 17;
const manyZeros = 18;
/** Bits behind the symbols of repetition, from 16 on. */
const repeatBits = Uint8Array.of(2, 3, 7);
const longestWord = 7;

export class TableHeader {
  /** Its bits. */
  size = 0;
  readonly #symbols = new Uint8Array(320);
  /** What stands behind each symbol. */
  readonly #repeats = new Uint8Array(320);
  #length = 0;
  readonly #counts = new Int32Array(order.length);
  readonly #code = new PrefixCode(order.length);
  #written = 0;
  readonly #lengths = new Uint8Array(320);
  #literals = 0;
  #distances = 0;

  /** For the first so many lengths of two codes. */
  prepare(literals: Uint8Array, literalCount: number, distances: Uint8Array, distanceCount: number): void {
    this.#literals = literalCount;
    this.#distances = distanceCount;
    this.#lengths.set(literals.subarray(0, literalCount));
    this.#lengths.set(distances.subarray(0, distanceCount), literalCount);
    this.#shorten(literalCount + distanceCount);
    this.#code.build(this.#counts, order.length, longestWord);
    this.#written = order.length;
    while (this.#written > 4 && this.#counts[order[this.#written - 1] as number] === 0) this.#written -= 1;
    this.size = 3 + 5 + 5 + 4 + 3 * this.#written + this.#code.bits(this.#counts);
    for (let symbol = repeatLast; symbol <= manyZeros; symbol += 1) {
      this.size += (this.#counts[symbol] as number) * (repeatBits[symbol - repeatLast] as number);
    }
  }

  write(output: BitOutput): void {
    // dynamic codes, and blocks follow
    output.write(0b100, 3);
    output.write(this.#literals - firstLengthCode, 5);
    output.write(this.#distances - 1, 5);
    output.write(this.#written - 4, 4);
    for (const symbol of order.subarray(0, this.#written)) output.write(this.#code.lengths[symbol] as number, 3);
    for (let index = 0; index < this.#length; index += 1) {
      const symbol = this.#symbols[index] as number;
      output.write(this.#code.words[symbol] as number, this.#code.lengths[symbol] as number);
      if (symbol >= repeatLast) output.write(this.#repeats[index] as number, repeatBits[symbol - repeatLast] as number);
    }
  }

  /** Longest repetitions first, and what is too short for one as it stands. */
  #shorten(total: number): void {
    this.#length = 0;
    this.#counts.fill(0);
    for (let start = 0, end = 0; start < total; start = end) {
      const value = this.#lengths[start] as number;
      while (end < total && this.#lengths[end] === value) end += 1;
      let left = end - start;
      if (value === 0) {
        for (; left >= 11; left -= Math.min(left, 138)) this.#add(manyZeros, Math.min(left, 138) - 11);
        if (left >= 3) {
          this.#add(fewZeros, left - 3);
          left = 0;
        }
      } else {
        this.#add(value, 0);
        for (left -= 1; left >= 3; left -= Math.min(left, 6)) this.#add(repeatLast, Math.min(left, 6) - 3);
      }
      for (; left > 0; left -= 1) this.#add(value, 0);
    }
  }

  #add(symbol: number, repeat: number): void {
    this.#symbols[this.#length] = symbol;
    this.#repeats[this.#length] = repeat;
    this.#length += 1;
    this.#counts[symbol] = (this.#counts[symbol] as number) + 1;
  }
}
