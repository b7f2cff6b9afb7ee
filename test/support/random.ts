/** Numbers that look random, and are the same for the same seed everywhere. */

export interface Random {
  /** From 0 to `end`, which is not reached. */
  below(end: number): number;
  pick<T>(choices: readonly T[]): T;
}

/** mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number): number => Math.floor(next() * end);
  return { below, pick: <T>(choices: readonly T[]): T => choices[below(choices.length)] as T };
}
