/** Compresses a long text as it is written, for the tables at the end of a zstd:chunked layer. */
import { createHash } from 'node:crypto';
import { constants, createZstdCompress } from 'node:zlib';
import type { Digest } from '../oci/digest.ts';

export interface CompressedText {
  readonly frame: Buffer;
  /** Digest of `frame`. */
  readonly digest: Digest;
  /** Bytes of the text. */
  readonly plainSize: number;
}

const pieceBytes = 64 << 10;
/** Entries resemble those just before them: a small window is enough, for two of these beside everything else. */
const windowLog = 20;

export class FrameText {
  /** Bytes of text so far. */
  size = 0;
  readonly #stream = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
  readonly #pieces: Uint8Array[] = [];
  #waiting = '';
  #written: Promise<void> = Promise.resolve();
  readonly #ended: Promise<void>;

  constructor() {
    this.#ended = new Promise((resolve, reject) => {
      this.#stream.on('data', (bytes: Uint8Array) => this.#pieces.push(new Uint8Array(bytes)));
      this.#stream.once('end', resolve);
      this.#stream.once('error', reject);
    });
    this.#ended.catch(() => {});
  }

  add(text: string): void {
    this.#waiting += text;
    if (this.#waiting.length >= pieceBytes) this.#write();
  }

  /** Resolves when what was added is compressed, so that it does not pile up. */
  settled(): Promise<void> {
    return this.#written;
  }

  async finish(): Promise<CompressedText> {
    this.#write();
    // ended before its last write is through, zlib ends the frame in another way
    await this.#written;
    this.#stream.end();
    await this.#ended;
    const frame = Buffer.concat(this.#pieces);
    const digest: Digest = `sha256:${createHash('sha256').update(frame).digest('hex')}`;
    return { frame, digest, plainSize: this.size };
  }

  abandon(): void {
    this.#stream.destroy();
  }

  #write(): void {
    const bytes = Buffer.from(this.#waiting);
    this.#waiting = '';
    this.size += bytes.byteLength;
    this.#written = new Promise((resolve) => this.#stream.write(bytes, () => resolve()));
  }
}
