/**
 * A prefix code for given counts: the lengths by package-merge, the code words as RFC 1951 section 3.2.2 gives them.
 *
 * There are many codes of the same cost. Of equal weights a package goes before a symbol, and of symbols that are counted
 * equally often the one with the larger number has the shorter word; so does the compressor this one agrees with.
 */

/** The longest word of literals, lengths and distances. */
export const longestWord = 15;
/** Symbols of the largest alphabet. */
const mostSymbols = 288;
/** Bits of a symbol in a sort key. */
const symbolBits = 9;

const keys = new Int32Array(mostSymbols);
/** The weights of the two levels that are merged, and for every level how many of its first items are symbols. */
let weights = new Int32Array(2 * mostSymbols);
let below = new Int32Array(2 * mostSymbols);
const symbolsAmong = Array.from({ length: longestWord + 1 }, () => new Uint16Array(2 * mostSymbols + 1));
const nextWord = new Uint16Array(longestWord + 2);

export class PrefixCode {
  /** By symbol: the bits of its word; 0 where it has none. */
  readonly lengths: Uint8Array;
  /** By symbol: its word as it is written, from the lowest bit on. */
  readonly words: Uint16Array;

  constructor(symbols: number) {
    this.lengths = new Uint8Array(symbols);
    this.words = new Uint16Array(symbols);
  }

  /** For the first `symbols` of `counts`, with words of at most `longest` bits. */
  build(counts: Int32Array, symbols: number, longest: number): this {
    const { lengths, words } = this;
    lengths.fill(0);
    let used = 0;
    for (let symbol = 0; symbol < symbols; symbol += 1) {
      const count = counts[symbol] as number;
      if (count > 0) keys[used++] = (count << symbolBits) | symbol;
    }
    if (used <= 2) {
      for (let index = 0; index < used; index += 1) {
        const symbol = (keys[index] as number) & ((1 << symbolBits) - 1);
        lengths[symbol] = 1;
        words[symbol] = index;
      }
      return this;
    }
    keys.subarray(0, used).sort();
    assignLengths(lengths, used, Math.min(longest, used - 1));
    assignWords(lengths, words);
    return this;
  }

  /** Bits of all symbols, as often as they are counted. */
  bits(counts: Int32Array): number {
    const { lengths } = this;
    let total = 0;
    for (let symbol = 0; symbol < lengths.length; symbol += 1) {
      total += (lengths[symbol] as number) * (counts[symbol] as number);
    }
    return total;
  }

  /** Whether the first `symbols` all have a word, of those that are counted. */
  has(counts: Int32Array, symbols: number): boolean {
    for (let symbol = 0; symbol < symbols; symbol += 1) {
      if (counts[symbol] !== 0 && this.lengths[symbol] === 0) return false;
    }
    return true;
  }
}

/** Package-merge for the first `used` keys: level by level, packages of two of the level before with all symbols. */
function assignLengths(lengths: Uint8Array, used: number, longest: number): void {
  let items = 0;
  for (let level = 1; level <= longest; level += 1) {
    const among = symbolsAmong[level] as Uint16Array;
    const packages = items >> 1;
    [weights, below] = [below, weights];
    let symbol = 0;
    let taken = 0;
    for (items = 0; items < used + packages; items += 1) {
      const weight = taken < packages ? (below[2 * taken] as number) + (below[2 * taken + 1] as number) : 0;
      const own = symbol < used ? (keys[symbol] as number) >> symbolBits : 0;
      if (taken === packages || (symbol < used && own < weight)) {
        weights[items] = own;
        symbol += 1;
      } else {
        weights[items] = weight;
        taken += 1;
      }
      among[items + 1] = symbol;
    }
  }

  // the cheapest items of the last level stand for all that is chosen below them
  let chosen = 2 * used - 2;
  for (let level = longest; level > 0; level -= 1) {
    const symbols = (symbolsAmong[level] as Uint16Array)[chosen] as number;
    for (let index = 0; index < symbols; index += 1) {
      const symbol = (keys[index] as number) & ((1 << symbolBits) - 1);
      lengths[symbol] = (lengths[symbol] as number) + 1;
    }
    chosen = 2 * (chosen - symbols);
  }
}

function assignWords(lengths: Uint8Array, words: Uint16Array): void {
  nextWord.fill(0);
  for (const length of lengths) if (length > 0) nextWord[length + 1] = (nextWord[length + 1] as number) + 1;
  for (let length = 1, word = 0; length <= longestWord; length += 1) {
    word = (word + (nextWord[length] as number)) << 1;
    nextWord[length] = word;
  }
  for (let symbol = 0; symbol < lengths.length; symbol += 1) {
    const length = lengths[symbol] as number;
    if (length === 0) continue;
    const word = nextWord[length] as number;
    nextWord[length] = word + 1;
    words[symbol] = reversed(word, length);
  }
}

/** The `length` lowest bits of `word`, the other way round. */
export function reversed(word: number, length: number): number {
  let bits = word;
  bits = ((bits & 0x5555) << 1) | ((bits >>> 1) & 0x5555);
  bits = ((bits & 0x3333) << 2) | ((bits >>> 2) & 0x3333);
  bits = ((bits & 0x0f0f) << 4) | ((bits >>> 4) & 0x0f0f);
  bits = ((bits & 0x00ff) << 8) | ((bits >>> 8) & 0x00ff);
  return bits >>> (16 - length);
}
