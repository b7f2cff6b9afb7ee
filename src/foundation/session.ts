/** One run: what may stop it, whom it tells, how much it does at once, what time it is. */
import { type Clock, systemClock } from './clock.ts';
import { CancelledError } from './errors.ts';
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
  if (signal.aborted) throw new CancelledError();
}

/** Requests under way at once to one host at first, and at most, when nothing else is asked for. */
const defaultParallel = 24;
const mostParallel = 64;

export function createSession(options: SessionOptions = {}): Session {
  const clock = options.clock ?? systemClock;
  const listener = options.onEvent;
  return {
    signal: options.signal ?? new AbortController().signal,
    clock,
    limiter: createLimiter(
      clock,
      options.parallel === undefined ? { slots: defaultParallel, ceiling: mostParallel } : { slots: options.parallel },
    ),
    emit: (event) => listener?.(event),
  };
}
