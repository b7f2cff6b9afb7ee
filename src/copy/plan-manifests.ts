/** What becomes of each manifest on its way: kept, converted, compressed anew, joined by variants. Only reads. */
import { BugError, ConflictError, IntegrityError } from '../foundation/errors.ts';
import { convertImageManifest } from '../oci/convert-manifest.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { type IndexEntry, parseIndex } from '../oci/image-index.ts';
import { type ImageManifest, parseImageManifest } from '../oci/manifest.ts';
import { attestationSubject, isAttestation } from '../oci/matcher.ts';
import { isIndexType, mediaTypes } from '../oci/media-types.ts';
import { parsed } from '../transports/verified-source.ts';
import type { CopyRequest } from './copy-request.ts';
import { describeChange, type ImageChange } from './describe-change.ts';
import { isDraft, type ManifestDraft } from './draft.ts';
import { draftIndex, type PlannedVariant } from './draft-index.ts';
import { draftLayers, staysBlob, stepOf } from './draft-layers.ts';
import type { Inventory } from './inventory.ts';
import { recipeFor } from './local-images.ts';
import { planEncryption, recipeBeside, refuseEncrypted } from './plan-encryption.ts';
import { formsOf, isCompressible, planLayers } from './plan-layers.ts';
import {
  blobsOf,
  changed,
  hasChanged,
  labelOf,
  leaf,
  manifestId,
  type OwnRemarks,
  type PlannedManifest,
  type PlanRemarks,
  settled,
} from './planned-manifest.ts';
import { type CompressionRecipe, recipeKey } from './recipe.ts';
import { type InstanceSelection, selectInstances } from './select-instances.ts';
import { targetFormat } from './target-format.ts';
import { missingVariants, type StayingEntry } from './variants.ts';

interface ImageOptions {
  readonly label: string;
  readonly compression: CompressionRecipe | undefined;
  /** What the image becomes that this one (an attestation) speaks of. */
  readonly subject?: PlannedManifest | undefined;
  /** It comes beside the image that it is made from. */
  readonly isVariant?: boolean;
}

/** Index nesting deeper than this is taken for an attack. */
const maxDepth = 8;

export function createManifestPlanner(request: CopyRequest, inventory: Inventory, remarks: PlanRemarks) {
  const { source, destination } = request;
  const { notes, changes } = remarks;
  const addsVariants = (request.addCompression?.length ?? 0) > 0;

  // a few small indexes that name one another can be walked in more ways than anybody has time for
  const nested = new Map<Digest, Promise<PlannedManifest>>();
  const unchanged = new Map<Digest, Promise<PlannedManifest>>();

  const planIndex = async (raw: RawManifest, select: InstanceSelection, depth: number): Promise<PlannedManifest> => {
    if (depth > maxDepth) throw tooDeep();
    const index = parsed(source, () => parseIndex(raw));
    const dropped = new Set(request.attestations === 'drop' ? index.manifests.filter(isAttestation) : []);
    const chosen = selectInstances(index, select, request.host).filter((entry) => !dropped.has(entry));
    if (select !== 'all' && request.unselected === 'strip' && chosen.length === 0 && index.manifests.length > 0) {
      throw new ConflictError(`nothing of ${source.location.format()} is left after the selection`, {
        code: 'EMPTY_SELECTION',
      });
    }
    const namesOthers = request.unselected === 'keep' && chosen.length < index.manifests.length - dropped.size;
    if (namesOthers && (request.encryption?.recipients.length ?? 0) > 0) {
      notes.push('only images that are copied are encrypted, not those that the index names besides');
    }
    const once = new Map<Digest, Promise<PlannedManifest>>();
    const plan = (entry: IndexEntry, subject?: PlannedManifest): Promise<PlannedManifest> =>
      onceFor(once, entry.digest, () => planEntry(entry, depth, subject));
    // images first: what an attestation becomes depends on what its image becomes
    await Promise.all(chosen.filter((entry) => !isAttestation(entry)).map((entry) => plan(entry)));
    // in the order of the index, whichever is planned first: the same request has the same plan
    const byEntry = new Map<IndexEntry, PlannedManifest>(
      await Promise.all(
        chosen.map(async (entry) => {
          const subject = await once.get(attestationSubject(entry) ?? entry.digest);
          return [entry, await plan(entry, isAttestation(entry) ? subject : undefined)] as const;
        }),
      ),
    );
    const staying = index.manifests.filter(
      (entry) => !dropped.has(entry) && (byEntry.has(entry) || request.unselected === 'keep'),
    );
    noteSubjects(byEntry);
    const variants = await planVariants(
      staying.map((entry) => ({ entry, chosen: byEntry.has(entry), forms: byEntry.get(entry)?.forms })),
      (id) => [...byEntry.values()].some((planned) => planned.id === id),
    );
    const document = draftIndex(request, raw, { index, byEntry, dropped, variants }, notes);
    const children = [...new Set([...byEntry.values(), ...variants.map((variant) => variant.planned)])];
    return {
      id: isDraft(document) ? `index ${raw.digest}` : manifestId(document.digest),
      from: raw.digest,
      document,
      label: depth === 0 ? 'index' : 'nested index',
      present: false,
      blobs: [],
      steps: [],
      children,
      needs: children.map((child) => child.id),
    };
  };

  const planEntry = async (
    entry: IndexEntry,
    depth: number,
    subject: PlannedManifest | undefined,
  ): Promise<PlannedManifest> => {
    const label = labelOf(entry);
    const compression = isAttestation(entry) ? undefined : recipeFor(request, entry.digest);
    const stays =
      compression === undefined &&
      (!addsVariants || isAttestation(entry)) &&
      request.encryption === undefined &&
      !hasChanged(subject) &&
      targetFormat(request, entry.mediaType) === undefined;
    if (stays && !isIndexType(entry.mediaType) && destination.traits.manifestsComplete) {
      // the manifest itself is needed for nothing when it is there with all its blobs: one question settles the instance
      const asked = destination.hasManifest(entry.digest);
      if (request.isNew === true) void askAhead(entry);
      if (await asked) {
        const document: RawManifest = { bytes: new Uint8Array(), mediaType: entry.mediaType, digest: entry.digest };
        return leaf(document, { from: entry.digest, label, present: true });
      }
    }
    const raw = await readEntry(entry);
    if (isIndexType(raw.mediaType)) return onceFor(nested, raw.digest, () => planIndex(raw, 'all', depth + 1));
    return planImage(raw, { label, compression, subject });
  };

  /** Where nothing is likely to be there, the questions about blobs do not wait for the answer about their manifest. */
  const askAhead = async (entry: IndexEntry): Promise<void> => {
    try {
      const raw = await readEntry(entry);
      const { config, layers } = parseImageManifest(raw);
      inventory.askAhead(blobsOf(raw, [config, ...layers]).map(({ blob }) => blob));
    } catch {
      // whoever needs the manifest meets the same
    }
  };

  const readOnce = new Map<Digest, Promise<RawManifest>>();
  const readEntry = (entry: IndexEntry): Promise<RawManifest> =>
    onceFor(readOnce, entry.digest, () => readFirst(entry));

  const readFirst = async (entry: IndexEntry): Promise<RawManifest> => {
    const raw = await source.getManifest(entry.digest);
    if (raw.bytes.byteLength !== entry.size) {
      throw new IntegrityError(
        `the index says that ${entry.digest} has ${entry.size} bytes, but it has ${raw.bytes.byteLength}`,
        { code: 'SIZE_MISMATCH', side: 'source' },
      );
    }
    return isIndexType(raw.mediaType) ? raw : { ...raw, mediaType: entry.mediaType };
  };

  const planImage = async (raw: RawManifest, options: ImageOptions): Promise<PlannedManifest> => {
    const own: OwnRemarks = { notes: [], changes: [] };
    return { ...(await planOneImage(raw, options, own)), remarks: own };
  };

  const planOneImage = async (raw: RawManifest, options: ImageOptions, own: OwnRemarks): Promise<PlannedManifest> => {
    const stored = parsed(source, () => parseImageManifest(raw));
    const encryption =
      request.encryption &&
      (await planEncryption(stored, request.encryption, { label: options.label, notes: own.notes }));
    const image = encryption?.image ?? stored;
    const asked = isCompressible(image) ? options.compression : undefined;
    const compression = encryption === undefined ? asked : recipeBeside(encryption, asked, own.notes);
    const subject = image.subject === undefined ? undefined : changed(options.subject);
    const layers =
      compression === undefined && (encryption?.layers.size ?? 0) === 0
        ? []
        : await planLayers(image, compression, inventory, {
            store: storeOf(request),
            pairs: request.pairs,
            raw,
            stored,
            encryption,
          });
    const compresses = layers.some((layer) =>
      layer.kind === 'crypt' ? layer.step.recipe !== undefined : layer.kind !== 'keep',
    );
    const encrypts = layers.some((layer) => layer.kind === 'crypt' && layer.step.kind === 'encrypt');
    refuseEncrypted(request, stored, layers, options.label);
    const to = targetFormat(request, raw.mediaType, compresses ? compression : undefined, encrypts);
    const forms =
      isCompressible(image) && (options.compression !== undefined || addsVariants)
        ? formsOf(image.layers, layers, compression)
        : undefined;
    if (to === undefined && layers.every((layer) => layer.kind === 'keep') && subject === undefined) {
      const unasked =
        options.compression !== undefined ||
        addsVariants ||
        request.encryption !== undefined ||
        hasChanged(options.subject);
      return planUnchanged(raw, image, options.label, { unasked, forms });
    }

    // zstd has no names in the Docker format, so what becomes OCI does so before, and what becomes Docker after
    const converted = to === 'oci' ? convert(image, mediaTypes.ociManifest, options.label, own) : image;
    const drafted = draftLayers(converted.layers, layers, compression);
    const typed: ImageManifest = { ...converted, layers: drafted.layers };
    const manifest = to === 'docker' ? convert(typed, mediaTypes.dockerManifest, options.label, own) : typed;
    const document = settled({
      draft: 'image',
      manifest,
      mediaType: manifest.mediaType,
      layers: drafted.deferred,
      ...(subject === undefined ? {} : { subject }),
    });
    if (options.isVariant !== true) {
      const change = { ...options, to, compression: compresses ? compression : undefined, encryption };
      noteChange(raw, document, change, own);
    }
    const present = !isDraft(document) && (await destination.hasManifest(document.digest));
    const known = present && destination.traits.manifestsComplete;
    const blobs = known ? [] : [stored.config, ...stored.layers.filter((_, at) => staysBlob(layers[at]))];
    const steps = known ? [] : layers.flatMap((layer) => stepOf(layer) ?? []);
    const variant = compression === undefined ? '' : ` as ${recipeKey(compression)}`;
    return {
      ...leaf(document, {
        from: raw.digest,
        label: options.label,
        present,
        blobs: blobsOf(raw, blobs),
        steps,
        id: `manifest of ${raw.digest}${variant}`,
        forms,
      }),
      ...(encrypts ? { encrypts } : {}),
    };
  };

  const planUnchanged = async (
    raw: RawManifest,
    image: ImageManifest,
    label: string,
    { unasked, forms }: { unasked: boolean; forms?: PlannedManifest['forms'] },
  ): Promise<PlannedManifest> => {
    // where manifests are complete, planEntry has asked already
    const ask = unasked || !destination.traits.manifestsComplete;
    const present = ask && (await destination.hasManifest(raw.digest));
    const known = present && destination.traits.manifestsComplete;
    const blobs = known ? [] : blobsOf(raw, [image.config, ...image.layers]);
    return leaf(raw, { from: raw.digest, label, present, blobs, forms, speaksOf: image.subject?.digest });
  };

  const convert = (
    image: ImageManifest,
    to: ImageManifest['mediaType'],
    label: string,
    own: OwnRemarks,
  ): ImageManifest => {
    const { manifest, losses } = convertImageManifest(image, to);
    own.notes.push(...losses.map((loss) => `${label}: ${loss}`));
    return manifest;
  };

  const noteChange = (
    raw: RawManifest,
    document: RawManifest | ManifestDraft,
    { label, ...what }: ImageChange & { label: string },
    own: OwnRemarks,
  ): void => {
    // layers are made anew only where that is asked for or usual
    const asked = what.to === undefined || what.to === request.format;
    (asked ? own.changes : own.notes).push(`${label}: ${describeChange(raw, document, what)}`);
  };

  /** What names the digest of an image beside it goes on to name that: only BuildKit's attestations are changed with it. */
  const noteSubjects = (byEntry: ReadonlyMap<IndexEntry, PlannedManifest>): void => {
    const moved = new Set([...byEntry.values()].filter(hasChanged).map(({ from }) => from));
    for (const [entry, { speaksOf }] of byEntry) {
      if (speaksOf === undefined || !moved.has(speaksOf)) continue;
      notes.push(`${labelOf(entry)}: speaks of ${speaksOf}, whose digest changes`);
    }
  };

  /** The instances that `addCompression` asks for and the index will not have. `isPlanned`: whether one of its own is that. */
  const planVariants = async (
    staying: readonly StayingEntry[],
    isPlanned: (id: string) => boolean,
  ): Promise<PlannedVariant[]> => {
    const missing = missingVariants(staying, request.addCompression ?? []);
    const variants = await Promise.all(
      missing.map(async ({ entry, recipe }) => {
        const label = `${labelOf(entry)} with ${recipe.format}`;
        const compression = recipeFor(request, entry.digest, recipe);
        const planned = await planImage(await readEntry(entry), { label, compression, isVariant: true });
        return { entry, recipe, planned };
      }),
    );
    return variants.filter(({ entry, planned, recipe }) => {
      if (isPlanned(planned.id)) {
        notes.push(`${labelOf(entry)}: has no layers that ${recipe.format} would change, so no variant is added`);
        return false;
      }
      remarks.variants += 1;
      changes.push(`${labelOf(entry)}: an instance with ${recipe.format} is added`);
      return true;
    });
  };

  /** A manifest that goes along as it is, an index with all that it names. */
  const planAsIs = (raw: RawManifest, label: string, depth = 0): Promise<PlannedManifest> =>
    onceFor(unchanged, raw.digest, () => planWhole(raw, label, depth));

  const planWhole = async (raw: RawManifest, label: string, depth: number): Promise<PlannedManifest> => {
    if (!isIndexType(raw.mediaType)) {
      const image = parsed(source, () => parseImageManifest(raw));
      return planUnchanged(raw, image, label, { unasked: true });
    }
    if (depth > maxDepth) throw tooDeep();
    const { manifests } = parsed(source, () => parseIndex(raw));
    const children = await Promise.all(
      manifests.map(async (entry) => planAsIs(await readEntry(entry), `${labelOf(entry)} in ${label}`, depth + 1)),
    );
    const present = await destination.hasManifest(raw.digest);
    return { ...leaf(raw, { from: raw.digest, label, present }), children, needs: children.map((child) => child.id) };
  };

  const tooDeep = (): IntegrityError =>
    new IntegrityError(`${source.location.format()} nests indexes more than ${maxDepth} deep`, {
      code: 'INDEX_TOO_DEEP',
    });

  return { planIndex, planImage, planAsIs };
}

function storeOf(request: CopyRequest) {
  if (request.store === undefined) throw new BugError('layers cannot be made without a store');
  return request.store;
}

function onceFor<T>(known: Map<Digest, T>, digest: Digest, make: () => T): T {
  const there = known.get(digest);
  if (there !== undefined) return there;
  const made = make();
  known.set(digest, made);
  return made;
}
