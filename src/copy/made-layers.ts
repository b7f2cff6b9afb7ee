/**
 * Layers that a run has compressed, until they are sent: small ones in memory, others in the local store. A disk would have
 * to make sure of each that it outlasts a power cut, only for it to be removed a moment later. After a power cut they are
 * compressed once more.
 */
import { Readable } from 'node:stream';
import { ChunkReader } from '../foundation/chunk-reader.ts';
import { createDigester, type Digest } from '../oci/digest.ts';
import type { ContentStore, StoredBlob } from '../store/content-store.ts';
import type { Lease } from '../store/leases.ts';
import { passing } from '../transports/local-file.ts';

export interface MadeLayersLimits {
  /** Bytes of the largest layer that stays in memory. */
  largest: number;
  /** Bytes in memory at once. */
  all: number;
}

const usualLimits: MadeLayersLimits = { largest: 4 << 20, all: 8 << 20 };

interface InMemory {
  readonly chunks: readonly Uint8Array[];
  /** Whether a run after this one would make the same, so that it is worth keeping for it. */
  readonly again: boolean;
}

export class MadeLayers {
  readonly #content: ContentStore;
  readonly #lease: () => Lease;
  readonly #limits: MadeLayersLimits;
  readonly #inMemory = new Map<Digest, InMemory>();
  #used = 0;

  constructor(content: ContentStore, lease: () => Lease, limits = usualLimits) {
    this.#content = content;
    this.#lease = lease;
    this.#limits = limits;
  }

  /** Takes the whole stream; `again`: another run would make the same. Throws what the stream fails with, and StorageError. */
  async keep(stream: Readable, { again }: Pick<InMemory, 'again'>): Promise<StoredBlob> {
    const chunks = new ChunkReader(stream);
    const kept: Uint8Array[] = [];
    const digester = createDigester('sha256');
    let size = 0;
    try {
      for (let chunk = await chunks.next(); chunk !== undefined; chunk = await chunks.next()) {
        kept.push(chunk);
        size += chunk.byteLength;
        this.#used += chunk.byteLength;
        if (size > this.#limits.largest || this.#used > this.#limits.all) {
          this.#used -= size;
          size = 0;
          return await this.#content.putStream(Readable.from(chain(kept, chunks)), { lease: this.#lease().id });
        }
        digester.update(chunk);
      }
    } catch (thrown) {
      this.#used -= size;
      throw thrown;
    } finally {
      stream.destroy();
    }
    const digest = digester.digest();
    // another layer became the same, and may be on its way
    if (this.#inMemory.has(digest)) this.#used -= size;
    else this.#inMemory.set(digest, { chunks: kept, again });
    return { digest, size };
  }

  /** The bytes from `offset` on. Throws NotFoundError BLOB_NOT_FOUND, StorageError. */
  async open(digest: Digest, offset: number): Promise<Readable> {
    const kept = this.#inMemory.get(digest);
    if (kept === undefined) return counted(await this.#content.open(digest, { start: offset }));
    return Readable.from(skip(kept.chunks, offset), { objectMode: false });
  }

  /** The run has failed: what is in memory goes to the store, for the next one. Throws StorageError. */
  async save(): Promise<void> {
    for (const [digest, { chunks, again }] of this.#inMemory) {
      // as a copy: an upload that was stopped may still look at these
      if (again) await this.#content.putBytes(Buffer.concat(chunks), { digest, lease: this.#lease().id });
    }
  }

  /** It is sent: it need not stay in memory. */
  drop(digest: Digest): void {
    const kept = this.#inMemory.get(digest);
    this.#inMemory.delete(digest);
    for (const chunk of kept?.chunks ?? []) this.#used -= chunk.byteLength;
  }
}

/** The same, with the memory of its chunks given back as they pass. */
function counted(file: Readable): Readable {
  const stream = Readable.from(passing(file), { objectMode: false, highWaterMark: 1 << 18 });
  // also where it is destroyed before anybody has read from it: the generator has not begun then
  stream.once('close', () => file.destroy());
  return stream;
}

async function* chain(first: Uint8Array[], rest: ChunkReader): AsyncGenerator<Uint8Array> {
  yield* first.splice(0);
  for (let chunk = await rest.next(); chunk !== undefined; chunk = await rest.next()) yield chunk;
}

function* skip(chunks: readonly Uint8Array[], offset: number): Generator<Uint8Array> {
  let toSkip = offset;
  for (const chunk of chunks) {
    if (toSkip < chunk.byteLength) yield chunk.subarray(toSkip);
    toSkip = Math.max(0, toSkip - chunk.byteLength);
  }
}
