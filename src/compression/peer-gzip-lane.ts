/** Compresses segments of {@link peerGzip}, one after the other, on threads that all lanes share. */
import { CancelledError } from '../foundation/errors.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import type { Reusable } from './budget.ts';
import { segmentMemory } from './deflate/segment.ts';
import { PeerGzipThreads } from './peer-gzip-threads.ts';

/** Results are handed out in pieces of this size. */
const pieceBytes = 128 << 10;

export class PeerGzipLane implements Reusable {
  readonly #memory = segmentMemory();
  readonly #threads = PeerGzipThreads.join();
  #primer = 0;
  #end = 0;
  #length: PromiseWithResolvers<number> = Promise.withResolvers();
  #destroyed = false;

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

  /** The segment is complete. `here` says that it is the only one, for which no thread is to be started. */
  finish(here: boolean): void {
    const order = { memory: this.#memory, primer: this.#primer, end: this.#end };
    if (here) this.#length.resolve(this.#threads.deflateHere(order));
    else this.#threads.deflate(order).then(this.#length.resolve, this.#length.reject);
  }

  /** A copy of the compressed segment, piece by piece. Throws CancelledError once destroyed. */
  async *result(): AsyncGenerator<Uint8Array> {
    const length = await this.#length.promise;
    for (let at = 0; at < length; at += pieceBytes) {
      const piece = Buffer.from(this.#memory.result.subarray(at, Math.min(length, at + pieceBytes)));
      countYoungBytes(piece.byteLength);
      yield piece;
    }
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#length.reject(new CancelledError());
    this.#threads.leave();
  }
}
