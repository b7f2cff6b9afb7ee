/**
 * The bytes of a blob on their way up: piece after piece from one stream, opened again only where a try has to go back.
 */
import type { Readable } from 'node:stream';
import { ChunkReader } from '../foundation/chunk-reader.ts';
import { asError, IntegrityError } from '../foundation/errors.ts';
import type { UploadContent } from './registry-client.ts';
import type { RequestBody } from './transmit.ts';

interface OpenStream {
  stream: Readable;
  chunks: ChunkReader;
  /** Of the next byte that `chunks` or `rest` gives. */
  offset: number;
  rest: Uint8Array | undefined;
}

export class UploadFeed {
  readonly #blob: UploadContent;
  #open: OpenStream | undefined;
  #failure: Error | undefined;

  constructor(blob: UploadContent) {
    this.#blob = blob;
  }

  /** Bytes `from` to `to` (exclusive) as the body of a request. */
  body(from: number, to: number): RequestBody | Uint8Array {
    const { bytes, descriptor } = this.#blob;
    if (bytes?.byteLength === descriptor.size) return bytes.subarray(from, to);
    return {
      size: to - from,
      open: async () => {
        this.#failure = undefined;
        const open = await this.#seek(from);
        return {
          bytes: this.#take(open, to),
          failure: () => this.#failure,
          stop: () => {
            // what was read but not sent is lost to the stream
            if (open.offset !== to || to === this.#blob.descriptor.size) this.#close(open);
          },
        };
      },
    };
  }

  close(): void {
    if (this.#open !== undefined) this.#close(this.#open);
  }

  async #seek(offset: number): Promise<OpenStream> {
    if (this.#open?.offset === offset) return this.#open;
    this.close();
    const stream = await this.#blob.open(offset);
    // when nobody reads any more, its errors are of no interest
    stream.on('error', () => {});
    this.#open = { stream, chunks: new ChunkReader(stream), offset, rest: undefined };
    return this.#open;
  }

  async *#take(open: OpenStream, to: number): AsyncGenerator<Uint8Array> {
    try {
      while (open.offset < to) {
        const chunk = open.rest ?? (await open.chunks.next());
        if (chunk === undefined) throw this.#wrongSize(`ended after ${open.offset}`);
        const wanted = chunk.subarray(0, to - open.offset);
        open.rest = wanted.byteLength < chunk.byteLength ? chunk.subarray(wanted.byteLength) : undefined;
        // the last byte goes out only when the source has said that all is well
        if (open.offset + wanted.byteLength === this.#blob.descriptor.size && !(await this.#isOver(open))) {
          throw this.#wrongSize('is longer than');
        }
        open.offset += wanted.byteLength;
        yield wanted;
      }
    } catch (thrown) {
      if (this.#open === open) this.#failure = asError(thrown);
      throw thrown;
    }
  }

  async #isOver(open: OpenStream): Promise<boolean> {
    if (open.rest !== undefined) return false;
    for (;;) {
      const chunk = await open.chunks.next();
      if (chunk === undefined) return true;
      if (chunk.byteLength > 0) return false;
    }
  }

  #wrongSize(how: string): IntegrityError {
    const { digest, size } = this.#blob.descriptor;
    return new IntegrityError(
      `the content of the blob ${digest} ${how} of its ${size} bytes`.replace('than of', 'than'),
      {
        code: 'SIZE_MISMATCH',
        hint: 'The place it comes from is damaged, or changed while it was read.',
      },
    );
  }

  #close(open: OpenStream): void {
    if (this.#open === open) this.#open = undefined;
    open.stream.destroy();
  }
}
