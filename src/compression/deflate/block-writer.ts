/**
 * Writes blocks of deflate, each in the cheapest way: stored, with the fixed codes, with codes of its own or with those of
 * the block before, which is then simply not ended. All that is weighed, and with what estimates, is as the compressor this
 * agrees with does it. RFC 1951 section 3.2.3 to 3.2.7.
 */
import { distanceCodes, endOfBlock, literalCodes } from './alphabet.ts';
import { BitOutput } from './bit-output.ts';
import { longestWord, PrefixCode, reversed } from './prefix-code.ts';
import type { Sequences } from './sequences.ts';
import { writeLiterals, writeSymbols } from './symbols.ts';
import { TableHeader } from './table-header.ts';

/** Blocks of fewer symbols may have the fixed codes. */
const fewSymbols = 250;
/** What codes of its own cost a block more than estimated, as a part of all, a power of 2. */
const penaltyBits = 7;
/** Bits of the codes of a block without matches, as long as they are not made. */
const guessedHeader = 560;
/** Blocks up to that are not looked at for whether they can be compressed at all. */
const smallBlock = 1024;
const literalsOnly = endOfBlock + 1;

const fixedLiterals = fixedCode(literalCodes, (symbol) => {
  if (symbol < 144) return [48 + symbol, 8];
  if (symbol < 256) return [400 + symbol - 144, 9];
  return symbol < 280 ? [symbol - 256, 7] : [192 + symbol - 280, 8];
});
const fixedDistances = fixedCode(distanceCodes, (symbol) => [symbol, 5]);
/** One distance of one bit: the fewest that a header can have. */
const noDistances = Uint8Array.of(1);

function fixedCode(symbols: number, word: (symbol: number) => [number, number]): PrefixCode {
  const code = new PrefixCode(symbols);
  for (let symbol = 0; symbol < symbols; symbol += 1) {
    const [bits, length] = word(symbol);
    code.lengths[symbol] = length;
    code.words[symbol] = reversed(bits, length);
  }
  return code;
}

export class BlockWriter {
  #output = new BitOutput(new Uint8Array());
  #literals = new PrefixCode(literalCodes);
  #otherLiterals = new PrefixCode(literalCodes);
  readonly #distances = new PrefixCode(distanceCodes);
  readonly #header = new TableHeader();
  /** Bits of the header of the block that is not ended yet, whose codes may be used further; 0 if there is none. */
  #open = 0;
  /** Whether the open block has no code for matches. */
  #openForLiterals = false;
  readonly #counts = new Int32Array(literalCodes);

  /** Bytes written since {@link begin}. */
  get length(): number {
    return this.#output.length;
  }

  /** Writes into `bytes` from now on. */
  begin(bytes: Uint8Array): void {
    this.#output = new BitOutput(bytes);
    this.#open = 0;
  }

  /** An empty stored block, which ends on a byte boundary; RFC 1951 has no name for it, zlib calls it a sync flush. */
  flush(): void {
    this.stored(new Uint8Array());
  }

  /** At most 65535 bytes. */
  stored(bytes: Uint8Array): void {
    this.#end();
    this.#output.write(0, 3);
    this.#output.align();
    this.#output.write(bytes.byteLength, 16);
    this.#output.write(bytes.byteLength ^ 0xffff, 16);
    this.#output.append(bytes);
  }

  /** `bytes`, of which matching made `found`, with at least one match. After `last` no block is left open. */
  compressed(bytes: Uint8Array, found: Sequences, last: boolean): void {
    if (this.#open > 0 && (this.#openForLiterals || !this.#canWrite(found))) this.#end();
    const counts = this.#counts;
    counts.set(found.literalCounts);
    counts[endOfBlock] = 1;
    const symbols = found.symbols + (last ? 1 : 0);
    const extra = found.extraBits();
    const stored = storedBits(bytes);

    if (this.#open > 0) {
      const estimated = this.#open + found.estimatedBits(symbols);
      const fresh = estimated + (this.#literals.lengths[endOfBlock] as number) + (estimated >> penaltyBits);
      const reused = this.#literals.bits(counts) + this.#distances.bits(found.distanceCounts) + extra;
      const size = Math.min(fresh, reused);
      if (fresh < reused) this.#end();
      if (symbols < fewSymbols && this.#fixedBits(found, extra) + 7 < size) {
        if (stored <= size) this.stored(bytes);
        else this.#fixed(bytes, found);
        return;
      }
      if (stored <= size) {
        this.stored(bytes);
        return;
      }
    }

    if (this.#open === 0) {
      this.#literals.build(counts, literalCodes, longestWord);
      this.#distances.build(found.distanceCounts, distanceCodes, longestWord);
      this.#header.prepare(
        this.#literals.lengths,
        usedCodes(counts),
        this.#distances.lengths,
        usedCodes(found.distanceCounts),
      );
      const size = this.#header.size + this.#literals.bits(counts) + this.#distances.bits(found.distanceCounts) + extra;
      const fixed = symbols < fewSymbols ? this.#fixedBits(found, extra) : Number.POSITIVE_INFINITY;
      if (stored <= Math.min(fixed, size)) {
        this.stored(bytes);
        return;
      }
      if (fixed <= size) {
        this.#fixed(bytes, found);
        return;
      }
      this.#header.write(this.#output);
      this.#open = this.#header.size;
      this.#openForLiterals = false;
    }
    writeSymbols(this.#output, bytes, found, { literals: this.#literals, distances: this.#distances });
    if (last) this.#end();
  }

  /** `bytes` without matches, with a code for bytes alone or stored. After `last` no block is left open. */
  literals(bytes: Uint8Array, last: boolean): void {
    const counts = this.#counts.fill(0);
    for (const byte of bytes) counts[byte] = (counts[byte] as number) + 1;
    const stored = storedBits(bytes);
    if (bytes.byteLength > smallBlock && isEven(counts, bytes.byteLength)) {
      this.stored(bytes);
      return;
    }
    counts[endOfBlock] = 1;
    this.#otherLiterals.build(counts, literalsOnly, longestWord);
    let size = this.#otherLiterals.bits(counts) + (this.#open === 0 ? guessedHeader : this.#open);
    size += size >> penaltyBits;
    if (stored <= size) {
      this.stored(bytes);
      return;
    }
    if (this.#open > 0 && (!this.#literals.has(counts, endOfBlock) || size < this.#literalBits(counts))) this.#end();
    if (this.#open === 0) {
      [this.#literals, this.#otherLiterals] = [this.#otherLiterals, this.#literals];
      this.#header.prepare(this.#literals.lengths, literalsOnly, noDistances, 1);
      this.#header.write(this.#output);
      this.#open = this.#header.size;
      this.#openForLiterals = true;
    }
    writeLiterals(this.#output, bytes, this.#literals);
    if (last) this.#end();
  }

  /** Ends the block that is open. */
  #end(): void {
    if (this.#open === 0) return;
    this.#open = 0;
    this.#output.write(this.#literals.words[endOfBlock] as number, this.#literals.lengths[endOfBlock] as number);
  }

  #canWrite(found: Sequences): boolean {
    return (
      this.#distances.has(found.distanceCounts, distanceCodes) && this.#literals.has(found.literalCounts, literalCodes)
    );
  }

  #literalBits(counts: Int32Array): number {
    return this.#literals.bits(counts) - (this.#literals.lengths[endOfBlock] as number);
  }

  #fixedBits(found: Sequences, extra: number): number {
    return 3 + fixedLiterals.bits(this.#counts) + fixedDistances.bits(found.distanceCounts) + extra;
  }

  #fixed(bytes: Uint8Array, found: Sequences): void {
    this.#end();
    this.#output.write(0b010, 3);
    writeSymbols(this.#output, bytes, found, { literals: fixedLiterals, distances: fixedDistances });
    this.#output.write(fixedLiterals.words[endOfBlock] as number, fixedLiterals.lengths[endOfBlock] as number);
  }
}

function storedBits(bytes: Uint8Array): number {
  return (bytes.byteLength + 5) * 8;
}

/** Codes up to the last one that is counted. */
function usedCodes(counts: Int32Array): number {
  let used = counts.length;
  while (used > 0 && counts[used - 1] === 0) used -= 1;
  return used;
}

/** Whether all bytes are nearly equally often there. */
function isEven(counts: Int32Array, total: number): boolean {
  let differences = 0;
  for (let byte = 0; byte < 256; byte += 1) differences += ((counts[byte] as number) - total / 256) ** 2;
  return differences < total * 2;
}
