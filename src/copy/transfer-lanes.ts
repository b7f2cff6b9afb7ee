/**
 * How many blobs are under way at once, by their size: enough to hide the round trips of small ones, few enough to keep
 * memory flat. Each size has a lane of its own. Configs, on which manifests wait, wait for no large layer so.
 */
import { createSemaphore } from '../foundation/semaphore.ts';

export interface TransferLanes {
  /** Runs `work` as soon as a blob of `size` bytes may go. */
  run<T>(size: number, work: () => Promise<T>): Promise<T>;
}

/** Blobs that are hardly more than their requests, as configs are. */
export const smallBlobBytes = 64 << 10;
/** Blobs that are read in one piece. Those above fill buffers of a MiB or two for as long as they are under way. */
const middlingBlobBytes = 4 << 20;

export function createTransferLanes(): TransferLanes {
  const lanes = [
    { upTo: smallBlobBytes, semaphore: createSemaphore(24) },
    { upTo: middlingBlobBytes, semaphore: createSemaphore(16) },
  ];
  const large = createSemaphore(8);
  return {
    run: (size, work) => (lanes.find(({ upTo }) => size <= upTo)?.semaphore ?? large).run(work),
  };
}
