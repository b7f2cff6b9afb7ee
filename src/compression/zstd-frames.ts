/**
 * Finds the frames of zstd data without decoding it: a decoder must be told where one ends (Node's forgets what follows
 * the first frame of a write), must not be made to take any amount of memory, and an error should say where it is.
 *
 * Source: RFC 8878 section 3.1.
 */
import { IntegrityError } from '../foundation/errors.ts';

/** Part of a frame, its header included. Skippable frames are left out. */
export interface FramePart {
  /** A view of the chunk that was put in. */
  readonly bytes: Uint8Array;
  /** Offset of `bytes` in the data. */
  readonly offset: number;
  readonly endsFrame: boolean;
  /** Only with {@link endsFrame}: nothing is in the frame. */
  readonly emptyFrame: boolean;
}

/** 128 MiB: what zstd itself takes without being asked to take more. */
export const maxWindowBytes = 128 << 20;

const frameMagic = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);

type State = 'magic' | 'descriptor' | 'header' | 'block-header' | 'block' | 'checksum' | 'skippable-size' | 'skippable';

export class ZstdFrameWalker {
  #state: State = 'magic';
  /** Bytes of a field that is not complete yet. */
  readonly #field: number[] = [];
  #wanted = 4;
  #offset = 0;
  /** Where the frame began that is being read. */
  #frameStart = 0;
  #descriptor = 0;
  #lastBlock = false;
  /** Whether no block so far had anything in it. */
  #empty = true;

  /** The parts of frames in `chunk`. Throws IntegrityError DAMAGED_ZSTD or ZSTD_WINDOW_TOO_LARGE. */
  *push(chunk: Uint8Array): Generator<FramePart> {
    let at = 0;
    /** Start in `chunk` of what belongs to the frame. */
    let from = 0;
    const base = this.#offset;
    while (at < chunk.byteLength) {
      const skipping = this.#isSkippable();
      if (this.#state === 'block' || this.#state === 'skippable') {
        const step = Math.min(this.#wanted, chunk.byteLength - at);
        at += step;
        this.#wanted -= step;
      } else {
        this.#field.push(chunk[at] as number);
        at += 1;
        this.#wanted -= 1;
      }
      this.#offset = base + at;
      if (this.#wanted > 0) continue;
      const ended = this.#next();
      if (ended) {
        if (!skipping)
          yield { bytes: chunk.subarray(from, at), offset: base + from, endsFrame: true, emptyFrame: this.#empty };
        from = at;
      } else if (this.#state === 'descriptor' && this.#frameStart < base) {
        yield { bytes: frameMagic, offset: this.#frameStart, endsFrame: false, emptyFrame: false };
        from = at;
      }
    }
    // a magic number that is not complete may be that of a skippable frame
    if (from < at && this.#state !== 'magic' && !this.#isSkippable()) {
      yield { bytes: chunk.subarray(from, at), offset: base + from, endsFrame: false, emptyFrame: false };
    }
  }

  /** To be called after the last chunk. Throws IntegrityError TRUNCATED_ZSTD. */
  end(): void {
    if (this.#state === 'magic' && this.#field.length === 0) return;
    const begin = this.#state === 'magic' ? this.#offset - this.#field.length : this.#frameStart;
    throw new IntegrityError(
      `the zstd data ends at byte ${this.#offset}, in the middle of the frame that begins at byte ${begin}`,
      { code: 'TRUNCATED_ZSTD', hint: 'The layer was cut off when it was written or copied; fetch it again.' },
    );
  }

  #isSkippable(): boolean {
    return this.#state === 'skippable-size' || this.#state === 'skippable';
  }

  /** The wanted bytes are there; returns whether the frame is complete. */
  #next(): boolean {
    const field = this.#field.splice(0);
    switch (this.#state) {
      case 'magic':
        this.#takeMagic(field);
        return false;
      case 'descriptor':
        this.#takeDescriptor(field[0] ?? 0);
        return false;
      case 'header':
        this.#takeHeader(field);
        this.#expect('block-header', 3);
        return false;
      case 'block-header':
        this.#takeBlockHeader(littleEndian(field));
        return this.#wanted === 0 && this.#endBlock();
      case 'block':
        return this.#endBlock();
      case 'skippable-size':
        this.#expect('skippable', littleEndian(field));
        return this.#wanted === 0 && this.#endFrame();
      default:
        return this.#endFrame();
    }
  }

  #takeMagic(field: readonly number[]): void {
    const magic = littleEndian(field);
    this.#frameStart = this.#offset - 4;
    this.#empty = true;
    if (magic === 0xfd2fb528) this.#expect('descriptor', 1);
    else if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) this.#expect('skippable-size', 4);
    else throw damaged(this.#frameStart, 'no frame begins here');
  }

  #takeDescriptor(descriptor: number): void {
    if ((descriptor & 0x08) !== 0) throw damaged(this.#offset - 1, 'the frame header has a reserved bit');
    this.#descriptor = descriptor;
    const single = (descriptor & 0x20) !== 0;
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
    this.#expect('header', (single ? 0 : 1) + dictionaryBytes + sizeBytes);
  }

  #takeHeader(field: readonly number[]): void {
    const single = (this.#descriptor & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][this.#descriptor & 3] ?? 0;
    const size = littleEndian(field.slice((single ? 0 : 1) + dictionaryBytes));
    const window = single ? size : windowOf(field[0] ?? 0);
    if (window <= maxWindowBytes) return;
    throw new IntegrityError(
      `the zstd frame at byte ${this.#frameStart} wants a window of ${window} bytes, more than the ${maxWindowBytes} allowed`,
      { code: 'ZSTD_WINDOW_TOO_LARGE', hint: 'Compress the layer again without --long and --ultra.' },
    );
  }

  #takeBlockHeader(header: number): void {
    this.#lastBlock = (header & 1) === 1;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3 || size > 128 << 10) throw damaged(this.#offset - 3, 'the block has an impossible header');
    // a run-length block has its one byte, however long it becomes
    this.#expect('block', type === 1 ? 1 : size);
    if (size > 0) this.#empty = false;
  }

  #endBlock(): boolean {
    if (!this.#lastBlock) this.#expect('block-header', 3);
    else if ((this.#descriptor & 0x04) !== 0) this.#expect('checksum', 4);
    else return this.#endFrame();
    return false;
  }

  #endFrame(): true {
    this.#expect('magic', 4);
    return true;
  }

  #expect(state: State, wanted: number): void {
    this.#state = state;
    this.#wanted = wanted;
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function littleEndian(bytes: readonly number[]): number {
  let value = 0;
  for (let at = bytes.length - 1; at >= 0; at -= 1) value = value * 256 + (bytes[at] ?? 0);
  return value;
}

export function damaged(offset: number, what: string, cause?: unknown): IntegrityError {
  return new IntegrityError(`the zstd data is damaged at byte ${offset}: ${what}`, {
    code: 'DAMAGED_ZSTD',
    hint: 'Fetch the layer again, or from another place.',
    ...(cause === undefined ? {} : { cause }),
  });
}
