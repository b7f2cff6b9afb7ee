/** Keeps what was read until a list holds it, so that nobody who cleans up meanwhile takes it away. */
import { throwIfCancelled } from '../foundation/session.ts';
import type { Digest } from '../oci/digest.ts';
import type { Lease } from '../store/leases.ts';
import type { Env } from './environment.ts';

/** Runs `work` with a lease that is closed after it. Throws CancelledError. */
export async function withLease<T>(env: Env, work: (lease: Lease) => Promise<T>): Promise<T> {
  throwIfCancelled(env.session);
  using lease = env.store().openLease();
  return await work(lease);
}

/** Puts `blobs` into the local store, then runs `record`, which makes a list hold them. Throws CancelledError. */
export function keepContent<T>(
  env: Env,
  blobs: ReadonlyArray<{ readonly digest: Digest; readonly bytes: Uint8Array }>,
  record: () => T,
): Promise<T> {
  return withLease(env, async (lease) => {
    await env.store().content.putAll(blobs, { lease: lease.id });
    throwIfCancelled(env.session);
    return record();
  });
}
