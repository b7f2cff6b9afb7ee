/** Makes one zstd frame of bytes that are all there, on a thread of the pool. */
import { promisify } from 'node:util';
import { constants, type ZstdOptions, zstdCompress } from 'node:zlib';
import { CancelledError } from '../foundation/errors.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import type { FilledBlock } from './blocks.ts';
import type { Reusable } from './budget.ts';

// Node.js has one option more than its types
const compress = promisify<Uint8Array, ZstdOptions & { pledgedSrcSize: number }, Buffer>(zstdCompress);

/** Holds the bytes of one frame after the other. */
export class WholeFrame implements Reusable {
  readonly #bytes: Buffer;
  #filled = 0;
  #made = unmade();

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  /** Takes a block, and releases it at once. */
  write(block: FilledBlock): void {
    this.#bytes.set(block.bytes, this.#filled);
    this.#filled += block.bytes.byteLength;
    block.release();
  }

  /** No more blocks are to come. */
  finish(level: number): void {
    const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = constants;
    const options = {
      // room for all of it at once: zstd reads its input and writes its output where they are, then
      chunkSize: this.#filled + (this.#filled >> 8) + 1024,
      pledgedSrcSize: this.#filled,
      params: { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1 },
    };
    compress(this.#bytes.subarray(0, this.#filled), options).then(this.#made.resolve, this.#made.reject);
  }

  /** The frame. The bytes of the next one may be written then. Throws CancelledError once destroyed. */
  async *result(): AsyncGenerator<Uint8Array> {
    const frame = await this.#made.promise;
    this.#made = unmade();
    this.#filled = 0;
    countYoungBytes(frame.buffer.byteLength);
    yield frame;
  }

  destroy(): void {
    this.#made.reject(new CancelledError());
  }
}

function unmade(): PromiseWithResolvers<Buffer> {
  const made = Promise.withResolvers<Buffer>();
  made.promise.catch(() => {});
  return made;
}
