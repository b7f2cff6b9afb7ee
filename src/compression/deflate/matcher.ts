/**
 * Finds what was there before. Two tables remember places by a hash of the 4 and of the 7 bytes there, that of 7 bytes with
 * the place before the last one too; every choice between candidates is the one of the compressor this agrees with.
 */
import { longestMatch, windowBytes } from './alphabet.ts';
import type { Sequences } from './sequences.ts';

const tableBits = 15;
const tableShift = 32 - tableBits;
/** A place that is too far away from everywhere. */
const nowhere = -(1 << 24);
/** Nothing is looked for so close to the end of a block. */
const margin = 11;
/** After so many bytes without a match, as a power of 2, every second place is left out, then two of three. */
const skipBits = 6;
/** A match is tried to be made better only while it is shorter. */
const goodMatch = 30;
/** Bytes at the beginning of a match in which a better one may differ. */
const mayDiffer = 2;

/** 2654435761, and in pieces 58295818150454627. */
const factor4 = 0x9e3779b1 | 0;
const factor7 = 58_295_818_150_454_627n;
const factor7Low = Number(factor7 & 0xffffffn) * 2 ** -24;
const factor7Lower = Number(BigInt.asIntN(32, factor7));
const factor7Upper = Number(BigInt.asIntN(32, factor7 >> 24n));

export class Matcher {
  #bytes: Uint8Array = new Uint8Array();
  #view: DataView = new DataView(this.#bytes.buffer);
  readonly #short = new Int32Array(1 << tableBits);
  /** The last place and the one before it. */
  readonly #long = new Int32Array(2 << tableBits);

  /** Forgets all places. From now on they are places in `bytes`. */
  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#short.fill(nowhere);
    this.#long.fill(nowhere);
  }

  /**
   * The bytes from `start` to `end`, at least 13 and at most 65535, as literals and matches into `found`, which is clear.
   * Matches reach back before `start` as far as places are remembered. Nothing is added where there is no match at all.
   */
  scan(start: number, end: number, found: Sequences): void {
    const bytes = this.#bytes;
    const view = this.#view;
    const short = this.#short;
    const long = this.#long;
    const limit = end - margin;
    let emitted = start;
    let next = start;

    scanning: for (;;) {
      let place: number;
      let length = 0;
      let from: number;
      let word = view.getInt32(next, true);
      let shortSlot = hash4(word);
      let longSlot = hash7(word, view.getInt32(next + 3, true));

      for (;;) {
        place = next;
        next = place + 1 + ((place - emitted) >> skipBits);
        if (next > limit) break scanning;
        const shortFrom = short[shortSlot] as number;
        const longFrom = long[longSlot] as number;
        const olderFrom = long[longSlot + 1] as number;
        short[shortSlot] = place;
        long[longSlot] = place;
        long[longSlot + 1] = longFrom;

        const wordBefore = word;
        word = view.getInt32(next, true);
        shortSlot = hash4(word);
        longSlot = hash7(word, view.getInt32(next + 3, true));

        if (place - longFrom < windowBytes) {
          const newer = view.getInt32(longFrom, true) === wordBefore;
          const older = place - olderFrom < windowBytes && view.getInt32(olderFrom, true) === wordBefore;
          if (newer || older) {
            from = newer ? longFrom : olderFrom;
            if (newer && older) {
              length = matching(view, place, longFrom, end);
              const other = matching(view, place, olderFrom, end);
              if (other > length) {
                from = olderFrom;
                length = other;
              }
            }
            short[shortSlot] = next;
            long[longSlot + 1] = long[longSlot] as number;
            long[longSlot] = next;
            break;
          }
        }

        if (place - shortFrom < windowBytes && view.getInt32(shortFrom, true) === wordBefore) {
          from = shortFrom;
          length = matching(view, place, shortFrom, end);
          const nextFrom = long[longSlot] as number;
          const nextOlder = long[longSlot + 1] as number;
          short[shortSlot] = next;
          long[longSlot] = next;
          long[longSlot + 1] = nextFrom;
          // one that begins a little later may be longer
          if (next - nextFrom < windowBytes) {
            let other = view.getInt32(nextFrom, true) === word ? matching(view, next, nextFrom, end) : 0;
            let otherFrom = nextFrom;
            if (other <= length && next - nextOlder < windowBytes && view.getInt32(nextOlder, true) === word) {
              other = matching(view, next, nextOlder, end);
              otherFrom = nextOlder;
            }
            if (other > length) {
              from = otherFrom;
              place = next;
              length = other;
            }
          }
          break;
        }
      }

      if (length === 0 || length === longestMatch) {
        const known = Math.max(length, 4);
        length = known + matchLength(view, place + known, from + known, end);
      }

      const behind = place + length;
      if (length < goodMatch && behind < limit) {
        // one that ends later, by what stands behind this one
        const slot = hash7(view.getInt32(behind, true), view.getInt32(behind + 3, true));
        const otherFrom = (long[slot] as number) - length + mayDiffer;
        const otherPlace = place + mayDiffer;
        const distance = otherPlace - otherFrom;
        if (otherFrom >= 0 && distance < windowBytes && distance > 0) {
          const other = matchLength(view, otherPlace, otherFrom, end);
          if (other > length) {
            from = otherFrom;
            length = other;
            place = otherPlace;
          }
        }
      }

      while (from > 0 && place > emitted && bytes[from - 1] === bytes[place - 1]) {
        place -= 1;
        from -= 1;
        length += 1;
      }
      found.addLiterals(bytes, emitted, place);
      found.addMatch(place - emitted, length, place - from);
      emitted = place + length;
      place = emitted > next ? emitted : next + 1;
      if (place >= limit) break;
      this.#remember(place - length + 1, place - 1);
      next = place;
    }

    // without a match the block is stored, and its literals need not be counted
    if (found.count > 0) found.addLiterals(bytes, emitted, end);
  }

  /** Every third place of a match, from `start` on, and its last one, `end`. */
  #remember(start: number, end: number): void {
    const view = this.#view;
    const short = this.#short;
    const long = this.#long;
    if (start < end) {
      let slot = hash7(view.getInt32(start, true), view.getInt32(start + 3, true));
      short[hash4(view.getInt32(start, true))] = start;
      long[slot + 1] = long[slot] as number;
      long[slot] = start;
      slot = hash7(view.getInt32(start + 1, true), view.getInt32(start + 4, true));
      long[slot + 1] = long[slot] as number;
      long[slot] = start + 1;
      short[hash4(view.getInt32(start + 2, true))] = start + 2;
      for (let place = start + 4; place < end; place += 3) {
        slot = hash7(view.getInt32(place, true), view.getInt32(place + 3, true));
        long[slot + 1] = long[slot] as number;
        long[slot] = place;
        short[hash4(view.getInt32(place + 1, true))] = place + 1;
      }
    }
    const slot = hash7(view.getInt32(end, true), view.getInt32(end + 3, true));
    short[hash4(view.getInt32(end, true))] = end;
    long[slot + 1] = long[slot] as number;
    long[slot] = end;
  }
}

/** Where the table has 4 bytes. */
function hash4(bytes0: number): number {
  return Math.imul(bytes0, factor4) >>> tableShift;
}

/**
 * Where the table of pairs has 7 bytes, of which the first 4 and the last 4 are given: the highest bits of their product
 * with a number of 56 bits, modulo 2^56. It is put together from the products of the lower 3 and the upper 4 bytes.
 */
function hash7(bytes0: number, bytes3: number): number {
  const low = bytes0 & 0xffffff;
  const carry = (low * factor7Low) | 0;
  return ((Math.imul(bytes3, factor7Lower) + Math.imul(low, factor7Upper) + carry) >>> tableShift) << 1;
}

/** Bytes that are the same at `place` and `from`, of which 4 are known to be so; the longest match at most. */
function matching(view: DataView, place: number, from: number, end: number): number {
  return 4 + matchLength(view, place + 4, from + 4, Math.min(end, place + longestMatch));
}

/** Bytes that are the same at `place` and `from`, up to `end`. */
function matchLength(view: DataView, place: number, from: number, end: number): number {
  let at = place;
  const back = place - from;
  for (const last = end - 4; at <= last; at += 4) {
    const differs = view.getInt32(at, true) ^ view.getInt32(at - back, true);
    if (differs !== 0) return at - place + ((31 - Math.clz32(differs & ~(differs - 1))) >> 3);
  }
  while (at < end && view.getUint8(at) === view.getUint8(at - back)) at += 1;
  return at - place;
}
