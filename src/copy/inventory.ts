/**
 * Where blobs are: at the destination, in another repository of its registry, in the local store. Each question is asked
 * once. Only reads.
 */
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest } from '../oci/digest.ts';
import type { Reference } from '../oci/reference.ts';
import type { Store } from '../store/store.ts';
import type { ImageDestination, ImageLocation } from '../transports/transport.ts';
import type { VerifiedSource } from '../transports/verified-source.ts';
import type { CopyBlobStep, MountStep, Recompressing, ReuseBlobStep } from './plan.ts';

export interface InventoryOptions {
  readonly source: VerifiedSource;
  readonly destination: ImageDestination;
  readonly location: ImageLocation;
  readonly store: Store | undefined;
}

export type TransferStep = ReuseBlobStep | MountStep | CopyBlobStep;

export const blobId = (digest: Digest): string => `blob ${digest}`;

export class Inventory {
  readonly #options: InventoryOptions;
  readonly #there = new Map<Digest, Promise<boolean>>();
  readonly #origins = new Map<Digest, readonly Reference[]>();

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  /** The cheapest way of a blob of the source (of the instances `instances`) to the destination. */
  async transfer(blob: Descriptor, instances: ReadonlySet<Digest>): Promise<TransferStep> {
    const known = await this.#known(blob, instances);
    return known ?? { id: blobId(blob.digest), blob, needs: [], kind: 'copy', from: 'source' };
  }

  /** The same for a blob that was made from a layer of the source; `undefined` where it must be made again. */
  transferMade(blob: Descriptor, made: Recompressing): Promise<TransferStep | undefined> {
    return this.#known(blob, new Set(), made);
  }

  async #known(
    blob: Descriptor,
    instances: ReadonlySet<Digest>,
    made?: Recompressing,
  ): Promise<TransferStep | undefined> {
    const base = { id: blobId(blob.digest), blob, needs: [] };
    const making = made === undefined ? {} : { made };
    if (await this.#isThere(blob)) return { ...base, kind: 'reuse' };
    const from = this.#mountOrigin(blob.digest, instances);
    if (from !== undefined) return { ...base, ...making, kind: 'mount', from };
    if (await this.#isKept(blob.digest, made)) return { ...base, ...making, kind: 'copy', from: 'store' };
    return undefined;
  }

  /** Whether the local store has it, where that is nearer than the source: what a list keeps its own source gives from there. */
  async #isKept(digest: Digest, made: Recompressing | undefined): Promise<boolean> {
    const { source, store } = this.#options;
    if (store === undefined || (made === undefined && source.location.transport !== 'docker')) return false;
    return store.content.has(digest);
  }

  #isThere(blob: Descriptor): Promise<boolean> {
    let answer = this.#there.get(blob.digest);
    if (answer === undefined) {
      answer = this.#options.destination.hasBlob(blob);
      this.#there.set(blob.digest, answer);
    }
    return answer;
  }

  /** Asks the destination for `blobs` now; a failure is for whoever needs the answer. */
  askAhead(blobs: readonly Descriptor[]): void {
    for (const blob of blobs) this.#isThere(blob).catch(() => {});
  }

  #originsOf(instance: Digest): readonly Reference[] {
    let origins = this.#origins.get(instance);
    if (origins === undefined) {
      origins = this.#options.source.origins(instance).flatMap((place) => place.reference ?? []);
      this.#origins.set(instance, origins);
    }
    return origins;
  }

  /**
   * A repository of the destination's own registry that has the blob: where the source's instances are, else where runs
   * met it.
   */
  #mountOrigin(digest: Digest, instances: ReadonlySet<Digest>): Reference | undefined {
    const { destination, location, store } = this.#options;
    const to = location.reference;
    if (to === undefined || destination.mountBlob === undefined) return undefined;
    // the CNCF registry says that it has mounted blobs of other algorithms, and has not
    if (algorithmOf(digest) !== 'sha256') return undefined;
    const origin = [...instances]
      .flatMap((instance) => this.#originsOf(instance))
      .find((place) => place.registry === to.registry && place.repository !== to.repository);
    if (origin !== undefined) return origin;
    const repository = store?.knowledge.repositoriesOf(to.registry, digest).find((known) => known !== to.repository);
    return repository === undefined ? undefined : { registry: to.registry, repository };
  }
}
