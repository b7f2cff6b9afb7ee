/** Pushes a list with everything it references: plan, execute, and only then the digest file and `--rm`. */

import { type CopyChanges, type CopyRequest, changesOf } from '../copy/copy-request.ts';
import { type InstanceSelection, selectInstances } from '../copy/select-instances.ts';
import { ConflictError } from '../foundation/errors.ts';
import type { ImageIndex, IndexEntry } from '../oci/image-index.ts';
import { isAttestation } from '../oci/matcher.ts';
import { formatPlatform, type PlatformSpec, samePlatform } from '../oci/platform.ts';
import type { RootCondition } from '../oci/root-condition.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import type { ListRecord } from '../store/list-store.ts';
import { listLocation } from '../transports/store/location.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource } from '../transports/verified-source.ts';
import type { CarriedSignatures } from './carried-signatures.ts';
import type { Env } from './environment.ts';
import { type CarryRequest, type PlannedCopy, planAndExecute } from './plan-and-execute.ts';
import type { SigningRequest } from './sign-pushed.ts';

export interface PushListRequest extends Omit<CopyChanges, 'preserveDigests'> {
  /** Name or ID. */
  readonly list: string;
  readonly destination: ImageLocation;
  readonly select: InstanceSelection;
  readonly unselected: 'keep' | 'strip';
  /** Signs everything before the tag moves. */
  readonly signing?: SigningRequest;
  /** A file of what layers became: see src/copy/digest-pairs.ts. */
  readonly digestPairs?: string;
  /** Takes the signatures of the instances along, from where these are; see {@link CopyImageRequest.signatures}. */
  readonly signatures?: ListSignatures;
  /** As in {@link CopyImageRequest.onlyIf}. */
  readonly onlyIf?: RootCondition;
  readonly tags: readonly string[];
  /** Platforms that must be on the list, each once. */
  readonly require: readonly PlatformSpec[];
  readonly dryRun: boolean;
}

export interface ListSignatures {
  /**
   * Whether registries are asked, too. Where the machine knows of no place for signatures that costs requests for nothing;
   * folders of `dir:` images are looked into in any case.
   */
  readonly inRegistries: boolean;
  registriesD(): Promise<RegistriesD>;
}

export async function pushList(env: Env, request: PushListRequest): Promise<PlannedCopy> {
  const record = env.store().lists.read(request.list);
  requirePlatforms(record.index, request.require);
  await checkPlaces(env, record);
  await using source = await openVerifiedSource(listLocation(record.id), env);
  await using destination = await request.destination.openDestination({ ...env, looksOnly: request.dryRun });
  const { select, unselected, tags, signing } = request;
  const copy: CopyRequest = {
    source,
    destination,
    location: request.destination,
    select,
    unselected,
    tags,
    onlyIf: request.onlyIf,
    host: env.host,
    store: env.store(),
    ...changesOf(request),
  };
  const carry = request.signatures && carryFrom(env, record, select, request.signatures);
  const { dryRun, digestPairs } = request;
  return await planAndExecute(env, copy, { dryRun, signing, carry, digestPairs });
}

/** The list itself has none: what is signed of it is signed when it is pushed. */
function carryFrom(
  env: Env,
  { index, locations }: ListRecord,
  select: InstanceSelection,
  { inRegistries, registriesD }: ListSignatures,
): CarryRequest | undefined {
  const signed = inRegistries ? /^(?:docker|dir|containers-storage):/ : /^(?:dir|containers-storage):/;
  const placed = selectInstances(index, select, env.host).flatMap((entry) => {
    const [place = ''] = locations[entry.digest] ?? [];
    return signed.test(place) ? [{ entry, location: env.locate(place) }] : [];
  });
  if (placed.length === 0) return undefined;
  return {
    registriesD,
    async read() {
      const { readCarried } = await import('./carried-signatures.ts');
      const { digestOfFolder } = await import('./signature-stores.ts');
      const stored = placed.filter(({ location }) => location.transport === 'containers-storage');
      const found = await Promise.all([
        ...(stored.length === 0 ? [] : [fromStorages(env, stored)]),
        ...placed.map(async ({ entry, location }) => {
          const root = (await digestOfFolder(env, location)) ?? entry.digest;
          return readCarried(env, { location, root, manifests: [entry], registriesD, attachments: 'if-asked' });
        }),
      ]);
      return new Map(found.flatMap((one) => [...one]));
    },
  };
}

interface Placed {
  readonly entry: IndexEntry;
  readonly location: ImageLocation;
}

/** Each storage is looked into once. */
async function fromStorages(env: Env, placed: readonly Placed[]): Promise<CarriedSignatures> {
  const { storageSignatures } = await import('./storage-signatures.ts');
  const storages = Map.groupBy(
    placed,
    ({ location }) => /^containers-storage:(?:\[[^\]]*\])?/.exec(location.format())?.[0],
  );
  const found = await Promise.all(
    [...storages.values()].map(async (those) => {
      const [first] = those;
      const digests = those.map(({ entry }) => entry.digest);
      return first === undefined ? new Map() : await storageSignatures(env, first.location, digests);
    }),
  );
  return new Map(found.flatMap((one) => [...one]));
}

/** Instances come from where they are now: the policy of this machine has its word there too. */
async function checkPlaces(env: Env, { index, locations }: ListRecord): Promise<void> {
  await Promise.all(
    index.manifests.map(async (entry) => {
      const [place] = locations[entry.digest] ?? [];
      if (place === undefined) return;
      await env.checkSource?.({ location: env.locate(place), root: entry, used: [entry] });
    }),
  );
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
