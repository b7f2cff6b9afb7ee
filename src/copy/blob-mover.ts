/** The executor's hands: reads blobs from where they are, compresses layers, and hands both to the destination. */
import type { Readable } from 'node:stream';
import type { LayerEncryption } from '../encryption/layer-encryption.ts';
import { BugError, CancelledError, ConflictError, cancelledBy, NotFoundError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { mediaTypes } from '../oci/media-types.ts';
import type { Lease } from '../store/leases.ts';
import type { Recompression, Store } from '../store/store.ts';
import type { ImageDestination } from '../transports/transport.ts';
import type { VerifiedSource } from '../transports/verified-source.ts';
import { MadeLayers } from './made-layers.ts';
import type { CopyBlobStep, CopyPlan, CryptStep, MountStep, Recompressing } from './plan.ts';
import { recipeKey } from './recipe.ts';

/** Blobs of so many bytes at once are read early. */
const aheadBytes = 12 << 20;

interface ReadAhead extends AsyncDisposable {
  open(offset: number): Promise<Readable>;
}

const nothingAhead: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} };

export class BlobMover implements AsyncDisposable {
  /** Blobs that were sent, and their bytes. */
  copied = 0;
  bytes = 0;
  readonly #session: Session;
  readonly #source: VerifiedSource;
  readonly #destination: ImageDestination;
  readonly #store: Store | undefined;
  readonly #streams = new Set<Readable>();
  /** Stops compressors that wait for their turn. */
  readonly #stopping = new AbortController();
  readonly #stop = (): void => this.stop();
  /** What was made in this run or before, by its digest: once sent, it need not be kept. */
  readonly #made = new Set<Digest>();
  #layers: MadeLayers | undefined;
  /** Blobs of the same digest made from different layers are sent once. */
  readonly #sent = new Map<Digest, Promise<void>>();
  /** Bytes of the blobs of which reading has begun early. */
  #ahead = 0;
  #lease: Lease | undefined;

  constructor(session: Session, source: VerifiedSource, destination: ImageDestination, store: Store | undefined) {
    this.#session = session;
    this.#source = source;
    this.#destination = destination;
    this.#store = store;
    session.signal.addEventListener('abort', this.#stop, { once: true });
  }

  /** Stops all that is under way; what comes later is refused. */
  stop(): void {
    this.#stopping.abort();
    for (const stream of this.#streams) stream.destroy(stopped());
  }

  /** Whether another repository gave the blob. What it no longer has is forgotten. */
  async mount({ blob, from }: MountStep): Promise<boolean> {
    if (await this.#destination.mountBlob?.(blob, from)) return true;
    this.#store?.knowledge.forgetBlob(from.registry, from.repository, blob.digest);
    return false;
  }

  /** Sends a blob of the source, or one that was made from it before. */
  async copy(step: CopyBlobStep | MountStep): Promise<void> {
    if (step.made !== undefined) return this.#copyMade(step.blob, step.made, step.id);
    const { blob } = step;
    const fromStore = step.kind === 'copy' && step.from === 'store';
    const open = (offset: number): Promise<Readable> =>
      fromStore ? this.#openKept(blob, offset, step.id) : this.#openSource(blob, offset, step.id);
    await using ahead = this.#readAhead(blob, open);
    await this.#put(blob, (offset) => ahead.open(offset));
  }

  /**
   * Begins to read and check a blob on this machine before somebody asks for it: there is time while the destination is told
   * that it is to come.
   */
  #readAhead(blob: Descriptor, open: (offset: number) => Promise<Readable>): ReadAhead {
    const { size } = blob;
    if (this.#source.location.transport === 'docker' || this.#ahead + size > aheadBytes)
      return { open, ...nothingAhead };
    this.#ahead += size;
    let first: Promise<Readable> | undefined = open(0).then((stream) => this.#track(stream));
    first.then(
      (stream) => stream.read(0),
      () => {},
    );
    return {
      open: (offset) => {
        const begun = offset === 0 ? first : undefined;
        if (begun === undefined) return open(offset);
        first = undefined;
        return begun;
      },
      [Symbol.asyncDispose]: async () => {
        this.#ahead -= size;
        (await first?.catch(() => undefined))?.destroy();
      },
    };
  }

  /** What was compressed in an earlier run: from the store if it is still there, else made once more. */
  async #copyMade(blob: Descriptor, made: Recompressing, id: string): Promise<void> {
    const store = this.#requireStore();
    const [kept] = await this.#holder(store).hold([blob.digest]);
    if (kept === undefined) {
      const again = await this.recompress(made, id);
      if (again.digest !== blob.digest) {
        throw new ConflictError(
          `the layer ${made.layer.digest} became ${again.digest}, although it once became ${blob.digest}`,
          { code: 'RECOMPRESSION_DIFFERS', hint: 'Run the command again: the new result is remembered now.' },
        );
      }
    }
    this.#made.add(blob.digest);
    await this.#putMade(blob);
  }

  /** Compresses a layer, keeps it until it is sent, and remembers what it became. */
  async recompress({ layer, recipe }: Recompressing, id: string): Promise<Recompression> {
    const store = this.#requireStore();
    const { recompress } = await import('../compression/recompress.ts');
    const { unpackedBy } = await import('../transports/unpack-program.ts');
    const { stream, done } = await recompress(() => this.#openSource(layer, 0, id), {
      ...recipe,
      // the store hashes what it is given, and the source was verified by its own digest
      hash: false,
      unpackOther: unpackedBy,
      signal: this.#stopping.signal,
    });
    this.#track(stream);
    const { digest, size } = await this.#madeLayers().keep(stream, { again: true });
    const { format, annotations, plainSize } = await done;
    const result = { digest, size, format, annotations, plainSize };
    store.knowledge.rememberRecompression(layer.digest, recipeKey(recipe), result);
    this.#made.add(digest);
    return result;
  }

  /** Encrypts or decrypts a layer, and keeps it until it is sent: nothing of it is remembered. */
  async crypt(step: CryptStep, encryption: LayerEncryption): Promise<Recompression> {
    const { cryptLayer } = await import('./crypt-layer.ts');
    return cryptLayer(step, encryption, {
      open: () => this.#openSource(step.layer, 0, step.id),
      keep: (stream) => this.#madeLayers().keep(this.#track(stream), { again: false }),
      signal: this.#stopping.signal,
    });
  }

  /** Sends what {@link recompress} or {@link crypt} has made, unless the destination has it. */
  async sendMade({ digest, size }: Recompression): Promise<void> {
    const blob: Descriptor = { mediaType: mediaTypes.ociLayerTar, digest, size };
    let sending = this.#sent.get(digest);
    if (sending === undefined) {
      sending = this.#sendOnce(blob);
      this.#sent.set(digest, sending);
    }
    await sending;
  }

  async #sendOnce(blob: Descriptor): Promise<void> {
    if (await this.#destination.hasBlob(blob)) this.#madeLayers().drop(blob.digest);
    else await this.#putMade(blob);
  }

  async #putMade(blob: Descriptor): Promise<void> {
    const layers = this.#madeLayers();
    await this.#put(blob, (offset) => layers.open(blob.digest, offset));
    layers.drop(blob.digest);
  }

  /** After success: nothing is kept for another try, and what was learned is remembered. */
  finished(plan: CopyPlan, root: RawManifest): void {
    this.#layers = undefined;
    const { knowledge } = this.#store ?? {};
    if (knowledge === undefined) return;
    knowledge.letGo([...this.#made]);
    if (plan.repository !== undefined && this.copied > 0) {
      const { registry, repository } = plan.repository;
      const blobs = plan.steps.flatMap((step) =>
        'blob' in step && step.kind !== 'recompress' ? [step.blob.digest] : [],
      );
      knowledge.rememberBlobs(registry, repository, [...new Set([...blobs, ...this.#made])]);
    }
    if (plan.recipe !== undefined) knowledge.rememberConversion(plan.original.digest, plan.recipe, root);
  }

  async #put(blob: Descriptor, open: (offset: number) => Promise<Readable>): Promise<void> {
    await this.#destination.putBlob({
      descriptor: blob,
      open: async (offset = 0) => {
        this.#checkGoing();
        return this.#track(await open(offset));
      },
    });
    this.copied += 1;
    this.bytes += blob.size;
  }

  #openSource(blob: Descriptor, offset: number, id: string): Promise<Readable> {
    this.#checkGoing();
    const onBytes = (bytes: number): void => this.#session.emit({ type: 'step-progress', id, bytes });
    return this.#source.openBlob(blob, { offset, onBytes });
  }

  /** From the local store; from the source where it has gone meanwhile. */
  async #openKept(blob: Descriptor, offset: number, id: string): Promise<Readable> {
    try {
      return await this.#requireStore().content.open(blob.digest, { start: offset });
    } catch (thrown) {
      if (!(thrown instanceof NotFoundError)) throw thrown;
      return this.#openSource(blob, offset, id);
    }
  }

  #track(stream: Readable): Readable {
    this.#streams.add(stream);
    // it may be stopped before whoever reads it has begun to
    stream.on('error', () => {});
    stream.once('close', () => this.#streams.delete(stream));
    return stream;
  }

  #checkGoing(): void {
    if (this.#session.signal.aborted) throw cancelledBy(this.#session.signal);
    if (this.#stopping.signal.aborted) throw stopped();
  }

  #holder(store: Store): Lease {
    this.#lease ??= store.openLease();
    return this.#lease;
  }

  #madeLayers(): MadeLayers {
    const store = this.#requireStore();
    this.#layers ??= new MadeLayers(store.content, () => this.#holder(store));
    return this.#layers;
  }

  #requireStore(): Store {
    if (this.#store === undefined) throw new BugError('layers cannot be compressed without a store');
    return this.#store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.signal.removeEventListener('abort', this.#stop);
    this.stop();
    // it is only faster with them, and what failed first is what is told
    await this.#layers?.save().catch(() => {});
    this.#lease?.close();
  }
}

function stopped(): CancelledError {
  return new CancelledError('stopped because another part of the copy failed');
}
