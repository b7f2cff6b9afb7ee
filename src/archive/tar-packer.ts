/** Writes tar archives whose bytes depend on their contents alone: no times, no owners. */
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';

/** A bit that tar headers do not have: tar-stream takes 0 for "choose one". */
const noMode = 0o10000;
const epoch = new Date(0);

type Header = Parameters<Pack['entry']>[0];
type Sink = ReturnType<Pack['entry']>;

export class TarPacker {
  readonly #pack: Pack = pack();
  readonly #written: Promise<void>;
  #failure: unknown;

  /** Writes to `output`, and ends it in {@link finish}. */
  constructor(output: Writable, signal?: AbortSignal) {
    this.#written = pipeline(this.#pack, output, signal === undefined ? {} : { signal });
    this.#written.catch((thrown: unknown) => {
      this.#failure = thrown;
    });
  }

  /** Throws what writing fails with. */
  async file(name: string, content: Uint8Array, mode: number): Promise<void> {
    await this.#entry({ name, mode, mtime: epoch, size: content.byteLength }, Buffer.from(content));
  }

  /** A file of exactly `size` bytes. Throws what reading or writing fails with, and where the size is another one. */
  async stream(name: string, size: number, content: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
    this.#check();
    try {
      await pipeline(content, this.#sink({ name, mode, mtime: epoch, size }));
    } catch (thrown) {
      throw await this.#reason(thrown);
    }
  }

  async folder(name: string, mode: number): Promise<void> {
    await this.#entry({ name, mode, mtime: epoch, type: 'directory' });
  }

  /** A symbolic link, with mode 0 as containers/image writes it. */
  async link(name: string, target: string): Promise<void> {
    await this.#entry({ name, linkname: target, mode: noMode, mtime: epoch, type: 'symlink' });
  }

  /** Ends the archive; done when everything has reached the output. */
  async finish(): Promise<void> {
    this.#check();
    this.#pack.finalize();
    await this.#written;
  }

  /** Gives up: the output is destroyed. */
  async abort(): Promise<void> {
    this.#pack.destroy();
    await this.#written.catch(() => {});
  }

  async #entry(header: Header, content?: Buffer): Promise<void> {
    this.#check();
    try {
      await Promise.race([
        new Promise<void>((resolve, reject) => {
          this.#sink(header, content, (error) => (error ? reject(error) : resolve()));
        }),
        // an output that breaks calls nobody back
        this.#written,
      ]);
    } catch (thrown) {
      throw await this.#reason(thrown);
    }
  }

  /** What fails while an entry is written fails the whole archive, too; that the entry says it again must not end the process. */
  #sink(header: Header, content?: Buffer, done?: (error?: Error | null) => void): Sink {
    const sink = content === undefined ? this.#pack.entry(header, done) : this.#pack.entry(header, content, done);
    sink.on('error', () => {});
    return sink;
  }

  /** What has ended the whole archive, where that is why an entry failed with `thrown`. */
  async #reason(thrown: unknown): Promise<unknown> {
    // a moment may pass before it is known
    if (this.#pack.destroyed) await this.#written.catch(() => {});
    return this.#failure ?? thrown;
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
