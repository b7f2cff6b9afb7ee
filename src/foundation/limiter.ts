/**
 * How many things may be under way at once, per key (a registry host). A pause of a key holds back every new start on it:
 * one `Retry-After` is obeyed by all requests to that host.
 */
import type { Clock } from './clock.ts';
import { type CancelledError, cancelledBy } from './errors.ts';

export interface Limiter {
  /** Runs `work` as soon as `key` has a free slot and is not paused; rejects with {@link CancelledError} when aborted first. */
  run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Holds back new starts on `key` for `ms` milliseconds from now and halves its slots (down to one). */
  pause(key: string, ms: number): void;
  /** Tells that a request on `key` went well, which lets halved slots grow again. */
  succeeded(key: string): void;
  /** How many more could start on `key` now: none while it is paused. */
  free(key: string): number;
}

interface Lane {
  slots: number;
  active: number;
  pausedUntil: number;
  waiting: Array<() => void>;
  /** Successes since `roundBegan`; with as many as there are slots a round is full. */
  streak: number;
  roundBegan: number;
  /** Whether somebody had to wait in this round: else more slots would be no help. */
  crowded: boolean;
  /** Successes a millisecond in the best round so far. */
  bestRate: number;
}

export interface LimiterOptions {
  /** Slots of a key at first, and those that halved ones grow back to whatever it brings. */
  readonly slots: number;
  /** Slots that a key may come to have while more of them get more done; `slots` unless told. */
  readonly ceiling?: number;
}

/** More slots must have got this much more done for further ones to be tried. */
const worthwhile = 1.1;

/**
 * A limiter whose slots halve on {@link Limiter.pause}, grow back by one for every full round of successes, and grow beyond
 * by a half for every crowded round that got more done in the same time than all before it.
 */
export function createLimiter(clock: Clock, { slots: atFirst, ceiling = atFirst }: LimiterOptions): Limiter {
  const lanes = new Map<string, Lane>();
  const laneOf = (key: string): Lane => {
    let lane = lanes.get(key);
    if (lane === undefined) {
      lane = {
        slots: atFirst,
        active: 0,
        pausedUntil: 0,
        waiting: [],
        streak: 0,
        roundBegan: clock.now(),
        crowded: false,
        bestRate: 0,
      };
      lanes.set(key, lane);
    }
    return lane;
  };
  const beginRound = (lane: Lane): void => {
    lane.streak = 0;
    lane.roundBegan = clock.now();
    lane.crowded = lane.waiting.length > 0;
  };
  /** The slots after a full round. */
  const grown = (lane: Lane): number => {
    if (lane.slots < atFirst) return lane.slots + 1;
    const elapsed = clock.now() - lane.roundBegan;
    if (!lane.crowded || elapsed <= 0) return lane.slots;
    const rate = lane.streak / elapsed;
    if (rate < lane.bestRate * worthwhile) return lane.slots;
    lane.bestRate = rate;
    return Math.min(ceiling, lane.slots + Math.ceil(lane.slots / 2));
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
        reject(cancelledBy(signal));
      };
      lane.waiting.push(start);
      lane.crowded = true;
      signal.addEventListener('abort', stop, { once: true });
    });
  };
  return {
    async run(key, signal, work) {
      if (signal.aborted) throw cancelledBy(signal);
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
      beginRound(lane);
    },
    succeeded(key) {
      const lane = laneOf(key);
      lane.streak += 1;
      if (lane.streak < lane.slots) return;
      lane.slots = grown(lane);
      beginRound(lane);
      wake(lane);
    },
    free(key) {
      const { slots, active, pausedUntil } = laneOf(key);
      return pausedUntil > clock.now() ? 0 : Math.max(0, slots - active);
    },
  };
}
