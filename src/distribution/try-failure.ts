/** How one try of a request ended badly; never leaves this folder. */
import type { SheafError } from '../foundation/errors.ts';

export interface TryFailureOptions {
  /** Why, in a few words, for the `retry` event. */
  reason: string;
  /** Whether another try may help. */
  transient: boolean;
  /** The error to end with when there is no other try; `tries` is how many there were. */
  toError(tries: number): SheafError;
  /** Milliseconds that the registry asked to wait. */
  waitMs?: number;
  /** The host to leave alone until the next try, since it is overloaded; `since` is when the request began (ms). */
  busy?: { host: string; since: number };
  /** Whether it looks as if the other of http and https would have been right. */
  wrongScheme?: boolean;
  /** Whether the other side is there, but does not speak TLS. */
  notTls?: boolean;
  /** Whether a connection that had served before was closed before it answered: by a server that had enough of it, most likely. */
  stale?: boolean;
  /** HTTP status, where there was an answer. */
  status?: number;
}

export class TryFailure extends Error {
  readonly options: TryFailureOptions;
  constructor(options: TryFailureOptions) {
    super(options.reason);
    this.name = 'TryFailure';
    this.options = options;
  }
}
