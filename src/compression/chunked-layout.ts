/**
 * Lays a tar out as a zstd:chunked layer: which bytes make a frame, which of them are chunks of which file. Headers and
 * padding share frames; every chunk of a file has its own.
 */
import { createHash, type Hash, hash } from 'node:crypto';
import { posix } from 'node:path';
import type { TarHeader, TarPiece } from '../archive/raw-tar.ts';
import type { Block } from './budget.ts';
import { type ChunkEnd, ChunkFinder } from './chunk-finder.ts';
import { Batch } from './chunked-batch.ts';
import { type ContentChunk, reasonAgainst } from './chunked-toc.ts';
import { Crc64 } from './crc64.ts';
import type { TarSplitWriter } from './tar-split.ts';

/** The tar cannot be a zstd:chunked layer; the message says why. */
export class NotChunkable extends Error {}

export interface LayoutEnvironment {
  takeBlock(): Promise<Block>;
  /** A batch is full. */
  submit(batch: Batch): Promise<void>;
}

interface OpenFile {
  readonly header: TarHeader;
  readonly finder: ChunkFinder;
  readonly chunks: ContentChunk[];
  readonly checksum: Crc64;
  /** Of the whole file; none when it has one chunk only. */
  hash: Hash | undefined;
  digest: string | undefined;
  /** Bytes seen, and bytes in complete chunks. */
  size: number;
  chunked: number;
}

export class ChunkedLayout {
  readonly #environment: LayoutEnvironment;
  readonly #tarSplit: TarSplitWriter;
  #batch: Batch | undefined;
  #file: OpenFile | undefined;
  readonly #names = new Set<string>();
  /** Bytes of the tar that are in batches. */
  laidOut = 0;
  /** Zero bytes after the last entry. */
  trailer = 0;

  constructor(environment: LayoutEnvironment, tarSplit: TarSplitWriter) {
    this.#environment = environment;
    this.#tarSplit = tarSplit;
  }

  /** Throws {@link NotChunkable}; nothing of `piece` is laid out then. */
  async add(piece: TarPiece): Promise<void> {
    switch (piece.kind) {
      case 'header':
        this.#startFile(piece.header);
        this.#tarSplit.addRaw(piece.bytes);
        this.#tarSplit.endSegment();
        return this.#addRaw(piece.bytes);
      case 'data':
        return this.#addData(piece.bytes);
      case 'entry-end':
        return this.#endFile();
      case 'padding':
        this.#tarSplit.addRaw(piece.bytes);
        return this.#addRaw(piece.bytes);
      case 'trailer':
        if (!piece.bytes.every((byte) => byte === 0))
          throw new NotChunkable('something follows the end of the archive');
        this.trailer += piece.bytes.byteLength;
        return this.#addRaw(piece.bytes);
    }
  }

  /** Submits what is left. */
  async finish(): Promise<void> {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch === undefined) return;
    batch.endFrame(batch.size);
    await this.#environment.submit(batch);
  }

  abandon(): void {
    this.#batch?.abandon();
    this.#batch = undefined;
  }

  /** Throws {@link NotChunkable} when nothing, or not whole blocks, were there. */
  check(): void {
    if (this.laidOut === 0) throw new NotChunkable('it is empty');
    if (this.laidOut % 512 !== 0) throw new NotChunkable('it ends in the middle of a block');
  }

  #startFile(header: TarHeader): void {
    const reason = reasonAgainst(header);
    if (reason !== undefined) throw new NotChunkable(reason);
    const path = posix.resolve('/', header.name);
    if (this.#names.has(path)) throw new NotChunkable(`"${header.name}" is in it twice`);
    this.#names.add(path);
    this.#file = {
      header,
      finder: new ChunkFinder(),
      chunks: [],
      checksum: new Crc64(),
      hash: undefined,
      digest: undefined,
      size: 0,
      chunked: 0,
    };
  }

  async #addRaw(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      const batch = await this.#roomy();
      const part = bytes.subarray(at, at + batch.room);
      batch.append(part);
      at += part.byteLength;
      this.laidOut += part.byteLength;
    }
  }

  async #addData(bytes: Uint8Array): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    // what stands before the first byte of a file is a frame of its own
    if (file.size === 0) this.#batch?.endFrame(this.#batch.size);
    for (let at = 0; at < bytes.byteLength; ) {
      const batch = await this.#roomy();
      const part = bytes.subarray(at, at + batch.room);
      batch.append(part);
      at += part.byteLength;
      this.laidOut += part.byteLength;
      file.size += part.byteLength;
      for (const end of file.finder.push(part)) this.#endChunk(file, end);
    }
  }

  async #endFile(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    if (file.size > 0) for (const end of file.finder.end()) this.#endChunk(file, end);
    this.#file = undefined;
    const { header, chunks } = file;
    const digest = file.hash === undefined ? file.digest : `sha256:${file.hash.digest('hex')}`;
    this.#tarSplit.addFile(header.name, header.size, file.size === 0 ? undefined : file.checksum.digest());
    (await this.#current()).marks.push({ entry: { header, chunks, digest } });
  }

  #endChunk(file: OpenFile, { at, hole }: ChunkEnd): void {
    const batch = this.#batch;
    const size = at - file.chunked;
    // nothing in it, or the end lies in what had to be cut already
    if (batch === undefined || size <= 0) return;
    const end = batch.size - (file.size - at);
    const bytes = batch.open(end);
    file.checksum.update(bytes);
    let digest: string;
    if (file.hash === undefined && at === file.header.size) {
      digest = `sha256:${hash('sha256', bytes)}`;
      file.digest = digest;
    } else if (file.hash === undefined) {
      file.hash = createHash('sha256').update(bytes);
      digest = `sha256:${file.hash.copy().digest('hex')}`;
    } else {
      file.hash.update(bytes);
      digest = `sha256:${hash('sha256', bytes)}`;
    }
    const chunk: ContentChunk = { at: file.chunked, size, hole, digest, offset: 0 };
    file.chunks.push(chunk);
    file.chunked = at;
    batch.endFrame(end, chunk);
  }

  /** A batch that has room. */
  async #roomy(): Promise<Batch> {
    const batch = await this.#current();
    if (batch.room > 0) return batch;
    const file = this.#file;
    const inFile = file !== undefined && file.size > 0;
    if (!inFile) batch.endFrame(batch.size);
    // a chunk that fills a whole block ends there, whatever is in it
    else if (batch.frameStart === 0) this.#endChunk(file, { at: file.size, hole: file.finder.inHole });
    const open = batch.open(batch.size);
    const next = new Batch(await this.#environment.takeBlock());
    next.append(open);
    batch.dropOpen();
    this.#batch = next;
    await this.#environment.submit(batch);
    return next;
  }

  async #current(): Promise<Batch> {
    this.#batch ??= new Batch(await this.#environment.takeBlock());
    return this.#batch;
  }
}
