/** One run: what may stop it, whom it tells, how much it does at once, what time it is. */
import { type Clock, systemClock } from './clock.ts';
import { cancelledBy, UsageError } from './errors.ts';
import type { ProgressEvent } from './events.ts';
import { createLimiter, type Limiter } from './limiter.ts';

export interface Session {
  readonly signal: AbortSignal;
  readonly limiter: Limiter;
  readonly clock: Clock;
  emit(event: ProgressEvent): void;
}

export interface SessionOptions {
  signal?: AbortSignal;
  clock?: Clock;
  onEvent?: (event: ProgressEvent) => void;
  /** Requests under way at once to one registry host; without it 24 at first, and more while that helps. */
  parallel?: number;
}

/** To be called before something is changed: what waits for nothing does not notice the signal by itself. Throws CancelledError. */
export function throwIfCancelled({ signal }: Pick<Session, 'signal'>): void {
  if (signal.aborted) throw cancelledBy(signal);
}

/** Requests under way at once to one host at first, and at most, when nothing else is asked for. */
const defaultParallel = 24;
const mostParallel = 64;

/** Throws UsageError PARALLEL: with no requests at once nothing would ever happen. */
export function createSession(options: SessionOptions = {}): Session {
  const { parallel } = options;
  if (parallel !== undefined && !(Number.isSafeInteger(parallel) && parallel > 0)) {
    throw new UsageError(`${parallel} requests cannot be under way at once`, {
      code: 'PARALLEL',
      hint: 'Let "parallel" be a whole number from 1 on, or leave it away.',
    });
  }
  const clock = options.clock ?? systemClock;
  const listener = options.onEvent;
  return {
    signal: options.signal ?? new AbortController().signal,
    clock,
    limiter: createLimiter(
      clock,
      parallel === undefined ? { slots: defaultParallel, ceiling: mostParallel } : { slots: parallel },
    ),
    emit: (event) => listener?.(event),
  };
}
