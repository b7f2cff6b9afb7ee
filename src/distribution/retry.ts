/** When to try again, and after how long. */
import { asError, RegistryError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import type { Lanes } from './lanes.ts';
import type { RetrySettings } from './registry-pool.ts';
import { TryFailure } from './try-failure.ts';

/** Statuses after which another try may help, whatever the method. */
export function isTransient(status: number): boolean {
  return [408, 425, 429, 500, 502, 503, 504].includes(status);
}

/**
 * Milliseconds of a `Retry-After` (seconds or a date, RFC 9110 section 10.2.3); `undefined` where it makes no sense.
 */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}(?:\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  if (!/[a-z]{3}/i.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The tries that one piece of work has left. */
export interface RetryBudget {
  /** Waits until the next try, or throws the error of `thrown` when there is none. */
  spend(thrown: unknown): Promise<void>;
  /** Work went on: what was spent is given back. */
  renew(): void;
}

export interface RetryEnv {
  session: Session;
  retry: RetrySettings;
  lanes: Lanes;
}

/** `what`: what is being tried, for the `retry` event: "read the manifest 127.0.0.1:5000/a:1". */
export function createRetryBudget(env: RetryEnv, what: string): RetryBudget {
  const { session, retry, lanes } = env;
  const maxWaitMs = retry.maxWaitMs ?? 600_000;
  let failures = 0;
  let wasStale = false;
  return {
    async spend(thrown) {
      if (!(thrown instanceof TryFailure)) throw asError(thrown);
      const { options } = thrown;
      // servers and proxies close connections without a word, and the request may just have missed it: once, at once, on another one
      if (options.stale === true && !wasStale) {
        wasStale = true;
        return;
      }
      failures += 1;
      if (!options.transient || failures > retry.maxRetries) throw options.toError(failures);
      if (options.waitMs !== undefined && options.waitMs > maxWaitMs) {
        throw tooLongAWait(options.toError(failures), options.waitMs, maxWaitMs);
      }
      const delayMs = Math.round(options.waitMs || backoff(retry, failures));
      if (options.busy !== undefined) lanes.pause(options.busy.host, delayMs, options.busy.since);
      session.emit({ type: 'retry', what, attempt: failures, of: retry.maxRetries, delayMs, reason: options.reason });
      await session.clock.sleep(delayMs, session.signal);
    },
    renew() {
      failures = 0;
    },
  };
}

/** Tries `attempt` until it succeeds, or fails for good. */
export async function retrying<T>(env: RetryEnv, what: string, attempt: () => Promise<T>): Promise<T> {
  const budget = createRetryBudget(env, what);
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      await budget.spend(thrown);
    }
  }
}

function backoff(retry: RetrySettings, failures: number): number {
  if (retry.delayMs !== undefined) return retry.delayMs;
  return Math.min(1000 * 2 ** (failures - 1), 60_000) * (1 + Math.random() / 10);
}

function tooLongAWait(error: Error, waitMs: number, maxWaitMs: number): RegistryError {
  const asked = `${Math.ceil(waitMs / 1000)} s`;
  return new RegistryError(
    `${error.message}; it asks to wait ${asked}, longer than the ${maxWaitMs / 1000} s allowed`,
    {
      code: 'TOOMANYREQUESTS',
      ...(error instanceof RegistryError && { errors: error.errors, ...(error.status && { status: error.status }) }),
      cause: error,
      hint: `Try again in ${asked}; logging in often raises the limit.`,
    },
  );
}
