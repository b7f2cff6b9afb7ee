/** Takes instances off a list. */
import type { Digest } from '../oci/digest.ts';
import { applyEdits } from '../oci/edits.ts';
import type { ImageIndex } from '../oci/image-index.ts';
import { attestationSubject, isAttestation } from '../oci/matcher.ts';
import type { ListRecord } from '../store/list-store.ts';
import { editList } from './edit-list.ts';
import type { Env } from './environment.ts';
import { type FoundInstance, findInstance } from './find-instance.ts';

export interface RemovedInstances {
  readonly record: ListRecord;
  /** What was asked for, in order; their attestations are not named here. */
  readonly removed: readonly Digest[];
  /** What the list was before. */
  readonly before: ImageIndex;
}

/**
 * Removes the instances that `instances` name, each with the in-index attestations that speak of it. All of them or, when
 * one is not there, none: throws NotFoundError INSTANCE_NOT_FOUND. With `dryRun` nothing is written.
 */
export async function removeInstances(
  env: Env,
  list: string,
  instances: readonly string[],
  { dryRun }: { readonly dryRun?: boolean } = {},
): Promise<RemovedInstances> {
  const before = env.store().lists.read(list);
  const found = distinct(await Promise.all(instances.map((text) => findInstance(env, before, text))));
  const record = editList(env, before.id, (now) => without(now, found), dryRun);
  return { record, removed: found.map(({ digest }) => digest), before: before.index };
}

/** Each once; one that is named by its digest goes whatever the platform. */
function distinct(found: readonly FoundInstance[]): FoundInstance[] {
  const whole = new Set(found.flatMap(({ digest, platform }) => (platform === undefined ? [digest] : [])));
  const named = found.map((one) => (whole.has(one.digest) ? { digest: one.digest } : one));
  return [...new Map(named.map((one) => [JSON.stringify(one), one])).values()];
}

/** What is known of a manifest stays as long as it stands on the list for another platform. */
function without(record: ListRecord, found: readonly FoundInstance[]): ListRecord {
  const rest = applyEdits(
    record.index,
    found.map((one) => ({ op: 'remove', ...one })),
  );
  const gone = goneFrom(
    rest,
    found.map(({ digest }) => digest),
  );
  const orphans = rest.manifests.flatMap((entry) => {
    const subject = isAttestation(entry) ? attestationSubject(entry) : undefined;
    return subject !== undefined && gone.has(subject) ? [entry.digest] : [];
  });
  const index: ImageIndex = { ...rest, manifests: rest.manifests.filter(({ digest }) => !orphans.includes(digest)) };
  const forgotten = new Set<string>([...gone, ...orphans]);
  const known = (map: Readonly<Record<string, readonly string[]>>): Record<string, readonly string[]> =>
    Object.fromEntries(Object.entries(map).filter(([digest]) => !forgotten.has(digest)));
  return { ...record, index, locations: known(record.locations), files: known(record.files) };
}

function goneFrom({ manifests }: ImageIndex, digests: readonly Digest[]): ReadonlySet<Digest> {
  return new Set(digests.filter((digest) => !manifests.some((entry) => entry.digest === digest)));
}
