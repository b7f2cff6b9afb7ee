/** Writes tar archives whose bytes depend on their contents alone: no times, no owners. */
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';

/** A bit that tar headers do not have: tar-stream takes 0 for "choose one". */
const noMode = 0o10000;
const epoch = new Date(0);

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
    await this.#entry(
      (done) =>
        void this.#pack.entry({ name, mode, mtime: epoch, size: content.byteLength }, Buffer.from(content), done),
    );
  }

  /** A file of exactly `size` bytes. Throws what reading or writing fails with, and where the size is another one. */
  async stream(name: string, size: number, content: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
    this.#check();
    const sink = this.#pack.entry({ name, mode, mtime: epoch, size });
    try {
      await pipeline(content, sink);
    } catch (thrown) {
      throw this.#failure ?? thrown;
    }
  }

  async folder(name: string, mode: number): Promise<void> {
    await this.#entry((done) => void this.#pack.entry({ name, mode, mtime: epoch, type: 'directory' }, done));
  }

  /** A symbolic link, with mode 0 as containers/image writes it. */
  async link(name: string, target: string): Promise<void> {
    const header = { name, linkname: target, mode: noMode, mtime: epoch, type: 'symlink' as const };
    await this.#entry((done) => void this.#pack.entry(header, done));
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

  async #entry(write: (done: (error?: Error | null) => void) => void): Promise<void> {
    this.#check();
    try {
      await Promise.race([
        new Promise<void>((resolve, reject) => write((error) => (error ? reject(error) : resolve()))),
        // an output that breaks calls nobody back
        this.#written,
      ]);
    } catch (thrown) {
      throw this.#failure ?? thrown;
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
