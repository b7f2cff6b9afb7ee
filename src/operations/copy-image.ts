/** Copies an image, some images of an index, or a whole index from one place to another: plan, execute. */
import { type CopyChanges, type CopyRequest, changesOf } from '../copy/copy-request.ts';
import { type InstanceSelection, selectInstances } from '../copy/select-instances.ts';
import { type Descriptor, descriptorOf } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseIndex } from '../oci/image-index.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { PlatformChoice } from '../oci/platform.ts';
import type { RootCondition } from '../oci/root-condition.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import type { ImageDestination, ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource, parsed, type VerifiedSource } from '../transports/verified-source.ts';
import type { CarriedSignatures } from './carried-signatures.ts';
import type { Env } from './environment.ts';
import { oneInstance } from './one-instance.ts';
import { type CarryRequest, type PlannedCopy, planAndExecute } from './plan-and-execute.ts';
import type { SigningRequest } from './sign-pushed.ts';

/** What of an index is copied: one image as an image of its own, or an index of some, all or none of its images. */
export type CopyTaking =
  | { readonly one: PlatformChoice }
  | { readonly select: InstanceSelection; readonly unselected: 'keep' | 'strip' };

export interface CopyImageRequest extends CopyChanges {
  readonly source: ImageLocation;
  readonly destination: ImageLocation;
  /** A single image is what it is: platforms that are selected must be its own, and one that is chosen is but looked at. */
  readonly take: CopyTaking;
  /** Signs everything before the tag moves. */
  readonly signing?: SigningRequest;
  /** A file of what layers became: see src/copy/digest-pairs.ts. */
  readonly digestPairs?: string;
  /**
   * Takes the signatures of the source along, and refuses what would break them or cannot keep them; without it they stay
   * behind.
   */
  readonly signatures?: { registriesD(): Promise<RegistriesD> };
  /** What the destination must name, when it is asked and when it gets its new name; the root itself is right, too. */
  readonly onlyIf?: RootCondition;
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
  await using sides = new AsyncDisposableStack();
  const openDestination = async () =>
    sides.use(await request.destination.openDestination({ ...to, looksOnly: request.dryRun }));
  // a registry can say what it has while the source is read; elsewhere the source is looked for before anything is touched
  const registry = request.destination.transport === 'docker' ? await openDestination() : undefined;
  const current = registry && askAhead(registry, request.take);
  const opened = sides.use(await openVerifiedSource(request.source, env));
  const destination = registry ?? (await openDestination());
  const store = env.store();
  const { signing } = request;
  if (namesPlatform(request.take)) {
    const { checkSingleImage } = await import('./single-image.ts');
    await checkSingleImage(env, opened, request.take);
  }
  const take = takingFor(request.take, destination);
  const source = 'one' in take ? (await oneInstance(opened, take.one, env.host)).source : opened;
  await checkUsed(env, opened, source, take);
  const copy: CopyRequest = {
    source,
    destination,
    location: request.destination,
    current,
    ...('one' in take ? { select: 'all', unselected: 'keep' } : { select: take.select, unselected: take.unselected }),
    tags: request.tags,
    onlyIf: request.onlyIf,
    host: env.host,
    store,
    ...changesOf(request),
  };
  const carry = request.signatures && carryFrom(env, { ...request, take }, request.signatures, opened, source);
  const { dryRun, digestPairs } = request;
  return await planAndExecute(to, copy, { dryRun, signing, carry, digestPairs });
}

/** Asks for what a copy to `registry` needs first; a failure is for whoever needs the answer. */
function askAhead(registry: ImageDestination, take: CopyTaking): Promise<Digest | undefined> {
  const current = registry.currentRoot();
  current.catch(() => {});
  if ('one' in take || take.select !== 'none') registry.expect?.(1);
  return current;
}

/** Whether a platform was asked for: what looks at single images then is loaded for nothing else. */
function namesPlatform(take: CopyTaking): boolean {
  return 'one' in take ? Object.keys(take.one).length > 0 : typeof take.select !== 'string';
}

/** Of one platform a destination that holds no lists takes the image. */
function takingFor(take: CopyTaking, { traits }: ImageDestination): CopyTaking {
  const holdsLists = traits.manifestTypes?.some(isIndexType) ?? true;
  if (holdsLists || 'one' in take || typeof take.select === 'string') return take;
  const [platform, ...others] = take.select.platforms;
  return platform === undefined || others.length > 0 ? take : { one: platform };
}

/** Attachments at a registry are left to `referrers` where these go along, for they are such. */
function carryFrom(
  env: Env,
  { take, referrers, destination }: CopyImageRequest,
  { registriesD }: { registriesD(): Promise<RegistriesD> },
  opened: VerifiedSource,
  source: VerifiedSource,
): CarryRequest | undefined {
  const { location } = opened;
  if (location.transport === 'oci' && referrers !== true) {
    return { registriesD, read: () => tellLeftBehind(env, source, take) };
  }
  if (location.transport === 'containers-storage') {
    return {
      registriesD,
      async read() {
        const { storageSignatures } = await import('./storage-signatures.ts');
        const manifests = [await source.getManifest(), ...(await usedOf(source, take, env))];
        return storageSignatures(env, location, [...new Set(manifests.map(({ digest }) => digest))]);
      },
    };
  }
  if (location.transport !== 'docker' && location.transport !== 'dir') return undefined;
  const asReferrers = referrers === true && location.transport === 'docker' && destination.transport !== 'dir';
  return {
    registriesD,
    async read() {
      const [{ readCarried }, { signedManifests }] = await Promise.all([
        import('./carried-signatures.ts'),
        import('./signed-manifests.ts'),
      ]);
      const root = await source.getManifest();
      const all = 'one' in take || take.select !== 'all' ? undefined : await signedManifests(source, root);
      const manifests = all ?? [descriptorOf(root), ...(await usedOf(source, take, env))];
      return readCarried(env, {
        location,
        root: (await opened.getManifest()).digest,
        manifests: manifests.filter(({ digest }, at) => manifests.findIndex((one) => one.digest === digest) === at),
        registriesD,
        attachments: asReferrers ? 'never' : 'if-asked',
      });
    },
  };
}

/** What a layout has beside its manifests goes along when that is asked for; that it stays is not to pass unseen. */
async function tellLeftBehind(env: Env, source: VerifiedSource, take: CopyTaking): Promise<CarriedSignatures> {
  const root = await source.getManifest();
  const manifests = [descriptorOf(root), ...(await usedOf(source, take, env))];
  const digests = [...new Set(manifests.map(({ digest }) => digest))];
  const left = await Promise.all(digests.map((digest) => source.companions(digest)));
  const count = left.flat().length;
  if (count > 0) {
    const message = `${count} signatures and the like in ${source.location.format()} stay behind: --referrers takes them along`;
    env.session.emit({ type: 'warning', code: 'REFERRERS_LEFT', message });
  }
  return new Map();
}

/** The instances that are used, or the one image. */
async function usedOf(source: VerifiedSource, take: CopyTaking, env: Env): Promise<readonly Descriptor[]> {
  const root = await source.getManifest();
  if (!isIndexType(root.mediaType) || 'one' in take) return [descriptorOf(root)];
  const index = parsed(source, () => parseIndex(root));
  return selectInstances(index, take.select, env.host);
}

/** Asks the machine's policy about all that is used: the instances, as with the peers, or the one image. */
async function checkUsed(env: Env, opened: VerifiedSource, source: VerifiedSource, take: CopyTaking): Promise<void> {
  if (env.checkSource === undefined) return;
  const used = await usedOf(source, take, env);
  await env.checkSource({ location: opened.location, root: descriptorOf(await opened.getManifest()), used });
}
