/** The work behind {@link ContentStore}: files that are written aside, checked, and renamed into place. */
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { ConflictError, IntegrityError, NotFoundError, systemCode } from '../foundation/errors.ts';
import { withOpenFile } from '../foundation/open-files.ts';
import { giveBack } from '../foundation/own-bytes.ts';
import { syncFolder } from '../foundation/sync-folder.ts';
import { createDigester, type Digest, digestOf } from '../oci/digest.ts';
import { blobPath, type ContentRange, type ContentStore, type PutOptions, type StoredBlob } from './content-store.ts';
import type { Leases } from './leases.ts';
import { toStorageError } from './storage-errors.ts';
import { temporaryFolder, temporaryName } from './temporary-files.ts';

/** Small files that are written side by side. */
const sideBySide = 16;

interface Temporary extends StoredBlob {
  readonly path: string;
}

export class ContentFiles implements ContentStore {
  readonly #dir: string;
  readonly #leases: Leases;
  readonly #folders = new Map<string, Promise<void>>();

  constructor(dir: string, leases: Leases) {
    this.#dir = dir;
    this.#leases = leases;
  }

  path(digest: Digest): string {
    return blobPath(this.#dir, digest);
  }

  async has(digest: Digest): Promise<boolean> {
    return (await this.size(digest)) !== undefined;
  }

  async size(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.path(digest))).size;
    } catch (thrown) {
      if (systemCode(thrown) === 'ENOENT') return undefined;
      throw this.#storageError(thrown);
    }
  }

  async open(digest: Digest, range?: ContentRange): Promise<Readable> {
    const handle = await this.#openFile(digest);
    return createReadStream('', {
      fd: handle,
      highWaterMark: 1 << 18,
      start: range?.start ?? 0,
      ...(range?.end === undefined ? {} : { end: range.end }),
    });
  }

  read(digest: Digest, maxBytes: number): Promise<Uint8Array> {
    return withOpenFile(() => this.#readFile(digest, maxBytes));
  }

  async #readFile(digest: Digest, maxBytes: number): Promise<Uint8Array> {
    await using handle = await this.#openFile(digest);
    const { size } = await handle.stat();
    if (size > maxBytes) {
      throw new IntegrityError(
        `${digest} in the local store has ${size} bytes, more than the ${maxBytes} allowed here`,
        {
          code: 'BLOB_TOO_LARGE',
        },
      );
    }
    return handle.readFile();
  }

  async putBytes(bytes: Uint8Array, options: Omit<PutOptions, 'replace'> = {}): Promise<StoredBlob> {
    checkSize(bytes.byteLength, options);
    const { digest, algorithm, lease } = options;
    const blob = digest === undefined ? { bytes } : { bytes, digest };
    const [stored] = await this.putAll([blob], {
      ...(algorithm === undefined ? {} : { algorithm }),
      ...(lease === undefined ? {} : { lease }),
    });
    return stored ?? { digest: digestOf(bytes, algorithm), size: bytes.byteLength };
  }

  async putAll(
    blobs: ReadonlyArray<{ readonly bytes: Uint8Array; readonly digest?: Digest }>,
    options: Pick<PutOptions, 'algorithm' | 'lease'> = {},
  ): Promise<StoredBlob[]> {
    const wanted = new Map<Digest, Uint8Array>();
    const stored = blobs.map(({ bytes, digest: expected }) => {
      const digest = digestOf(
        bytes,
        algorithmFor({ ...options, ...(expected === undefined ? {} : { digest: expected }) }),
      );
      checkDigest(digest, expected);
      wanted.set(digest, bytes);
      return { digest, size: bytes.byteLength };
    });
    if (wanted.size === 0) return stored;
    this.#leases.hold([...wanted.keys()], options.lease);
    const queue = [...wanted];
    const folders = new Set<string>();
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [digest, bytes] = next;
        folders.add(dirname(this.path(digest)));
        if ((await this.size(digest)) !== bytes.byteLength) await this.#place(await this.#write([bytes], { digest }));
      }
    };
    const results = await Promise.allSettled(Array.from({ length: Math.min(sideBySide, queue.length) }, worker));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    for (const folder of folders) await this.#sync(folder);
    return stored;
  }

  async putStream(stream: Readable, options: PutOptions = {}): Promise<StoredBlob> {
    try {
      if (options.digest !== undefined) {
        this.#leases.hold([options.digest], options.lease);
        const size = options.replace === true ? undefined : await this.size(options.digest);
        if (size !== undefined && size === (options.size ?? size)) {
          await this.#sync(dirname(this.path(options.digest)));
          return { digest: options.digest, size };
        }
      }
      const { digest, size, path } = await this.#write(passing(stream), options);
      if (options.digest === undefined) {
        await this.#removeOnError(path, async () => this.#leases.hold([digest], options.lease));
      }
      await this.#place({ digest, size, path }, options.replace);
      await this.#sync(dirname(this.path(digest)));
      return { digest, size };
    } finally {
      if (!stream.destroyed) stream.on('error', () => {}).destroy();
    }
  }

  async remove(digest: Digest): Promise<void> {
    if (!this.#leases.remove(digest)) {
      throw new ConflictError(`the blob ${digest} is in use`, {
        code: 'BLOB_IN_USE',
        hint: 'A list or a running command needs it; remove that list first.',
      });
    }
  }

  async #openFile(digest: Digest): Promise<FileHandle> {
    try {
      return await open(this.path(digest), 'r');
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT') throw this.#storageError(thrown);
      throw notKept(digest, thrown);
    }
  }

  /** Writes `chunks` to a temporary file, checked and safe on the disk; leaves nothing when that fails. */
  async #write(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, expected: PutOptions): Promise<Temporary> {
    const digester = createDigester(algorithmFor(expected));
    const path = temporaryName(this.#dir);
    let size = 0;
    const handle = await this.#guard(async () => {
      await this.#folder(temporaryFolder(this.#dir));
      return open(path, 'wx', 0o600);
    });
    return this.#removeOnError(path, async () => {
      try {
        for await (const chunk of chunks) {
          size += chunk.byteLength;
          if (expected.size !== undefined && size > expected.size) break;
          digester.update(chunk);
          await this.#guard(() => writeFully(handle, chunk));
        }
        checkSize(size, expected);
        const digest = digester.digest();
        checkDigest(digest, expected.digest);
        await this.#guard(() => handle.sync());
        return { path, digest, size };
      } finally {
        await handle.close();
      }
    });
  }

  /** Gives a temporary file the name of its digest. The digest must be held already. */
  async #place({ path, digest, size }: Temporary, replace = false): Promise<void> {
    await this.#removeOnError(path, () =>
      this.#guard(async () => {
        const target = this.path(digest);
        await this.#folder(dirname(target));
        // the same bytes put by somebody else meanwhile stay; a file of another size is damaged and is replaced
        if (!replace && (await this.size(digest)) === size) await rm(path);
        else await rename(path, target);
      }),
    );
  }

  /** Makes a folder, once. */
  #folder(path: string): Promise<void> {
    let made = this.#folders.get(path);
    if (made === undefined) {
      made = (async () => {
        const first = await mkdir(path, { recursive: true, mode: 0o700 });
        if (first === undefined) return;
        for (let at = path; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
      })();
      this.#folders.set(path, made);
      made.catch(() => this.#folders.delete(path));
    }
    return made;
  }

  /** Makes the names in a folder survive a power cut, also those that another process put there a moment ago. */
  #sync(folder: string): Promise<void> {
    return this.#guard(() => syncFolder(folder));
  }

  async #removeOnError<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      await rm(path, { force: true }).catch(() => {});
      throw thrown;
    }
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw this.#storageError(thrown);
    }
  }

  #storageError(thrown: unknown): unknown {
    return toStorageError(thrown, this.#dir);
  }
}

/** What comes from a stream, given back when the next piece is wanted: by then it is in the file. */
async function* passing(stream: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    yield chunk as Uint8Array;
    giveBack(chunk as Uint8Array);
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += (await handle.write(bytes, at)).bytesWritten;
}

function algorithmFor({ digest, algorithm }: PutOptions): 'sha256' | 'sha512' {
  return digest === undefined ? (algorithm ?? 'sha256') : digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

function checkSize(size: number, { size: expected, digest }: PutOptions): void {
  if (expected === undefined || size === expected) return;
  const more = size > expected ? 'more' : 'fewer';
  throw new IntegrityError(`${digest ?? 'the blob'} has ${more} bytes than the ${expected} that it must have`, {
    code: 'SIZE_MISMATCH',
    hint: 'The transfer was cut short or the source is damaged: try again.',
  });
}

function checkDigest(digest: Digest, expected: Digest | undefined): void {
  if (expected === undefined || digest === expected) return;
  throw new IntegrityError(`the bytes that should be ${expected} have the digest ${digest}`, {
    code: 'DIGEST_MISMATCH',
    hint: 'The source is damaged or was changed: try again, or get it from elsewhere.',
  });
}

export function notKept(digest: Digest, cause?: unknown): NotFoundError {
  return new NotFoundError(`the blob ${digest} is not in the local store`, { code: 'BLOB_NOT_FOUND', cause });
}
