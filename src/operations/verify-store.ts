/** Checks the local store, and fetches what is damaged or missing again from where it came. */
import { Readable } from 'node:stream';
import { SheafError } from '../foundation/errors.ts';
import { throwIfCancelled } from '../foundation/session.ts';
import type { Digest } from '../oci/digest.ts';
import { parseIndex } from '../oci/image-index.ts';
import { parseImageManifest } from '../oci/manifest.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { Lease } from '../store/leases.ts';
import type { ListRecord } from '../store/list-store.ts';
import type { Defect, StoreCheck } from '../store/store.ts';
import { openVerifiedSource, type VerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';
import { withLease } from './keep-content.ts';

export interface VerifiedStore extends StoreCheck {
  /** Blobs that are whole again; their defects are not among `defects`. */
  readonly repaired: readonly Digest[];
}

export interface VerifyStoreRequest {
  /** Fetches blobs that lists keep, and that are damaged or missing, from the locations of these lists. */
  readonly repair: boolean;
}

/**
 * What cannot be fetched is told as a warning, and stays a defect. Nothing is removed: what is fetched takes the place of the
 * damaged file once it is whole.
 *
 * @throws StorageError where the store cannot be read at all, or written; CancelledError
 */
export async function verifyStore(env: Env, { repair }: VerifyStoreRequest): Promise<VerifiedStore> {
  const store = env.store();
  const check = await store.check(env.session);
  const wanted = new Set(check.defects.flatMap((defect) => (isFetched(defect) ? [defect.digest] : [])));
  if (!repair || wanted.size === 0) return { ...check, repaired: [] };
  const names = new Set(check.defects.flatMap(({ lists }) => lists));
  return withLease(env, async (lease) => {
    const repaired: Digest[] = [];
    for (const name of names) {
      const record = store.lists.find(name);
      if (record === undefined) continue;
      const fetched = await fetchAgain(env, lease, record, new Set(record.content.filter((one) => wanted.has(one))));
      for (const digest of fetched) wanted.delete(digest);
      repaired.push(...fetched);
    }
    const defects = check.defects.filter((defect) => !isFetched(defect) || wanted.has(defect.digest));
    return { ...check, defects, repaired };
  });
}

type DefectOfBlob = Defect & { readonly digest: Digest };

/** Whether it is one of a blob that a list keeps, which it may be fetched for. */
function isFetched(defect: Defect): defect is DefectOfBlob {
  const { kind, digest, lists } = defect;
  return digest !== undefined && lists.length > 0 && ['damaged', 'missing', 'unreadable'].includes(kind);
}

/** Looks for `wanted` at the places of the list's instances; gives what was found. */
async function fetchAgain(env: Env, lease: Lease, record: ListRecord, wanted: Set<Digest>): Promise<Digest[]> {
  const fetched: Digest[] = [];
  const take = async (digest: Digest, open: () => Promise<Readable>): Promise<void> => {
    if (!wanted.has(digest)) return;
    await env.store().content.putStream(await open(), { digest, lease: lease.id, replace: true });
    wanted.delete(digest);
    fetched.push(digest);
  };
  for (const [instance, texts] of Object.entries(record.locations)) {
    for (const text of texts.filter((place) => !place.startsWith('store:'))) {
      if (wanted.size === 0) return fetched;
      throwIfCancelled(env.session);
      try {
        await using source = await openVerifiedSource(env.locate(text), env);
        await takeFrom(source, instance as Digest, take, new Set());
        break;
      } catch (thrown) {
        if (!(thrown instanceof SheafError) || thrown.kind === 'cancelled' || thrown.kind === 'bug') throw thrown;
        const message = `not everything can be fetched from ${text}: ${thrown.message}`;
        env.session.emit({ type: 'warning', code: 'NOT_FETCHED', message });
      }
    }
  }
  return fetched;
}

/** Offers everything of the image or index to `take`, each manifest once. */
async function takeFrom(
  source: VerifiedSource,
  digest: Digest,
  take: (digest: Digest, open: () => Promise<Readable>) => Promise<void>,
  seen: Set<Digest>,
): Promise<void> {
  if (seen.has(digest)) return;
  seen.add(digest);
  const manifest = await source.getManifest(digest);
  await take(digest, async () => Readable.from([manifest.bytes], { objectMode: false }));
  if (isIndexType(manifest.mediaType)) {
    for (const entry of parseIndex(manifest).manifests) await takeFrom(source, entry.digest, take, seen);
    return;
  }
  const { config, layers } = parseImageManifest(manifest);
  for (const blob of [config, ...layers]) await take(blob.digest, () => source.openBlob(blob));
}
