/**
 * zstd:chunked: zstd that every reader of zstd takes, with each file in frames of its own and, in skippable frames at the
 * end, a table of contents and tar-split data. A client that knows it fetches the files alone that it does not have yet.
 *
 * Source: the format of containers/storage, "pkg/chunked"; RFC 8878 section 3.1.2 for skippable frames.
 */
import { createRawTarWalker } from '../archive/raw-tar.ts';
import { IntegrityError } from '../foundation/errors.ts';
import type { Annotations } from '../oci/descriptor.ts';
import type { Turn } from './budget.ts';
import { createChannel } from './channel.ts';
import { type Batch, batchBytes, type CompressedBatch } from './chunked-batch.ts';
import { ChunkedLayout, NotChunkable } from './chunked-layout.ts';
import { TocWriter } from './chunked-toc.ts';
import { tocDigestAnnotation } from './detect.ts';
import type { CompressedText } from './frame-text.ts';
import { Places } from './places.ts';
import { TarSplitWriter } from './tar-split.ts';
import { zstd } from './zstd.ts';

/** What became of a layer: annotations for its descriptor, or why it is plain zstd. */
export type ChunkedOutcome = { readonly annotations: Annotations } | { readonly notChunked: string };

const tocPositionAnnotation = 'io.github.containers.zstd-chunked.manifest-position';
const tarSplitPositionAnnotation = 'io.github.containers.zstd-chunked.tarsplit-position';

/** Memory that a job takes: a compressor of frames, and one for each table at the end. */
export const chunkedJobBytes = 12 << 20;

export interface ChunkedOptions {
  readonly level: number;
  /** Level of what cannot be chunked. */
  readonly plainLevel: number;
  /** Told before the last bytes. */
  readonly outcome: (outcome: ChunkedOutcome) => void;
}

/**
 * The layer that holds the tar `plain`. A tar of which no such layer can be made (unreadable, the same path twice, sparse
 * files, ...) becomes plain zstd. Chunks of `plain` must not be changed afterwards.
 */
export async function* zstdChunked(
  plain: AsyncIterable<Uint8Array>,
  turn: Turn,
  { level, plainLevel, outcome }: ChunkedOptions,
): AsyncGenerator<Uint8Array> {
  const source = plain[Symbol.asyncIterator]();
  const tarSplit = new TarSplitWriter();
  const toc = new TocWriter();
  try {
    const split = new Splitter(source, level, turn, tarSplit);
    let position = 0;
    for await (const { batch, frames } of split.batches()) {
      const { pieces, sizes } = await frames;
      position = enter(batch, sizes, position, toc);
      yield* pieces;
      await toc.settled();
    }
    const reason = split.reason ?? (toc.tooLarge ? 'its table of contents would be too large' : undefined);
    if (reason !== undefined) {
      outcome({ notChunked: reason });
      if (split.rest !== undefined) yield* zstd(split.rest, plainLevel, turn);
      return;
    }
    const tarSplitFrame = await tarSplit.finish(split.trailer);
    const tocFrame = await toc.finish(tarSplitFrame.digest);
    const positions = positionsOf(position, tocFrame);
    outcome({ annotations: annotationsOf(positions, tocFrame, tarSplitFrame) });
    yield* skippable(tocFrame.frame);
    yield* skippable(tarSplitFrame.frame);
    yield* skippable(footer(positions, tocFrame, tarSplitFrame));
  } finally {
    tarSplit.abandon();
    toc.abandon();
    await source.return?.();
  }
}

/** Tells the table of contents where the frames of `batch` are, the first of them at `position`; returns where they end. */
function enter(batch: Batch, sizes: readonly number[], position: number, toc: TocWriter): number {
  let at = position;
  let frame = 0;
  for (const mark of batch.marks) {
    if ('entry' in mark) {
      if (!toc.tooLarge) toc.add(mark.entry, at);
      continue;
    }
    if (mark.chunk !== undefined) mark.chunk.offset = at;
    at += sizes[frame] ?? 0;
    frame += 1;
  }
  return at;
}

interface Submitted {
  readonly batch: Batch;
  readonly frames: Promise<CompressedBatch>;
  /** Gives the place of its compressor back. */
  readonly giveBack: () => void;
}

/** Reads the tar and has its batches compressed. */
class Splitter {
  /** Why the tar cannot be chunked. */
  reason: string | undefined;
  /** What of the tar is not in a batch then. */
  rest: AsyncIterable<Uint8Array> | undefined;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #level: number;
  readonly #turn: Turn;
  readonly #layout: ChunkedLayout;
  readonly #places: Places;
  readonly #submitted = createChannel<Submitted>();
  /** Those whose frames are not taken yet. */
  readonly #open = new Set<Submitted>();
  readonly #tarSplit: TarSplitWriter;
  /** Chunks of the tar of which not all is laid out. */
  #recent: Uint8Array[] = [];
  /** Bytes of the tar before them. */
  #before = 0;

  constructor(source: AsyncIterator<Uint8Array>, level: number, turn: Turn, tarSplit: TarSplitWriter) {
    this.#source = source;
    this.#level = level;
    this.#turn = turn;
    this.#tarSplit = tarSplit;
    this.#places = new Places(turn, batchBytes);
    this.#layout = new ChunkedLayout(
      { takeBlock: () => turn.takeBlock(), submit: (batch) => this.#submit(batch) },
      tarSplit,
    );
  }

  get trailer(): number {
    return this.#layout.trailer;
  }

  async *batches(): AsyncGenerator<Submitted> {
    const feeding = this.#feed().then(
      () => this.#submitted.close(),
      (error: unknown) => this.#submitted.fail(error),
    );
    try {
      for await (const submitted of this.#submitted) {
        yield submitted;
        this.#giveBack(submitted);
      }
    } finally {
      this.#places.stop();
      await feeding;
      this.#layout.abandon();
      for (const submitted of this.#open) this.#giveBack(submitted);
    }
  }

  async #feed(): Promise<void> {
    try {
      await this.#layOut();
    } catch (error) {
      if (!(error instanceof NotChunkable || (error instanceof IntegrityError && error.code === 'UNREADABLE_TAR'))) {
        throw error;
      }
      this.reason = error.message;
      this.rest = this.#notLaidOut();
    }
    await this.#layout.finish();
  }

  async #layOut(): Promise<void> {
    const walker = createRawTarWalker();
    for (let next = await this.#source.next(); next.done !== true; next = await this.#source.next()) {
      if (this.#places.stopped) return;
      this.#recent.push(next.value);
      for (const piece of walker.push(next.value)) await this.#layout.add(piece);
      this.#forget();
      await this.#tarSplit.settled();
    }
    walker.end();
    this.#layout.check();
  }

  /** Lets go of chunks that are laid out. */
  #forget(): void {
    for (let first = this.#recent[0]; first !== undefined; first = this.#recent[0]) {
      if (this.#before + first.byteLength > this.#layout.laidOut) return;
      this.#before += first.byteLength;
      this.#recent.shift();
    }
  }

  async *#notLaidOut(): AsyncGenerator<Uint8Array> {
    this.#forget();
    let skip = this.#layout.laidOut - this.#before;
    for (const chunk of this.#recent.splice(0)) {
      yield chunk.subarray(skip);
      skip = 0;
    }
    for (let next = await this.#source.next(); next.done !== true; next = await this.#source.next()) yield next.value;
  }

  async #submit(batch: Batch): Promise<void> {
    const giveBack = await this.#places.take();
    if (giveBack === undefined) return batch.abandon();
    const frames = batch.compress(this.#level, this.#turn);
    // the reader gets the error, if there still is one
    frames.catch(() => {});
    const submitted = { batch, frames, giveBack };
    this.#open.add(submitted);
    this.#submitted.push(submitted);
  }

  #giveBack(submitted: Submitted): void {
    if (this.#open.delete(submitted)) submitted.giveBack();
  }
}

interface Positions {
  readonly toc: number;
  readonly tarSplit: number;
}

const skippableHeaderBytes = 8;

/** Positions are those of the data in the skippable frames. `end` is where the frames of the tar end. */
function positionsOf(end: number, toc: CompressedText): Positions {
  const position = end + skippableHeaderBytes;
  return { toc: position, tarSplit: position + toc.frame.byteLength + skippableHeaderBytes };
}

function annotationsOf(positions: Positions, toc: CompressedText, tarSplit: CompressedText): Annotations {
  return {
    [tocDigestAnnotation]: toc.digest,
    [tocPositionAnnotation]: [positions.toc, toc.frame.byteLength, toc.plainSize, 1].join(':'),
    [tarSplitPositionAnnotation]: [positions.tarSplit, tarSplit.frame.byteLength, tarSplit.plainSize].join(':'),
  };
}

/** For readers that have the layer without its annotations. */
function footer(positions: Positions, toc: CompressedText, tarSplit: CompressedText): Uint8Array {
  const bytes = Buffer.alloc(64);
  const numbers = [
    positions.toc,
    toc.frame.byteLength,
    toc.plainSize,
    // the type of the table of contents
    1,
    positions.tarSplit,
    tarSplit.frame.byteLength,
    tarSplit.plainSize,
  ];
  for (const [index, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), index * 8);
  bytes.write('GNUlInUx', 56, 'latin1');
  return bytes;
}

function* skippable(data: Uint8Array): Generator<Uint8Array> {
  const header = Buffer.alloc(skippableHeaderBytes);
  header.writeUInt32LE(0x184d2a50, 0);
  header.writeUInt32LE(data.byteLength, 4);
  yield header;
  yield data;
}
