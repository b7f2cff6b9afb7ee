/** A compressor for segments of {@link peerGzip}, one after the other, on a thread of its own once it is worth one. */
import { Worker } from 'node:worker_threads';
import { asError, CancelledError } from '../foundation/errors.ts';
import type { Reusable } from './budget.ts';
import { SegmentDeflater, segmentMemory } from './deflate/segment.ts';

/** What the thread is told: where in its input the segment is. Its answer is how many bytes the result has. */
export interface SegmentOrder {
  readonly primer: number;
  readonly end: number;
}

/** The module of the thread: beside this one in the sources, in a folder of its own beside the one of all chunks when built. */
const thread = new URL(
  import.meta.url.endsWith('.ts') ? './peer-gzip-thread.ts' : '../compression/peer-gzip-thread.js',
  import.meta.url,
);

export class PeerGzipLane implements Reusable {
  readonly #memory = segmentMemory();
  #primer = 0;
  #end = 0;
  #here: SegmentDeflater | undefined;
  #worker: Worker | undefined;
  #length: PromiseWithResolvers<number> = Promise.withResolvers();

  /** Begins a segment behind `primer`. */
  begin(primer: Uint8Array): void {
    this.#memory.input.set(primer);
    this.#primer = primer.byteLength;
    this.#end = this.#primer;
    this.#length = Promise.withResolvers();
    // whoever is destroyed may have no reader
    this.#length.promise.catch(() => {});
  }

  /** Copies more bytes of the segment. */
  write(bytes: Uint8Array): void {
    this.#memory.input.set(bytes, this.#end);
    this.#end += bytes.byteLength;
  }

  /** The segment is complete. `here` says that no thread is to be started for it. */
  finish(here: boolean): void {
    const order: SegmentOrder = { primer: this.#primer, end: this.#end };
    if (here && this.#worker === undefined) {
      this.#here ??= new SegmentDeflater(this.#memory);
      this.#length.resolve(this.#here.deflate(order.primer, order.end));
    } else {
      this.#worker ??= this.#start();
      this.#worker.postMessage(order);
    }
  }

  /** A copy of the compressed segment. Throws CancelledError once destroyed. */
  async result(): Promise<Uint8Array> {
    const length = await this.#length.promise;
    return Buffer.from(this.#memory.result.subarray(0, length));
  }

  destroy(): void {
    this.#length.reject(new CancelledError());
    void this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(thread, { workerData: this.#memory });
    worker.on('message', (length: number) => this.#length.resolve(length));
    worker.on('error', (error) => this.#length.reject(asError(error)));
    return worker;
  }
}
