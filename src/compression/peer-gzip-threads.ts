/**
 * Threads that compress segments, started when there is work for them and ended when nobody is left who could have some. A
 * thread takes ten times the memory of a segment and is slow at first, so there are few, and all layers share them.
 */
import { availableParallelism } from 'node:os';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { asError, CancelledError } from '../foundation/errors.ts';
import { SegmentDeflater, type SegmentMemory } from './deflate/segment.ts';

export interface SegmentOrder {
  readonly memory: SegmentMemory;
  /** Where in the input of `memory` the segment begins, behind its primer, and where it ends. */
  readonly primer: number;
  readonly end: number;
}

/** The module of a thread: beside this one in the sources, in a folder of its own beside the one of all chunks when built. */
const ownModule = new URL(
  import.meta.url.endsWith('.ts') ? './peer-gzip-thread.ts' : '../compression/peer-gzip-thread.js',
  import.meta.url,
);

/** Of a thread, in MiB: it makes next to no objects, and what a heap may have is taken from the system soon. */
const heap = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

export class PeerGzipThreads {
  static #shared: PeerGzipThreads | undefined;
  readonly #most = Math.max(1, availableParallelism() >> 1);
  readonly #threads: Thread[] = [];
  readonly #module: URL;
  #here: SegmentDeflater | undefined;
  #users = 0;
  /** Whether a thread has failed, so that no other is asked. */
  #broken = false;

  /** `module`: what a thread runs. */
  constructor(module: URL = ownModule) {
    this.#module = module;
  }

  /** For one user more, who has to {@link leave}. */
  static join(): PeerGzipThreads {
    PeerGzipThreads.#shared ??= new PeerGzipThreads();
    PeerGzipThreads.#shared.#users += 1;
    return PeerGzipThreads.#shared;
  }

  /** Ends the threads when the last user leaves. */
  leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    if (PeerGzipThreads.#shared === this) PeerGzipThreads.#shared = undefined;
    for (const thread of this.#threads.splice(0)) thread.end();
  }

  /**
   * How many bytes the result has. Where no thread can run (the system allows no more, or a bundler has left its module behind)
   * the thread that calls does the work. Rejects with CancelledError when the last user leaves first.
   */
  async deflate(order: SegmentOrder): Promise<number> {
    if (this.#broken) return this.deflateHere(order);
    try {
      return await this.#thread().deflate(order);
    } catch (thrown) {
      if (thrown instanceof CancelledError) throw thrown;
      this.#broken = true;
      return this.deflateHere(order);
    }
  }

  /** The one that has least to do, or a new one. */
  #thread(): Thread {
    const [thread] = this.#threads.sort((one, other) => one.waiting - other.waiting);
    if (thread !== undefined && (thread.waiting === 0 || this.#threads.length >= this.#most)) return thread;
    const started = new Thread(this.#module);
    this.#threads.push(started);
    return started;
  }

  /** The same at once, by the thread that calls. */
  deflateHere({ memory, primer, end }: SegmentOrder): number {
    this.#here ??= new SegmentDeflater();
    return this.#here.deflate(memory, primer, end);
  }
}

class Thread {
  readonly #worker: Worker;
  /** In the order in which they are answered. */
  readonly #orders: PromiseWithResolvers<number>[] = [];

  constructor(module: URL) {
    this.#worker = new Worker(module, { env: SHARE_ENV, resourceLimits: heap });
    this.#worker.on('message', (length: number) => this.#orders.shift()?.resolve(length));
    this.#worker.on('error', (error) => this.#fail(asError(error)));
  }

  get waiting(): number {
    return this.#orders.length;
  }

  deflate(order: SegmentOrder): Promise<number> {
    const answer = Promise.withResolvers<number>();
    this.#orders.push(answer);
    this.#worker.postMessage(order);
    return answer.promise;
  }

  end(): void {
    this.#fail(new CancelledError());
    void this.#worker.terminate();
  }

  #fail(error: Error): void {
    for (const { reject } of this.#orders.splice(0)) reject(error);
  }
}
