/**
 * Walks a tar archive as it streams by and gives every byte back exactly once: headers as they stand there, data, padding
 * and what follows the last entry. Reading libraries lose bytes (binary attributes, odd paddings), so whoever must rebuild
 * an archive byte for byte reads it with this.
 *
 * Source: POSIX.1-2024 pax, "ustar Interchange Format"; see `tar-header.ts` for the headers.
 */
import {
  applyPaxRecords,
  blockSize,
  decodeText,
  finishType,
  isHeaderOnly,
  isZeroBlock,
  parseHeaderBlock,
  parsePaxRecords,
  type TarHeader,
  unreadable,
} from './tar-header.ts';

export type { TarHeader, TarTime } from './tar-header.ts';

/** A piece of the archive. Bytes may be views of the chunk that was put in: copy what must outlive it. */
export type TarPiece =
  /** All header blocks of an entry: extension headers with their data, then its own. */
  | { readonly kind: 'header'; readonly header: TarHeader; readonly bytes: Uint8Array }
  /** Data of the last entry. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  /** The entry is complete; what fills up its last block follows. */
  | { readonly kind: 'entry-end' }
  /** Fills up the last block of an entry's data. */
  | { readonly kind: 'padding'; readonly bytes: Uint8Array }
  /** From the two zero blocks that end the archive on; whatever follows them is given as it is. */
  | { readonly kind: 'trailer'; readonly bytes: Uint8Array };

/** Extension headers larger than this are an attack or an accident; Go's `archive/tar` has the same limit. */
const maxExtensionBytes = 1 << 20;

export interface RawTarWalker {
  /** The pieces of the next bytes of the archive. Throws IntegrityError UNREADABLE_TAR; the walker is of no use then. */
  push(chunk: Uint8Array): Generator<TarPiece>;
  /** To be called after the last chunk. Throws IntegrityError UNREADABLE_TAR when the archive stops in the middle. */
  end(): void;
}

export function createRawTarWalker(): RawTarWalker {
  return new Walker();
}

type State = 'header' | 'extension' | 'sparse-map' | 'data' | 'padding' | 'trailer';

class Walker implements RawTarWalker {
  #state: State = 'header';
  /** Offset in the archive of the next byte to come. */
  #offset = 0;
  /** A block, or the data of an extension header, that is not complete yet. */
  #gathered: Uint8Array[] = [];
  /** Bytes that the state still wants. */
  #wanted = blockSize;
  /** Complete blocks of the entry that is being read. */
  #blocks: Uint8Array[] = [];
  #extensionType = '';
  #pax: ReadonlyMap<string, Uint8Array> | undefined;
  #longName: Uint8Array | undefined;
  #longLink: Uint8Array | undefined;
  #header: TarHeader | undefined;
  #sawZeroBlock = false;

  *push(chunk: Uint8Array): Generator<TarPiece> {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#state === 'trailer') {
        const bytes = chunk.subarray(at);
        this.#offset += bytes.byteLength;
        yield { kind: 'trailer', bytes };
        return;
      }
      const bytes = chunk.subarray(at, at + this.#wanted);
      at += bytes.byteLength;
      this.#offset += bytes.byteLength;
      this.#wanted -= bytes.byteLength;
      if (this.#state === 'data') {
        yield { kind: 'data', bytes };
        if (this.#wanted === 0) yield* this.#endEntry();
      } else if (this.#state === 'padding') {
        yield { kind: 'padding', bytes };
        if (this.#wanted === 0) this.#expectHeader();
      } else {
        this.#gathered.push(bytes);
        if (this.#wanted === 0) yield* this.#take(this.#gatheredBytes());
        else this.#gathered.push(copyOf(this.#gathered.pop()));
      }
    }
  }

  end(): void {
    // some writers leave no zero block at the end, or only one
    if (this.#state === 'trailer') return;
    if (this.#state === 'header' && this.#gathered.length === 0 && this.#blocks.length === 0) return;
    throw unreadable('it ends in the middle of an entry', this.#offset);
  }

  *#take(bytes: Uint8Array): Generator<TarPiece> {
    const from = this.#offset - bytes.byteLength;
    switch (this.#state) {
      case 'extension':
        this.#takeExtension(bytes, from);
        return;
      case 'sparse-map':
        this.#blocks.push(copyOf(bytes));
        // the byte after the last of 21 entries says whether another block of them follows
        if (bytes[504] !== 0) this.#wanted = blockSize;
        else yield* this.#startEntry();
        return;
      default:
        yield* this.#takeHeader(bytes, from);
    }
  }

  *#takeHeader(block: Uint8Array, from: number): Generator<TarPiece> {
    if (isZeroBlock(block)) {
      if (this.#blocks.length > 0) throw unreadable('extension headers are followed by the end of the archive', from);
      if (this.#sawZeroBlock) this.#state = 'trailer';
      this.#sawZeroBlock = true;
      this.#wanted = blockSize;
      yield { kind: 'trailer', bytes: block };
      return;
    }
    if (this.#sawZeroBlock) throw unreadable('a header follows a zero block', from);
    const header = parseHeaderBlock(block, from);
    if (header.typeFlag === 'x' || header.typeFlag === 'L' || header.typeFlag === 'K') {
      this.#blocks.push(copyOf(block));
      if (header.size > maxExtensionBytes) throw unreadable(`an extension header has ${header.size} bytes`, from);
      this.#extensionType = header.typeFlag;
      this.#state = 'extension';
      this.#header = header;
      this.#wanted = padded(header.size);
      if (this.#wanted === 0) this.#takeExtension(new Uint8Array(0), from);
      return;
    }
    if (this.#pax !== undefined) applyPaxRecords(header, this.#pax, from);
    this.#applyLong(header);
    finishType(header);
    this.#header = header;
    if (header.typeFlag === 'S' && block[482] !== 0) {
      this.#blocks.push(copyOf(block));
      this.#state = 'sparse-map';
      this.#wanted = blockSize;
      return;
    }
    this.#blocks.push(block);
    yield* this.#startEntry();
  }

  #takeExtension(view: Uint8Array, from: number): void {
    const bytes = copyOf(view);
    const data = bytes.subarray(0, this.#header?.size ?? 0);
    this.#blocks.push(bytes);
    if (this.#extensionType === 'x') this.#pax = parsePaxRecords(data, from);
    else if (this.#extensionType === 'L') this.#longName = upToNul(data);
    else this.#longLink = upToNul(data);
    this.#header = undefined;
    this.#state = 'header';
    this.#wanted = blockSize;
  }

  /** GNU's long names win over pax ones, as in Go. */
  #applyLong(header: TarHeader): void {
    for (const [bytes, field] of [
      [this.#longName, 'name'],
      [this.#longLink, 'linkName'],
    ] as const) {
      if (bytes === undefined || bytes.byteLength === 0) continue;
      const { text, exact } = decodeText(bytes);
      header[field] = text;
      header.textIsExact &&= exact;
    }
  }

  *#startEntry(): Generator<TarPiece> {
    const header = this.#header;
    if (header === undefined) return;
    const bytes = this.#blocks.length === 1 ? this.#blocks[0] : Buffer.concat(this.#blocks);
    this.#blocks = [];
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
    if (bytes !== undefined) yield { kind: 'header', header, bytes };
    this.#wanted = isHeaderOnly(header.typeFlag) ? 0 : header.size;
    this.#state = 'data';
    if (this.#wanted === 0) yield* this.#endEntry();
  }

  *#endEntry(): Generator<TarPiece> {
    const header = this.#header;
    this.#header = undefined;
    yield { kind: 'entry-end' };
    const size = header === undefined || isHeaderOnly(header.typeFlag) ? 0 : header.size;
    this.#wanted = padded(size) - size;
    if (this.#wanted === 0) this.#expectHeader();
    else this.#state = 'padding';
  }

  #expectHeader(): void {
    this.#state = 'header';
    this.#wanted = blockSize;
  }

  #gatheredBytes(): Uint8Array {
    const [first, ...rest] = this.#gathered;
    const bytes = first !== undefined && rest.length === 0 ? first : Buffer.concat(this.#gathered);
    this.#gathered = [];
    return bytes;
  }
}

/** What is kept beyond a call must not be a view of somebody's chunk. (`Buffer.slice` is no copy.) */
function copyOf(bytes: Uint8Array = new Uint8Array(0)): Uint8Array {
  return new Uint8Array(bytes);
}

function padded(size: number): number {
  return Math.ceil(size / blockSize) * blockSize;
}

function upToNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
