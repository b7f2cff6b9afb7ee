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

/** To be told how many bytes of new buffers have passed. */
export function countYoungBytes(bytes: number): void {
  owed += bytes;
  if (owed < bytesBetween) return;
  owed = 0;
  collect ??= findCollector();
  // there is little to look at, and other threads of V8 would have to wait for a processor first: ten times as long
  setFlagsFromString('--no-parallel-scavenge');
  collect({ type: 'minor' });
  setFlagsFromString('--parallel-scavenge');
}

let small = 0;

/**
 * Runs `work` with the space of young objects as small as it is: V8 would let it grow to three times 16 MiB where much is made
 * at once, and what a transfer makes is soon dead.
 */
export async function inSmallYoungSpace<T>(work: () => Promise<T>): Promise<T> {
  small += 1;
  if (small === 1) setFlagsFromString('--semi-space-growth-factor=1');
  try {
    return await work();
  } finally {
    small -= 1;
    // as it was at the start: code that is kept compiled is good for the same flags only
    if (small === 0) setFlagsFromString('--semi-space-growth-factor=2');
  }
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
