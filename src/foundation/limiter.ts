/**
 * How many things may be under way at once, per key (a registry host). A pause of a key holds back every new start on it:
 * one `Retry-After` is obeyed by all requests to that host.
 */
import type { Clock } from './clock.ts';
import { CancelledError } from './errors.ts';

export interface Limiter {
  /** Runs `work` as soon as `key` has a free slot and is not paused; rejects with {@link CancelledError} when aborted first. */
  run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Holds back new starts on `key` for `ms` milliseconds from now and halves its slots (down to one). */
  pause(key: string, ms: number): void;
  /** Tells that a request on `key` went well, which lets halved slots grow again. */
  succeeded(key: string): void;
}

interface Lane {
  slots: number;
  active: number;
  pausedUntil: number;
  waiting: Array<() => void>;
  /** Successes since the last change of `slots`. */
  streak: number;
}

/** A limiter that starts at `maxSlots`, halves on {@link Limiter.pause} and grows by one for every full round of successes. */
export function createLimiter(clock: Clock, maxSlots: number): Limiter {
  const lanes = new Map<string, Lane>();
  const laneOf = (key: string): Lane => {
    let lane = lanes.get(key);
    if (lane === undefined) {
      lane = { slots: maxSlots, active: 0, pausedUntil: 0, waiting: [], streak: 0 };
      lanes.set(key, lane);
    }
    return lane;
  };
  const wake = (lane: Lane): void => {
    while (lane.active < lane.slots) {
      const next = lane.waiting.shift();
      if (next === undefined) return;
      lane.active += 1;
      next();
    }
  };
  const acquire = (lane: Lane, signal: AbortSignal): Promise<void> => {
    if (lane.active < lane.slots) {
      lane.active += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', stop);
        resolve();
      };
      const stop = (): void => {
        const at = lane.waiting.indexOf(start);
        if (at >= 0) lane.waiting.splice(at, 1);
        reject(new CancelledError());
      };
      lane.waiting.push(start);
      signal.addEventListener('abort', stop, { once: true });
    });
  };
  return {
    async run(key, signal, work) {
      if (signal.aborted) throw new CancelledError();
      const lane = laneOf(key);
      await acquire(lane, signal);
      try {
        for (let wait = lane.pausedUntil - clock.now(); wait > 0; wait = lane.pausedUntil - clock.now()) {
          await clock.sleep(wait, signal);
        }
        return await work();
      } finally {
        lane.active -= 1;
        wake(lane);
      }
    },
    pause(key, ms) {
      const lane = laneOf(key);
      lane.pausedUntil = Math.max(lane.pausedUntil, clock.now() + ms);
      lane.slots = Math.max(1, Math.floor(lane.slots / 2));
      lane.streak = 0;
    },
    succeeded(key) {
      const lane = laneOf(key);
      if (lane.slots >= maxSlots) return;
      lane.streak += 1;
      if (lane.streak < lane.slots) return;
      lane.streak = 0;
      lane.slots += 1;
      wake(lane);
    },
  };
}
