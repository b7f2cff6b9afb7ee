/**
 * Keeps the memory of dead buffers small.
 *
 * V8 begins its cheap collection of young objects when young *objects* fill their space; the bytes behind buffers do not
 * count. A stream makes few objects for many bytes, so dead buffers pile up until a full collection begins, at 64 MiB. A cheap
 * collection every few MiB keeps them at that; it takes less than a millisecond.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const bytesBetween = 8 << 20;

type Collect = (options: { type: 'minor' }) => void;

let owed = 0;
let collect: Collect | undefined;

/** To be told how many bytes of new buffers have passed; with a minus those that were given back (`own-bytes.ts`). */
export function countYoungBytes(bytes: number): void {
  owed = Math.max(0, owed + bytes);
  if (owed < bytesBetween) return;
  owed = 0;
  collect ??= findCollector();
  // there is little to look at, and other threads of V8 would have to wait for a processor first: ten times as long
  setFlagsFromString('--no-parallel-scavenge');
  collect({ type: 'minor' });
  setFlagsFromString('--parallel-scavenge');
}

/**
 * Runs `work` with the space of young objects as small as it is: V8 would let it grow to three times 16 MiB where much is made
 * at once, and what a transfer makes is soon dead.
 */
export const inSmallYoungSpace = withFlags(['--semi-space-growth-factor=1'], ['--semi-space-growth-factor=2']);

/**
 * Runs `work` with fewer full collections: V8 takes the buffers that pass through for garbage that piles up, and begins one
 * each time that their bytes are as many as the whole heap, which has ten MiB. Each also drops functions that were not used
 * for a while, only for them to be compiled again.
 */
export const withFewFullCollections = withFlags(
  ['--heap-growing-percent=100', '--no-flush-bytecode'],
  ['--heap-growing-percent=0', '--flush-bytecode'],
);

/** Sets flags of V8 as long as anything runs with them. They are as at the start afterwards: compiled code is kept with them. */
function withFlags(during: readonly string[], after: readonly string[]): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  return async (work) => {
    running += 1;
    if (running === 1) for (const flag of during) setFlagsFromString(flag);
    try {
      return await work();
    } finally {
      running -= 1;
      if (running === 0) for (const flag of after) setFlagsFromString(flag);
    }
  };
}

/** V8 shows its collector to contexts made while this flag is set. */
function findCollector(): Collect {
  setFlagsFromString('--expose-gc');
  try {
    const found: unknown = runInNewContext('globalThis.gc');
    return typeof found === 'function' ? (found as Collect) : () => {};
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
