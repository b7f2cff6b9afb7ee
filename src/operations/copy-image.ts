/** Copies an image, some images of an index, or a whole index from one place to another: plan, execute. */
import type { AttestationPolicy, CopyRequest, ManifestFormat } from '../copy/copy-request.ts';
import { type CopyResult, executePlan } from '../copy/execute-plan.ts';
import type { CopyPlan } from '../copy/plan.ts';
import { planCopy } from '../copy/plan-copy.ts';
import type { CompressionRecipe } from '../copy/recipe.ts';
import type { InstanceSelection } from '../copy/select-instances.ts';
import type { PlatformChoice } from '../oci/platform.ts';
import type { ImageLocation, TransportEnv } from '../transports/transport.ts';
import { openVerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';
import { oneInstance } from './one-instance.ts';

/** What of an index is copied: one image as an image of its own, or an index of some, all or none of its images. */
export type CopyTaking =
  | { readonly one: PlatformChoice }
  | { readonly select: InstanceSelection; readonly unselected: 'keep' | 'strip' };

export interface CopyImageRequest {
  readonly source: ImageLocation;
  readonly destination: ImageLocation;
  /** Plays no part where the source is a single image. */
  readonly take: CopyTaking;
  readonly format?: ManifestFormat;
  /** Compress every layer that is in another form like this. */
  readonly compression?: CompressionRecipe;
  /** Further instances of each platform with their layers like this. */
  readonly addCompression?: readonly CompressionRecipe[];
  /** What becomes of attestations whose images change; default `keep`. */
  readonly attestations?: AttestationPolicy;
  /** Refuse whatever would change a digest. */
  readonly preserveDigests?: boolean;
  /** More tags beside that of the destination. */
  readonly tags: readonly string[];
  readonly dryRun: boolean;
}

export interface CopiedImage {
  readonly plan: CopyPlan;
  /** `undefined` after a dry run. */
  readonly result?: CopyResult;
}

/**
 * `to`: how the destination is reached, where that differs from the source.
 *
 * @throws NotFoundError NO_IMAGE_FOR_PLATFORM; ConflictError DIGESTS_WOULD_CHANGE, EMPTY_SELECTION; and what planning,
 * executing and the two sides throw
 */
export async function copyImage(env: Env, request: CopyImageRequest, to: TransportEnv = env): Promise<CopiedImage> {
  await using opened = await openVerifiedSource(request.source, env);
  await using destination = await request.destination.openDestination(to);
  const store = env.store();
  const { take, format, compression, addCompression, attestations, preserveDigests } = request;
  const source = 'one' in take ? (await oneInstance(opened, take.one, env.host)).source : opened;
  const copy: CopyRequest = {
    source,
    destination,
    location: request.destination,
    ...('one' in take ? { select: 'all', unselected: 'keep' } : { select: take.select, unselected: take.unselected }),
    tags: request.tags,
    host: env.host,
    store,
    ...(format === undefined ? {} : { format }),
    ...(compression === undefined ? {} : { compression }),
    ...(addCompression === undefined ? {} : { addCompression }),
    ...(attestations === undefined ? {} : { attestations }),
    ...(preserveDigests === undefined ? {} : { preserveDigests }),
  };
  const plan = await planCopy(copy);
  if (request.dryRun) return { plan };
  return { plan, result: await executePlan(env.session, plan, source, destination, { store }) };
}
