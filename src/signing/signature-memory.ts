/**
 * How much of signatures is in memory at once, over all manifests that this process looks at. What one manifest may have is
 * limited where it is read; an index has many, which are looked at side by side.
 */
import { createSemaphore } from '../foundation/semaphore.ts';

/** Waits until that many bytes of signatures may be read. */
export type TakeMemory = (bytes: number) => Promise<void>;

/** Bytes for all whose signatures are as small as signatures are. */
const shared = 32 << 20;
let used = 0;

/** Who finds no room beside the others is alone in having more. */
const large = createSemaphore(1);

/** Work with the signatures of one manifest: what is read in it, by what it is given, is not held after it. */
export async function withSignatureMemory<T>(work: (take: TakeMemory) => Promise<T>): Promise<T> {
  const { promise: done, resolve: end } = Promise.withResolvers<void>();
  let mine = 0;
  let alone: Promise<void> | undefined;
  const take: TakeMemory = async (bytes) => {
    if (alone === undefined && used + bytes <= shared) {
      used += bytes;
      mine += bytes;
      return;
    }
    // who is alone needs nobody's leave for more, so that nobody waits for each other
    alone ??= new Promise((granted) => {
      void large.run(() => {
        granted();
        return done;
      });
    });
    await alone;
  };
  try {
    return await work(take);
  } finally {
    used -= mine;
    end();
  }
}
