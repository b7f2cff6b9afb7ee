/** A tar archive in a file, as a set of named contents that can be read in any order, and more than once. */
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { IntegrityError, UnsupportedError } from '../foundation/errors.ts';
import { damaged } from './tar-errors.ts';
import { indexTar, type ReadAt, standardTarLimits, type TarEntry, type TarLimits } from './tar-index.ts';

/** Bytes `start` to `end` of a content, both inclusive. */
export interface TarRange {
  readonly start: number;
  readonly end?: number;
}

/** Links that lead to links. */
const maxLinks = 8;
/** Headers stand close together in archives with small files: one read for several. */
const windowBytes = 16 << 10;
/** What a stream reads at once. */
const chunkBytes = 128 << 10;

export class TarFile implements AsyncDisposable {
  /** The file, for messages. */
  readonly where: string;
  readonly #handle: FileHandle;
  readonly #entries: ReadonlyMap<string, TarEntry>;
  readonly #afterwards: () => Promise<void>;

  private constructor(
    where: string,
    handle: FileHandle,
    entries: ReadonlyMap<string, TarEntry>,
    afterwards: () => Promise<void>,
  ) {
    this.where = where;
    this.#handle = handle;
    this.#entries = entries;
    this.#afterwards = afterwards;
  }

  /**
   * Opens `path`. `where` is what messages call it, `afterwards` runs when it is closed. Throws IntegrityError
   * UNREADABLE_TAR, UNSAFE_TAR_ENTRY, TAR_TOO_LARGE, and what the file system throws.
   */
  static async open(
    path: string,
    options: { where?: string; limits?: TarLimits; afterwards?: () => Promise<void> } = {},
  ): Promise<TarFile> {
    const { where = path, limits = standardTarLimits, afterwards = async () => {} } = options;
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      const entries = await indexTar(windowed(handle), size, limits);
      return new TarFile(where, handle, entries, afterwards);
    } catch (thrown) {
      await handle.close();
      if (!(thrown instanceof IntegrityError)) throw thrown;
      throw new IntegrityError(`${where} cannot be used: ${thrown.message}`, {
        code: thrown.code,
        cause: thrown,
        ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
      });
    }
  }

  /** Names of all entries, folders and links too. */
  names(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /** Bytes of the content called `name`, through links inside of the archive; `undefined` where there is none. */
  size(name: string): number | undefined {
    return this.#find(name)?.size;
  }

  /**
   * The whole content; `undefined` where there is none. Throws IntegrityError FILE_TOO_LARGE, and AMBIGUOUS_ARCHIVE where the
   * archive has it twice, so that two readers could disagree.
   */
  async read(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const entry = this.#find(name);
    if (entry === undefined) return undefined;
    if (entry.again) {
      throw new IntegrityError(`${this.where} has "${name}" more than once`, {
        code: 'AMBIGUOUS_ARCHIVE',
        hint: 'Others may read another of them; make the archive again.',
      });
    }
    if (entry.size > maxBytes) {
      throw new IntegrityError(
        `"${name}" in ${this.where} has ${entry.size} bytes, more than the ${maxBytes} allowed`,
        { code: 'FILE_TOO_LARGE' },
      );
    }
    const bytes = new Uint8Array(entry.size);
    const { bytesRead } = await this.#handle.read(bytes, 0, entry.size, entry.start);
    if (bytesRead < entry.size) throw damaged(`it ends in the middle of "${name}"`, entry.start + bytesRead);
    return bytes;
  }

  /** A stream of the content, which is there (see {@link size}). */
  open(name: string, range: TarRange = { start: 0 }): Readable {
    const entry = this.#find(name);
    const last = Math.min(range.end ?? Number.POSITIVE_INFINITY, (entry?.size ?? 0) - 1);
    if (entry === undefined || last < range.start) return Readable.from([]);
    return Readable.from(this.#chunks(name, entry.start + range.start, entry.start + last + 1), {
      objectMode: false,
      highWaterMark: chunkBytes,
    });
  }

  /** (A stream of the file handle would close it when it is destroyed.) */
  async *#chunks(name: string, start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let at = start; at < end; ) {
      const length = Math.min(chunkBytes, end - at);
      const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafe(length), 0, length, at);
      if (bytesRead === 0) throw damaged(`it ends in the middle of "${name}"`, at);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    await this.#afterwards();
  }

  /** Throws IntegrityError LINK_LOOP, UnsupportedError SPARSE_IN_ARCHIVE. */
  #find(name: string): TarEntry | undefined {
    let entry = this.#entries.get(name);
    for (let links = 0; entry?.kind === 'link'; links += 1) {
      if (links === maxLinks) {
        throw new IntegrityError(`"${name}" in ${this.where} is a link that leads to no end`, { code: 'LINK_LOOP' });
      }
      entry = this.#entries.get(entry.target ?? '');
    }
    if (entry?.kind === 'sparse') throw sparse(entry.name, this.where);
    return entry?.kind === 'file' ? entry : undefined;
  }
}

function sparse(name: string, where: string): UnsupportedError {
  return new UnsupportedError(`"${name}" in ${where} is kept as a sparse file, which sheaf does not read`, {
    code: 'SPARSE_IN_ARCHIVE',
    hint: 'Make the archive again without the option -S (--sparse) of tar.',
  });
}

/** Reads of a few bytes out of larger ones. */
function windowed(handle: FileHandle): ReadAt {
  const window = new Uint8Array(windowBytes);
  let from = 0;
  let filled = 0;
  return async (at, length) => {
    if (length > windowBytes) {
      const bytes = new Uint8Array(length);
      const { bytesRead } = await handle.read(bytes, 0, length, at);
      return bytes.subarray(0, bytesRead);
    }
    if (at < from || at + length > from + filled) {
      from = at;
      ({ bytesRead: filled } = await handle.read(window, 0, windowBytes, at));
    }
    return window.subarray(at - from, Math.min(at - from + length, filled));
  };
}
