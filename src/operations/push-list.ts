/** Pushes a list with everything it references: plan, execute, and only then the digest file and `--rm`. */

import type { AttestationPolicy, ManifestFormat } from '../copy/copy-request.ts';
import { type CopyResult, executePlan } from '../copy/execute-plan.ts';
import type { CopyPlan } from '../copy/plan.ts';
import { planCopy } from '../copy/plan-copy.ts';
import type { CompressionRecipe } from '../copy/recipe.ts';
import type { InstanceSelection } from '../copy/select-instances.ts';
import { ConflictError } from '../foundation/errors.ts';
import type { ImageIndex } from '../oci/image-index.ts';
import { isAttestation } from '../oci/matcher.ts';
import { formatPlatform, type PlatformSpec, samePlatform } from '../oci/platform.ts';
import { listLocation } from '../transports/store/location.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';

export interface PushListRequest {
  /** Name or ID. */
  readonly list: string;
  readonly destination: ImageLocation;
  readonly select: InstanceSelection;
  readonly unselected: 'keep' | 'strip';
  readonly format?: ManifestFormat;
  /** Compress every layer that is in another form like this. */
  readonly compression?: CompressionRecipe;
  /** Further instances of each platform with their layers like this. */
  readonly addCompression?: readonly CompressionRecipe[];
  /** What becomes of attestations whose images change; default `keep`. */
  readonly attestations?: AttestationPolicy;
  readonly tags: readonly string[];
  /** Platforms that must be on the list, each once. */
  readonly require: readonly PlatformSpec[];
  readonly dryRun: boolean;
}

export interface PushedList {
  readonly plan: CopyPlan;
  /** `undefined` after a dry run. */
  readonly result?: CopyResult;
}

export async function pushList(env: Env, request: PushListRequest): Promise<PushedList> {
  const record = env.store().lists.read(request.list);
  requirePlatforms(record.index, request.require);
  await using source = await openVerifiedSource(listLocation(record.id), env);
  await using destination = await request.destination.openDestination(env);
  const store = env.store();
  const { select, unselected, tags, format, compression, addCompression, attestations } = request;
  const plan = await planCopy({
    source,
    destination,
    location: request.destination,
    select,
    unselected,
    tags,
    host: env.host,
    store,
    ...(format === undefined ? {} : { format }),
    ...(compression === undefined ? {} : { compression }),
    ...(addCompression === undefined ? {} : { addCompression }),
    ...(attestations === undefined ? {} : { attestations }),
  });
  if (request.dryRun) return { plan };
  return { plan, result: await executePlan(env.session, plan, source, destination, { store }) };
}

/** Throws ConflictError REQUIRED_PLATFORMS unless each required platform stands on the list exactly once. */
export function requirePlatforms(index: ImageIndex, required: readonly PlatformSpec[]): void {
  const images = index.manifests.filter((entry) => !isAttestation(entry) && entry.platform !== undefined);
  const problems = required.flatMap((spec) => {
    const found = images.filter(
      (entry) =>
        entry.platform !== undefined &&
        samePlatform(entry.platform, spec) &&
        entry.annotations?.['io.github.containers.compression.zstd'] !== 'true',
    );
    if (found.length === 1) return [];
    return found.length === 0
      ? [`${formatPlatform(spec)} is missing`]
      : [
          `${formatPlatform(spec)} is claimed by ${found.length} instances (${found.map((entry) => entry.digest).join(', ')})`,
        ];
  });
  if (problems.length === 0) return;
  throw new ConflictError(`the list does not have the required platforms: ${problems.join('; ')}`, {
    code: 'REQUIRED_PLATFORMS',
    hint: 'Add what is missing, remove what is double, and push again. Nothing was pushed.',
  });
}
