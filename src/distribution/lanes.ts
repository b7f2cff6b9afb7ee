/** How requests share the session's limiter. */
import type { Session } from '../foundation/session.ts';

export interface Lanes {
  /**
   * Runs `work` in a slot of `host`. `inner` work has slots of its own: requests on which others, that hold a slot
   * already, may be waiting (tokens, the rest of a download that feeds an upload), since waiting for one another would
   * never end.
   */
  run<T>(host: string, inner: boolean, work: () => Promise<T>): Promise<T>;
  /** Leaves `host` alone for `ms`; `since` is when the request began that was told so. */
  pause(host: string, ms: number, since: number): void;
  succeeded(host: string): void;
  /** How many more requests to `host` could begin now. */
  free(host: string): number;
}

export function createLanes({ limiter, clock, signal }: Session): Lanes {
  const pauses = new Map<string, { at: number; until: number }>();
  const inner = (host: string): string => `${host} inner`;
  return {
    run: (host, isInner, work) => limiter.run(isInner ? inner(host) : host, signal, work),
    pause(host, ms, since) {
      const now = clock.now();
      const last = pauses.get(host);
      // requests that were under way together are told together; that is one reason to slow down, not several
      if (last !== undefined && last.at >= since && last.until >= now + ms * 0.8) return;
      pauses.set(host, { at: now, until: now + ms });
      limiter.pause(host, ms);
      limiter.pause(inner(host), ms);
    },
    succeeded(host) {
      limiter.succeeded(host);
      limiter.succeeded(inner(host));
    },
    free: (host) => limiter.free(host),
  };
}
