/**
 * A layer from the form in which it is to the form in which it is wanted, as a stream, with the digests of both sides.
 *
 * source (any readable form) -> plain tar -> wanted form; what passes is hashed on the way. Memory does not depend on the
 * size of the layer, and all jobs of the process share one budget.
 */
import { Readable } from 'node:stream';
import { ChunkReader } from '../foundation/chunk-reader.ts';
import { asError, CancelledError, SheafError } from '../foundation/errors.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import type { Annotations } from '../oci/descriptor.ts';
import { createDigester, type Digest, type Digester } from '../oci/digest.ts';
import { type Budget, sharedBudget, type Turn } from './budget.ts';
import { type CompressionFormat, compressionLevel, defaultCompressionLevel } from './compression.ts';
import { decompress, type UnpackOther } from './decompress.ts';
import type { DetectedCompression } from './detect.ts';
import { gzip } from './gzip.ts';
import { peerGzip, peerGzipJobBytes } from './peer-gzip.ts';
import { pieceJobBytes } from './pieces.ts';
import { zstd, zstdJobBytes } from './zstd.ts';
import { type ChunkedOptions, type ChunkedOutcome, chunkedJobBytes, zstdChunked } from './zstd-chunked.ts';

export interface RecompressOptions {
  format: CompressionFormat;
  /** The default one of the format unless told; see {@link compressionLevel}. */
  level?: number;
  /** gzip without a level is to have the bytes that the peers give it; see {@link peerGzip}. */
  asPeers?: boolean;
  /**
   * The digest of the plain bytes, where it is already proved (the source is plain and was verified by this very digest):
   * it is not computed again then.
   */
  diffId?: Digest;
  /** `false` where nobody wants `digest` and `diffId` of the result: hashing takes as long as the fast levels of zstd. */
  hash?: boolean;
  /** Reads sources in bzip2 and xz; without it they are refused. */
  unpackOther?: UnpackOther | undefined;
  signal?: AbortSignal;
  /** {@link sharedBudget} unless told. */
  budget?: Budget;
}

/** What is known once all is through. */
export interface RecompressResult {
  /** What the source was. */
  readonly from: DetectedCompression;
  /** What it became: `zstd` where zstd:chunked was wanted and could not be made. */
  readonly format: CompressionFormat;
  /** Why it is not zstd:chunked. */
  readonly notChunked?: string;
  /** Digest and bytes of the plain tar; the digest is not there where it was not to be computed. */
  readonly diffId?: Digest;
  readonly plainSize: number;
  /** Digest and bytes of what came out of the stream. */
  readonly digest?: Digest;
  readonly size: number;
  /** For the layer's descriptor. They replace those annotations of the layer that spoke of its old compression. */
  readonly annotations: Annotations;
}

export interface Recompressed {
  /** The layer in its new form. Read it to its end or destroy it: until then it holds its share of the budget. */
  readonly stream: Readable;
  /**
   * Settles with the stream: rejects with what destroyed it. Nobody needs to look at it when the stream has failed.
   */
  readonly done: Promise<RecompressResult>;
}

/**
 * Waits for its turn, then opens `source` and begins. Ask before you hold anything that another job needs to come to its end
 * (a place at a registry), and open the source only here, so that no connection idles meanwhile.
 *
 * Throws UsageError INVALID_COMPRESSION_LEVEL, CancelledError, and what `source` throws. The stream fails with what the source
 * fails with, with the errors of {@link decompress}, or with CancelledError when `signal` is aborted.
 */
export async function recompress(
  source: Readable | (() => Promise<Readable>),
  options: RecompressOptions,
): Promise<Recompressed> {
  const { format, signal } = options;
  let turn: Turn | undefined;
  try {
    const level = compressionLevel(options.level, format);
    turn = await (options.budget ?? sharedBudget()).enter(jobBytes({ ...options, level }), signal);
    const opened = typeof source === 'function' ? await source() : source;
    const asked = options.level !== undefined;
    const stream = new RecompressStream(opened, turn, { ...options, level, asked });
    return { stream, done: stream.done };
  } catch (thrown) {
    turn?.leave();
    if (typeof source !== 'function') source.destroy();
    throw thrown;
  }
}

/** Memory that a job takes. */
function jobBytes({ format, level, asPeers }: RecompressOptions & { level: number }): number {
  switch (format) {
    case 'gzip':
      return asPeers === true ? peerGzipJobBytes : pieceJobBytes;
    case 'none':
      return pieceJobBytes;
    case 'zstd':
      return zstdJobBytes(level);
    case 'zstd:chunked':
      return chunkedJobBytes;
  }
}

interface JobOptions extends RecompressOptions {
  level: number;
  /** Whether somebody asked for this level. */
  asked: boolean;
}

/** Bytes that may wait for the reader of the stream. */
const readAhead = 1 << 20;

class RecompressStream extends Readable {
  readonly done: Promise<RecompressResult>;
  readonly #source: Readable;
  readonly #turn: Turn;
  readonly #signal: AbortSignal | undefined;
  readonly #pieces: AsyncGenerator<Uint8Array>;
  readonly #abort = (): void => void this.destroy(new CancelledError());
  #settle: { resolve(result: RecompressResult): void; reject(error: Error): void };
  #pulling = false;
  #result: RecompressResult | undefined;

  constructor(source: Readable, turn: Turn, options: JobOptions) {
    super({ highWaterMark: readAhead });
    this.#source = source;
    this.#turn = turn;
    this.#signal = options.signal;
    const { promise, resolve, reject } = Promise.withResolvers<RecompressResult>();
    this.done = promise;
    this.#settle = { resolve, reject };
    promise.catch(() => {});
    this.#pieces = pieces(source, turn, options, (result) => {
      this.#result = result;
    });
    // a source that fails while nobody reads must not take the process with it
    source.on('error', (error) => this.destroy(blame(error)));
    options.signal?.addEventListener('abort', this.#abort, { once: true });
    if (options.signal?.aborted) this.#abort();
  }

  override _read(): void {
    if (!this.#pulling) void this.#pull();
  }

  async #pull(): Promise<void> {
    this.#pulling = true;
    try {
      for (let more = true; more && !this.destroyed; ) {
        const next = await this.#pieces.next();
        more = next.done === true ? this.#end() : this.push(next.value);
      }
    } catch (error) {
      this.destroy(asError(error));
    }
    this.#pulling = false;
  }

  #end(): false {
    this.push(null);
    return false;
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#source.destroy();
    // what is under way ends first: threads may still read the blocks that go back to the budget
    void this.#pieces
      .return(undefined)
      .catch(() => {})
      .then(() => {
        this.#turn.leave();
        if (error === null && this.readableEnded && this.#result !== undefined) this.#settle.resolve(this.#result);
        else this.#settle.reject(error ?? new CancelledError());
        callback(error);
      });
  }
}

/** All stages one after the other. `finished` is told after the last piece. */
async function* pieces(
  source: Readable,
  turn: Turn,
  { format, level, asked, asPeers = false, diffId, hash = true, unpackOther }: JobOptions,
  finished: (result: RecompressResult) => void,
): AsyncGenerator<Uint8Array> {
  let from: DetectedCompression = 'none';
  let chunked: ChunkedOutcome | undefined;
  const plain = new Counted(hash, diffId);
  const written = new Counted(hash);

  const plainBytes = plain.through(
    blamingSource(
      decompress(
        counted(source),
        (found) => {
          from = found;
        },
        unpackOther,
      ),
    ),
  );
  yield* written.through(
    encode(plainBytes, turn, {
      format,
      level,
      asPeers: asPeers && !asked,
      plainLevel: asked ? level : defaultCompressionLevel('zstd'),
      outcome: (told) => {
        chunked = told;
      },
    }),
  );
  const notChunked = chunked !== undefined && 'notChunked' in chunked ? chunked.notChunked : undefined;
  finished({
    from,
    format: notChunked === undefined ? format : 'zstd',
    ...(notChunked === undefined ? {} : { notChunked }),
    ...plain.digest('diffId'),
    plainSize: plain.size,
    ...written.digest('digest'),
    size: written.size,
    annotations: chunked !== undefined && 'annotations' in chunked ? chunked.annotations : {},
  });
}

function encode(
  plain: AsyncGenerator<Uint8Array>,
  turn: Turn,
  options: ChunkedOptions & { format: CompressionFormat; asPeers: boolean },
): AsyncGenerator<Uint8Array> {
  switch (options.format) {
    case 'none':
      return plain;
    case 'gzip':
      return options.asPeers ? peerGzip(plain, turn) : gzip(plain, options.level, turn);
    case 'zstd':
      return zstd(plain, options.level, turn);
    case 'zstd:chunked':
      return zstdChunked(plain, turn, options);
  }
}

/** Counts what passes, and hashes it where that is wanted and the digest is not known. */
class Counted {
  size = 0;
  readonly #known: Digest | undefined;
  readonly #digester: Digester | undefined;

  constructor(hash: boolean, known?: Digest) {
    this.#known = known;
    this.#digester = hash && known === undefined ? createDigester() : undefined;
  }

  async *through(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      this.size += chunk.byteLength;
      this.#digester?.update(chunk);
      yield chunk;
    }
  }

  /** As a member of that name, where it is known. */
  digest<Name extends string>(name: Name): { [key in Name]?: Digest } {
    const digest = this.#known ?? this.#digester?.digest();
    return digest === undefined ? {} : ({ [name]: digest } as { [key in Name]?: Digest });
  }
}

async function* counted(source: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of new ChunkReader(source).whole()) {
    countYoungBytes(chunk.byteLength);
    yield chunk;
  }
}

/** What goes wrong up to here is the source's fault. */
async function* blamingSource(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (thrown) {
    throw blame(thrown);
  }
}

function blame(thrown: unknown): Error {
  if (thrown instanceof SheafError) thrown.side ??= 'source';
  return asError(thrown);
}
