/** Takes instances off a list. */
import type { Digest } from '../oci/digest.ts';
import { applyEdits } from '../oci/edits.ts';
import { attestationSubject, isAttestation } from '../oci/matcher.ts';
import type { ListRecord } from '../store/list-store.ts';
import type { Env } from './environment.ts';
import { findInstance } from './find-instance.ts';

export interface RemovedInstances {
  readonly record: ListRecord;
  /** What was asked for, in order; their attestations are not named here. */
  readonly removed: readonly Digest[];
}

/**
 * Removes the instances that `instances` name, each with the in-index attestations that speak of it. All of them or, when
 * one is not there, none: throws NotFoundError INSTANCE_NOT_FOUND.
 */
export async function removeInstances(env: Env, list: string, instances: readonly string[]): Promise<RemovedInstances> {
  const { lists } = env.store();
  const before = lists.read(list);
  const removed = [...new Set(await Promise.all(instances.map((text) => findInstance(env, before, text))))];
  const record = lists.update(before.id, (now) => {
    const gone = new Set<Digest>(removed);
    const orphans = now.index.manifests.filter((entry) => {
      const subject = isAttestation(entry) ? attestationSubject(entry) : undefined;
      return subject !== undefined && gone.has(subject) && !gone.has(entry.digest);
    });
    const digests = [...removed, ...new Set(orphans.map((entry) => entry.digest))];
    const index = applyEdits(
      now.index,
      digests.map((digest) => ({ op: 'remove', digest })),
    );
    const without = (map: Readonly<Record<string, readonly string[]>>): Record<string, readonly string[]> =>
      Object.fromEntries(Object.entries(map).filter(([digest]) => !digests.some((one) => one === digest)));
    return { ...now, index, locations: without(now.locations), files: without(now.files) };
  });
  return { record, removed };
}
