/**
 * Plans a copy: reads the source's manifests, asks the destination what it has, and decides for every blob and manifest of
 * the whole list at once. Only reads.
 */
import { parseCompressionFormat, variantFormats } from '../compression/compression.ts';
import { BugError, ConflictError, UnsupportedError, UsageError } from '../foundation/errors.ts';
import { inSmallYoungSpace } from '../foundation/young-garbage.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isIndexType } from '../oci/media-types.ts';
import { requireRoot } from '../oci/root-condition.ts';
import { checkNamedDigest } from '../transports/docker/named-digest.ts';
import type { CopyRequest } from './copy-request.ts';
import { isDraft } from './draft.ts';
import { imagesOfList } from './images-of-list.ts';
import { Inventory } from './inventory.ts';
import { recipeFor, recipeKeys } from './local-images.ts';
import { bytesOf, type CopyPlan, type CopyStep, isDone, type PutManifestStep, type TagStep } from './plan.ts';
import { checkBlobs, planBlobs } from './plan-blobs.ts';
import { type PlannedCompanion, planCompanions } from './plan-companions.ts';
import { createManifestPlanner } from './plan-manifests.ts';
import { flatten, gathered, type PlannedManifest, type PlanRemarks } from './planned-manifest.ts';
import { recipeKey } from './recipe.ts';
import { targetFormat } from './target-format.ts';

export type { CopyRequest, ManifestFormat } from './copy-request.ts';

/**
 * Throws UsageError UNKNOWN_COMPRESSION, NOTHING_TO_ADD_TO; ConflictError UNEXPECTED_DIGEST and others; NotFoundError,
 * UnsupportedError, IntegrityError and whatever the two sides throw.
 */
export async function planCopy(request: CopyRequest): Promise<CopyPlan> {
  const makesLayers = request.compression !== undefined || request.encryption !== undefined;
  if ((makesLayers || request.addCompression?.length) && request.store === undefined) {
    throw new BugError('layers cannot be compressed, encrypted or decrypted without a store');
  }
  requireFormats(request);
  const original = await request.source.getManifest();
  refuseIndex(request, original);
  refuseVariants(request, original);
  const asked = request.current ?? request.destination.currentRoot();
  if (request.select !== 'none') request.destination.expect?.(likelyBlobs(original));
  const current = await asked;
  const recipes = recipeKeys(request, original);
  const recipe = requestKey(request, recipes);
  // one question first: a destination that names the very root already, and keeps only whole manifests, has it all
  const expected = expectedRoot(request, original, { recipe, compresses: recipes.length > 0 });
  if (expected !== undefined && current === expected.digest && request.destination.traits.manifestsComplete) {
    const tags = await tagSteps(request, expected, current, []);
    if (expected === original || tags.every(isDone)) {
      return expectWritable(
        request,
        finish({ request, original, root: expected, steps: tags, remarks: nothing, recipe }),
      );
    }
  }
  const plan = (): Promise<CopyPlan> => planAll(request, original, current, recipe);
  return expectWritable(
    request,
    original.bytes.byteLength > longIndexBytes ? await inSmallYoungSpace(plan) : await plan(),
  );
}

/** What cannot be written is told now, and not when something was read for nothing; what has it all need not be writable. */
async function expectWritable({ destination }: CopyRequest, plan: CopyPlan): Promise<CopyPlan> {
  const written = plan.steps.filter((step) => !isDone(step));
  const isImage = written.some((step) => step.kind !== 'tag' || step.tag === undefined);
  if (written.length > 0) await destination.expectWritable?.(isImage ? 'image' : 'tags');
  return plan;
}

/** Programs without types may ask for any format. */
function requireFormats({ compression, addCompression = [] }: CopyRequest): void {
  if (compression !== undefined) parseCompressionFormat(compression.format);
  for (const { format } of addCompression) parseCompressionFormat(format, variantFormats);
}

/** `current` is what the destination names now, `recipe` that of {@link requestKey}. */
async function planAll(
  request: CopyRequest,
  original: RawManifest,
  current: Digest | undefined,
  recipe: string,
): Promise<CopyPlan> {
  const remarks: PlanRemarks = { notes: [], changes: [], variants: 0 };
  const inventory = new Inventory({ ...request, store: request.store });
  const planner = createManifestPlanner({ ...request, isNew: current === undefined }, inventory, remarks);
  const root = isIndexType(original.mediaType)
    ? await planner.planIndex(original, request.select, 0)
    : await planner.planImage(original, { label: 'image', compression: recipeFor(request, original.digest) });
  if (isIndexType(original.mediaType) && request.select === 'none' && request.compression !== undefined) {
    remarks.notes.push('the index is copied without its images, so nothing is compressed');
  }
  if (request.preserveDigests === true && (isDraft(root.document) || root.document.digest !== original.digest)) {
    const { notes, changes } = gathered(remarks, flatten([root]));
    throw new ConflictError(
      `${request.source.location.format()} would change its digest on the way to ${request.location.format()}: ${[...notes, ...changes].join('; ')}`,
      {
        code: 'DIGESTS_WOULD_CHANGE',
        hint: 'Leave --preserve-digests away, or what asks for another format, compression, encryption or selection.',
      },
    );
  }
  if (isIndexType(original.mediaType) && request.destination.describeList !== undefined) {
    const members = await imagesOfList(request, original, flatten([root]));
    remarks.notes.push(...request.destination.describeList(members, request.tags ?? []));
  }
  const ofRoot = flatten([root]);
  const companions = request.referrers === true ? await planCompanions(request, planner, ofRoot, remarks) : [];
  const flat = flatten([root, ...companions.map(({ planned }) => planned)]);
  const blobs = await planBlobs(inventory, flat);
  await checkBlobs(request.source, blobs);
  const changed = ofRoot.filter(({ document, from }) => isDraft(document) || document.digest !== from);
  const puts = flat.filter((planned) => planned !== root).map(putStep);
  const beside = companions.flatMap(tagOfCompanion);
  const besides = [...companions.map(({ planned }) => planned.id), ...beside.map((step) => step.id)];
  if (request.onlyIf !== undefined) {
    const wanted = isDraft(root.document) ? undefined : root.document.digest;
    requireRoot(request.location.format(), request.onlyIf, { current, wanted });
  }
  const tags = await tagSteps(request, root.document, current, [...new Set([...root.needs, ...besides])]);
  return finish({
    request,
    original,
    root: root.document,
    steps: [...blobs, ...puts, ...beside, ...tags],
    remarks: gathered(remarks, flat),
    recipe,
    companions: new Set(companions.map(({ planned }) => planned.id)).size,
    changed: changed.map(({ from }) => from),
  });
}

/**
 * By the length alone, for it is but a guess: a descriptor takes some 150 bytes; the entry of an instance, which stands for three
 * or four blobs, some 200.
 */
function likelyBlobs({ mediaType, bytes }: RawManifest): number {
  return Math.ceil(bytes.byteLength / (isIndexType(mediaType) ? 60 : 150));
}

/** Some hundred instances. */
const longIndexBytes = 32 << 10;

const nothing: PlanRemarks = { notes: [], changes: [], variants: 0 };

/** The root that the destination will have, where that is known without looking at anything below it. */
function expectedRoot(
  request: CopyRequest,
  original: RawManifest,
  { recipe, compresses }: { recipe: string; compresses: boolean },
): RawManifest | undefined {
  const isWhole = !isIndexType(original.mediaType) || request.select === 'all' || request.unselected === 'keep';
  const changes =
    compresses ||
    (request.addCompression?.length ?? 0) > 0 ||
    request.attestations === 'drop' ||
    request.referrers === true ||
    request.encryption !== undefined ||
    targetFormat(request, original.mediaType) !== undefined;
  if (!changes && isWhole) return original;
  if (request.preserveDigests === true || request.referrers === true || request.needsRoot === true) return undefined;
  // what each layer became is to be written down; what is encrypted becomes something else each time
  if (request.pairs !== undefined || request.encryption !== undefined) return undefined;
  const known = request.store?.knowledge.conversion(original.digest, recipe);
  return known && { ...known, bytes: new Uint8Array() };
}

/** The same for two requests only if they make the same of the same root. */
function requestKey(request: CopyRequest, recipes: readonly string[]): string {
  const { select, unselected, format, addCompression = [], attestations, destination } = request;
  return JSON.stringify([
    4,
    select,
    unselected,
    format,
    recipes,
    addCompression.map(recipeKey),
    attestations,
    destination.traits.manifestTypes,
  ]);
}

interface Finished {
  readonly request: CopyRequest;
  readonly original: RawManifest;
  readonly root: CopyPlan['root'];
  readonly steps: readonly CopyStep[];
  readonly remarks: PlanRemarks;
  readonly recipe: string;
  readonly companions?: number;
  readonly changed?: readonly Digest[];
}

function finish({ request, original, root, steps, remarks, recipe, companions = 0, changed = [] }: Finished): CopyPlan {
  // reused blobs are not moved
  const moved = (step: CopyStep): number => (step.kind === 'reuse' ? 0 : bytesOf(step));
  const forgets = request.encryption !== undefined || (!isDraft(root) && root.digest === original.digest);
  return {
    source: request.source.location.format(),
    destination: request.location.format(),
    original,
    root,
    steps,
    notes: [...new Set(remarks.notes)],
    changes: [...new Set(remarks.changes)],
    changed,
    variants: remarks.variants,
    companions,
    bytes: steps.reduce((sum, step) => sum + moved(step), 0),
    recipe: forgets ? undefined : recipe,
    ...(request.onlyIf === undefined ? {} : { onlyIf: request.onlyIf }),
    ...(request.location.reference === undefined ? {} : { repository: request.location.reference }),
  };
}

function putStep({ id, document, present, label, needs }: PlannedManifest): PutManifestStep {
  const kind = isIndexType(document.mediaType) ? 'put-index' : 'put-manifest';
  return { id, kind, manifest: document, present, label, needs: [...new Set(needs)] };
}

function tagOfCompanion({ planned, tag }: PlannedCompanion): TagStep[] {
  if (tag === undefined || isDraft(planned.document)) return [];
  const { id, document, label } = planned;
  return [{ id: `tag ${tag}`, kind: 'tag', manifest: document, tag, present: false, label, needs: [id] }];
}

/** The steps that make `root` known by name: what the location names first, since that one is the commit. */
async function tagSteps(
  request: CopyRequest,
  root: CopyPlan['root'],
  current: Digest | undefined,
  needs: readonly string[],
): Promise<CopyStep[]> {
  const digest = isDraft(root) ? undefined : root.digest;
  if (digest !== undefined && request.location.reference !== undefined) {
    checkNamedDigest(request.location.reference, digest);
  }
  const main: CopyStep = {
    id: 'root',
    kind: 'tag',
    manifest: root,
    tag: undefined,
    present: digest !== undefined && current === digest,
    label: request.location.format(),
    needs,
  };
  const others = [...new Set(request.tags ?? [])].map(async (tag): Promise<CopyStep> => {
    if (request.destination.tag === undefined) throw takesNoTags(request);
    const present = digest !== undefined && (await request.destination.currentRoot(tag)) === digest;
    return { id: `tag ${tag}`, kind: 'tag', manifest: root, tag, present, label: `tag ${tag}`, needs: ['root'] };
  });
  return [main, ...(await Promise.all(others))];
}

/** Before anything is read or written for nothing. */
function refuseIndex({ source, location, destination }: CopyRequest, { mediaType }: RawManifest): void {
  const { manifestTypes: takes } = destination.traits;
  if (!isIndexType(mediaType) || takes === undefined || takes.some(isIndexType)) return;
  throw new UnsupportedError(`${source.location.format()} is a list, and ${location.format()} holds single images`, {
    code: 'INDEX_NOT_SUPPORTED',
    side: 'destination',
    hint: 'Choose one image of the list by platform, or write the whole list to a place that holds lists (oci-archive:).',
  });
}

/** Of one image, or of an index alone, there is nothing to add variants to. */
function refuseVariants({ addCompression = [], source, select }: CopyRequest, { mediaType }: RawManifest): void {
  if (addCompression.length === 0 || (isIndexType(mediaType) && select !== 'none')) return;
  const what = isIndexType(mediaType) ? 'the images of its index are not copied' : 'it is a single image';
  throw new UsageError(`no compression variants can be added to ${source.location.format()}: ${what}`, {
    code: 'NOTHING_TO_ADD_TO',
    hint: 'Copy the whole list (--all), or choose the compression with --compression-format or --dest-compress-format.',
  });
}

function takesNoTags({ location }: CopyRequest): UsageError {
  return new UsageError(`${location.format()} has no tags to give`, {
    code: 'NO_TAGS',
    side: 'destination',
    hint: 'Leave the tags away, or copy to a place that has them.',
  });
}
