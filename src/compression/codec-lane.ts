/** One of Node's compressors, driven by hand: it can end a piece of its output without ending itself. */
import type { Transform } from 'node:stream';
import { CancelledError } from '../foundation/errors.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import type { FilledBlock } from './blocks.ts';
import type { Reusable } from './budget.ts';

type Compressor = Transform & { flush(kind: number, callback: () => void): void };

export class CodecLane implements Reusable {
  readonly #stream: Compressor;
  readonly #blocks = new Set<FilledBlock>();
  #ended = false;
  #failure: { error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(stream: Compressor) {
    this.#stream = stream;
    const wake = (): void => this.#wake?.();
    stream.on('readable', wake);
    stream.on('close', wake);
    stream.on('error', (error) => {
      this.#failure = { error };
    });
  }

  /** Takes a block, and releases it in the end, whatever happens. */
  write(block: FilledBlock): void {
    // a stream that is destroyed does not call back for the write that is under way
    this.#blocks.add(block);
    this.#stream.write(block.bytes, () => {
      this.#blocks.delete(block);
      block.release();
    });
  }

  /** Ends the piece of output with a flush of zlib. */
  flush(kind: number): void {
    this.#stream.flush(kind, () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  /** The output up to the end of the piece. The next one may be begun then. Throws CancelledError once destroyed. */
  async *result(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const bytes = this.#stream.read() as Uint8Array | null;
      if (bytes !== null) {
        countYoungBytes(bytes.byteLength);
        yield bytes;
      } else if (this.#failure !== undefined) throw this.#failure.error;
      else if (this.#ended) break;
      else if (this.#stream.destroyed) throw new CancelledError();
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#ended = false;
  }

  /**
   * The output of one write, for a compressor that ends its output with each (its option `flush`). `bytes` must stay as they
   * are until then. Throws CancelledError once destroyed.
   */
  whole(bytes: Buffer): AsyncGenerator<Uint8Array> {
    this.#stream.write(bytes, () => {
      this.#ended = true;
      this.#wake?.();
    });
    return this.result();
  }

  destroy(): void {
    this.#stream.destroy();
    for (const block of this.#blocks) block.release();
  }
}
