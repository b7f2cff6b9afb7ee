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
  collect({ type: 'minor' });
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
