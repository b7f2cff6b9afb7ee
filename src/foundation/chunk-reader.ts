/**
 * Chunks of a stream one by one, as they were put in. The iterator that streams have of their own joins whatever has piled
 * up into one buffer, which for large bodies is a copy of everything.
 */
import type { Readable } from 'node:stream';
import { asError } from './errors.ts';

/** Chunks that may wait before the stream is told to pause. */
const maxWaiting = 4;

export class ChunkReader {
  readonly #stream: Readable;
  readonly #waiting: Uint8Array[] = [];
  #over = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
    const end = (): void => {
      this.#over = true;
      this.#wake?.();
    };
    stream
      .on('data', (chunk: Uint8Array) => {
        this.#waiting.push(chunk);
        if (this.#waiting.length >= maxWaiting) stream.pause();
        this.#wake?.();
      })
      .once('end', end)
      .once('error', (thrown) => {
        this.#failure ??= asError(thrown);
        end();
      })
      .once('close', end);
    // it may have come to its end before anybody read: it says nothing more then
    this.#failure = stream.errored ?? undefined;
    this.#over = stream.destroyed || stream.readableEnded;
  }

  /** All chunks, to the stream's own end. Throws what the stream failed with, and an error where it is cut off. */
  async *whole(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
    if (!this.#stream.readableEnded) throw new Error('the stream was closed before its end');
  }

  /**
   * The next chunk; `undefined` after the last one, also where the stream is cut off. Throws what the stream failed with. One
   * call at a time.
   */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        if (this.#waiting.length === 0) this.#stream.resume();
        return chunk;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
