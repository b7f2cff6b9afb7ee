/**
 * Does what a plan says and nothing else. A step starts as soon as the steps that it needs are done; the first failure
 * stops everything that is under way, so that nothing after it (the tag above all) is reached.
 */
import type { LayerEncryption } from '../encryption/layer-encryption.ts';
import { BugError, CancelledError, cancelledBy } from '../foundation/errors.ts';
import type { StepOutcome } from '../foundation/events.ts';
import { createSemaphore } from '../foundation/semaphore.ts';
import type { Session } from '../foundation/session.ts';
import { inSmallYoungSpace, withFewFullCollections } from '../foundation/young-garbage.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { requireRoot } from '../oci/root-condition.ts';
import type { Recompression, Store } from '../store/store.ts';
import type { ImageDestination } from '../transports/transport.ts';
import type { VerifiedSource } from '../transports/verified-source.ts';
import { BlobMover } from './blob-mover.ts';
import type { DigestPairs } from './digest-pairs.ts';
import { isDraft, type ManifestDraft, resolveDraft, type StepResults } from './draft.ts';
import { bytesOf, type CopyPlan, type CopyStep, type CryptStep, type RecompressStep, type TagStep } from './plan.ts';
import { recipeKey } from './recipe.ts';
import { describePlan, describeStep } from './step-texts.ts';
import { createTransferLanes, smallBlobBytes } from './transfer-lanes.ts';

/** Layers that are encrypted or decrypted at once: one thread does that, and only the waiting for both sides is to be hidden. */
const parallelCrypting = 4;
/** A plan of so many steps is mostly small things. */
const manySteps = 500;
/** Bytes that keep a run going long enough for the space of young objects to grow. */
const muchToMove = 128 << 20;

/** What a copy really did. */
export interface CopyResult {
  /** What the destination names now. */
  readonly root: RawManifest;
  readonly copied: number;
  readonly mounted: number;
  readonly reused: number;
  /** Layers that were compressed, whether they had to be sent then or not. */
  readonly recompressed: number;
  /** Layers that were encrypted, where there were any. */
  readonly encrypted?: number;
  readonly decrypted?: number;
  /** Bytes of the blobs that were sent. */
  readonly bytes: number;
}

export interface ExecuteOptions {
  /** For layers that are compressed, and for what is learned on the way. */
  readonly store?: Store;
  /** For layers that are encrypted or decrypted. */
  readonly encryption?: LayerEncryption;
  /** What layers become is added to these. */
  readonly pairs?: DigestPairs;
  /**
   * Puts something beside the manifests (signatures) before the root gets its name; what it throws leaves the name where it
   * was. Runs beside the transfers where all digests are known from the beginning, else after them; also where the root has
   * its name already.
   */
  readonly beforeTag?: (made: MadeManifests) => Promise<void>;
}

/** What the destination has, or is about to have. */
export interface MadeManifests {
  readonly root: RawManifest;
  /** A manifest below the root, by its digest at the destination. */
  getManifest(digest: Digest): Promise<RawManifest>;
}

export function executePlan(
  session: Session,
  plan: CopyPlan,
  source: VerifiedSource,
  destination: ImageDestination,
  options: ExecuteOptions = {},
): Promise<CopyResult> {
  const run = (): Promise<CopyResult> => execute(session, plan, source, destination, options);
  const compresses = plan.steps.some(({ kind }) => kind === 'recompress' || kind === 'encrypt' || kind === 'decrypt');
  const steady = compresses ? (): Promise<CopyResult> => withFewFullCollections(run) : run;
  return plan.steps.length > manySteps || plan.bytes > muchToMove ? inSmallYoungSpace(steady) : steady();
}

async function execute(
  session: Session,
  plan: CopyPlan,
  source: VerifiedSource,
  destination: ImageDestination,
  options: ExecuteOptions,
): Promise<CopyResult> {
  session.emit({ type: 'plan', title: describePlan(plan), steps: plan.steps.length, bytes: plan.bytes });
  await using mover = new BlobMover(session, source, destination, options.store);
  const transfers = createTransferLanes();
  const crypting = createSemaphore(parallelCrypting);
  const result = { reused: 0, mounted: 0, recompressed: 0 };
  const crypted = { encrypted: 0, decrypted: 0 };
  const layers = new Map<string, Recompression>();
  const manifests = new Map<string, RawManifest>();
  let failure: unknown;

  const stopAll = (cause: unknown): void => {
    if (failure !== undefined) return;
    failure = cause;
    mover.stop();
  };
  const checkGoing = (): void => {
    if (session.signal.aborted) throw cancelledBy(session.signal);
    if (failure !== undefined) throw new CancelledError('stopped because another part of the copy failed');
  };
  const results: StepResults = {
    layer: (step) => madeBy(layers, step),
    manifest: (step) => madeBy(manifests, step),
  };
  const resolve = (document: RawManifest | ManifestDraft): RawManifest =>
    isDraft(document) ? resolveDraft(document, results) : document;

  const recompress = async (step: RecompressStep): Promise<StepOutcome> => {
    const made = await mover.recompress({ layer: step.blob, recipe: step.recipe }, step.id);
    layers.set(step.id, made);
    options.pairs?.add(step.blob.digest, recipeKey(step.recipe), made);
    result.recompressed += 1;
    await transfers.run(made.size, () => mover.sendMade(made));
    return 'recompressed';
  };

  const crypt = async (step: CryptStep): Promise<StepOutcome> => {
    if (options.encryption === undefined) throw new BugError('layers cannot be encrypted or decrypted without keys');
    const { encryption } = options;
    const make = (): Promise<Recompression> => mover.crypt(step, encryption);
    // what compresses waits for its turn by itself
    const made = await (step.recipe === undefined ? crypting.run(make) : make());
    layers.set(step.id, made);
    if (step.kind === 'add-recipients') return 'written';
    const outcome = step.kind === 'encrypt' ? 'encrypted' : 'decrypted';
    crypted[outcome] += 1;
    await transfers.run(made.size, () => mover.sendMade(made));
    return outcome;
  };

  const perform = async (step: CopyStep): Promise<StepOutcome> => {
    switch (step.kind) {
      case 'reuse':
        result.reused += 1;
        return 'reused';
      case 'mount':
        if (await mover.mount(step)) {
          result.mounted += 1;
          return 'mounted';
        }
        await mover.copy(step);
        return 'copied';
      case 'copy':
        await mover.copy(step);
        return 'copied';
      case 'recompress':
        return recompress(step);
      case 'encrypt':
      case 'decrypt':
      case 'add-recipients':
        return crypt(step);
      case 'put-manifest':
      case 'put-index': {
        const manifest = resolve(step.manifest);
        manifests.set(step.id, manifest);
        if (step.present) return 'reused';
        await destination.putManifest(manifest, manifest.digest);
        return 'written';
      }
      case 'tag':
        return tag(step);
    }
  };

  const tag = async (step: TagStep): Promise<StepOutcome> => {
    const root = resolve(step.manifest);
    manifests.set(step.id, root);
    if (step.tag === undefined) await (beside ?? options.beforeTag?.(madeManifests(root)));
    if (step.present) return 'reused';
    if (step.tag === undefined) await commit(root);
    else if (destination.tag === undefined) throw new BugError(`${plan.destination} takes no tags`);
    else await destination.tag(root, step.tag);
    return 'written';
  };

  /** Asks before, too: many registries do not know conditional requests, and move the name whatever they are told. */
  const commit = async (root: RawManifest): Promise<void> => {
    const { onlyIf } = plan;
    if (onlyIf !== undefined) {
      const current = await destination.currentRoot();
      requireRoot(plan.destination, onlyIf, { current, wanted: root.digest });
    }
    await destination.commit(root, onlyIf);
  };

  const madeManifests = (root: RawManifest): MadeManifests => ({
    root,
    async getManifest(digest) {
      const known = [...manifests.values()].find((manifest) => manifest.digest === digest && manifest.bytes.length > 0);
      return known ?? source.getManifest(digest);
    },
  });
  for (const step of plan.steps) {
    if ('manifest' in step && !isDraft(step.manifest)) manifests.set(step.id, step.manifest);
  }
  // signatures that are companions stand there first: what is signed anew goes beside them
  const beside = isDraft(plan.root) || plan.companions > 0 ? undefined : options.beforeTag?.(madeManifests(plan.root));
  beside?.catch(stopAll);

  const done = new Map<string, Promise<void>>();
  const start = async (step: CopyStep): Promise<void> => {
    await Promise.all(
      step.needs.map((id) => {
        const needed = done.get(id);
        if (needed === undefined)
          throw new BugError(`the step "${step.id}" needs "${id}", which the plan has not before it`);
        return needed;
      }),
    );
    const work = async (): Promise<void> => {
      checkGoing();
      session.emit({ type: 'step-start', id: step.id, label: describeStep(step), bytes: bytesOf(step) });
      session.emit({ type: 'step-end', id: step.id, outcome: await perform(step) });
    };
    await (step.kind === 'copy' || step.kind === 'mount' ? transfers.run(step.blob.size, work) : work());
  };
  for (const step of smallFirst(plan.steps)) {
    const run = start(step).catch((thrown: unknown) => {
      stopAll(thrown);
      throw thrown;
    });
    done.set(step.id, run);
  }
  await Promise.allSettled([...done.values(), beside]);
  if (failure !== undefined) throw failure;
  const root = results.manifest('root');
  mover.finished(plan, root);
  const { encrypted, decrypted } = crypted;
  return {
    root,
    ...result,
    ...(encrypted > 0 ? { encrypted } : {}),
    ...(decrypted > 0 ? { decrypted } : {}),
    copied: mover.copied,
    bytes: mover.bytes,
  };
}

/** The same steps, each still after all that it needs. */
function smallFirst(steps: readonly CopyStep[]): CopyStep[] {
  const isSmall = (step: CopyStep): boolean =>
    (step.kind === 'copy' || step.kind === 'mount') && step.needs.length === 0 && step.blob.size <= smallBlobBytes;
  return [...steps.filter(isSmall), ...steps.filter((step) => !isSmall(step))];
}

function madeBy<T>(made: ReadonlyMap<string, T>, step: string): T {
  const result = made.get(step);
  if (result === undefined) throw new BugError(`the result of the step "${step}" is not there yet`);
  return result;
}
