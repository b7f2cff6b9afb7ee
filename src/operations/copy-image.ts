/** Copies an image, some images of an index, or a whole index from one place to another: plan, execute. */
import { type CopyChanges, type CopyRequest, changesOf } from '../copy/copy-request.ts';
import { type InstanceSelection, selectInstances } from '../copy/select-instances.ts';
import { descriptorOf } from '../oci/descriptor.ts';
import { parseIndex } from '../oci/image-index.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { PlatformChoice } from '../oci/platform.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource, parsed, type VerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';
import { oneInstance } from './one-instance.ts';
import { type PlannedCopy, planAndExecute } from './plan-and-execute.ts';
import type { SigningRequest } from './sign-pushed.ts';

/** What of an index is copied: one image as an image of its own, or an index of some, all or none of its images. */
export type CopyTaking =
  | { readonly one: PlatformChoice }
  | { readonly select: InstanceSelection; readonly unselected: 'keep' | 'strip' };

export interface CopyImageRequest extends CopyChanges {
  readonly source: ImageLocation;
  readonly destination: ImageLocation;
  /** Plays no part where the source is a single image. */
  readonly take: CopyTaking;
  /** Signs everything before the tag moves. */
  readonly signing?: SigningRequest;
  /** A file of what layers became: see {@link DigestPairs}. */
  readonly digestPairs?: string;
  /** More tags beside that of the destination. */
  readonly tags: readonly string[];
  readonly dryRun: boolean;
}

/**
 * `to`: how the destination is reached, where that differs from the source.
 *
 * @throws NotFoundError NO_IMAGE_FOR_PLATFORM; ConflictError DIGESTS_WOULD_CHANGE, EMPTY_SELECTION; and what planning,
 * executing and the two sides throw
 */
export async function copyImage(env: Env, request: CopyImageRequest, to: Env = env): Promise<PlannedCopy> {
  await using opened = await openVerifiedSource(request.source, env);
  await using destination = await request.destination.openDestination(to);
  const store = env.store();
  const { take, signing } = request;
  const source = 'one' in take ? (await oneInstance(opened, take.one, env.host)).source : opened;
  await checkUsed(env, opened, source, take);
  const copy: CopyRequest = {
    source,
    destination,
    location: request.destination,
    ...('one' in take ? { select: 'all', unselected: 'keep' } : { select: take.select, unselected: take.unselected }),
    tags: request.tags,
    host: env.host,
    store,
    ...changesOf(request),
  };
  return await planAndExecute(to, copy, {
    dryRun: request.dryRun,
    ...(signing === undefined ? {} : { signing }),
    ...(request.digestPairs === undefined ? {} : { digestPairs: request.digestPairs }),
  });
}

/** Asks the machine's policy about all that is used: the instances, as with the peers, or the one image. */
async function checkUsed(env: Env, opened: VerifiedSource, source: VerifiedSource, take: CopyTaking): Promise<void> {
  if (env.checkSource === undefined) return;
  const root = await source.getManifest();
  const used =
    isIndexType(root.mediaType) && !('one' in take)
      ? selectInstances(
          parsed(source, () => parseIndex(root)),
          take.select,
          env.host,
        )
      : [descriptorOf(root)];
  await env.checkSource({ location: opened.location, root: descriptorOf(await opened.getManifest()), used });
}
