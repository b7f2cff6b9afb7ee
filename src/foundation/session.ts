/** One run: what may stop it, whom it tells, how much it does at once, what time it is. */
import { type Clock, systemClock } from './clock.ts';
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
  /** Requests under way at once to one registry host. */
  parallel?: number;
}

/** Requests under way at once to one host when nothing else is asked for. */
export const defaultParallel = 16;

export function createSession(options: SessionOptions = {}): Session {
  const clock = options.clock ?? systemClock;
  const listener = options.onEvent;
  return {
    signal: options.signal ?? new AbortController().signal,
    clock,
    limiter: createLimiter(clock, options.parallel ?? defaultParallel),
    emit: (event) => listener?.(event),
  };
}
