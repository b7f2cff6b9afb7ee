/**
 * Files that are opened, read whole and closed again, only so many at once: a list of a thousand images is planned side by side,
 * a system may allow few open files, and Node.js has four threads that read.
 */
import { createSemaphore } from './semaphore.ts';

const atOnce = createSemaphore(16);

/** Runs `read`, which waits for nothing but its own file. Rejects as `read` does. */
export function withOpenFile<T>(read: () => Promise<T>): Promise<T> {
  return atOnce.run(read);
}
