/**
 * Where things are in a tar archive that can be read at any place: headers are read, what is between them is passed over.
 *
 * Source: POSIX.1-2024 pax, "ustar Interchange Format"; GNU tar manual, "Storing Sparse Files"; the headers are those of
 * `tar-header.ts`.
 */
import { IntegrityError } from '../foundation/errors.ts';
import { damaged, tooMuch } from './tar-errors.ts';
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
} from './tar-header.ts';
import { linkTarget, tidyName } from './tar-names.ts';

export interface TarEntry {
  /** Without `./` and trailing slashes. */
  readonly name: string;
  /** The data of a `sparse` file is not its content; `other` is what nobody wants from an image archive: devices. */
  readonly kind: 'file' | 'folder' | 'link' | 'other' | 'sparse';
  /** Offset of the data in the archive. */
  readonly start: number;
  /** Bytes of data. */
  readonly size: number;
  /** Of a link: the entry that it leads to. */
  readonly target?: string;
  /** Whether an earlier entry had the same name. */
  readonly again: boolean;
}

export interface TarLimits {
  /** Entries that an archive may have. */
  readonly entries: number;
  /** Characters of all their names together. */
  readonly nameLength: number;
}

export const standardTarLimits: TarLimits = { entries: 200_000, nameLength: 24 << 20 };

/** Reads `length` bytes at `at`; fewer only at the end. */
export type ReadAt = (at: number, length: number) => Promise<Uint8Array>;

/** As in `raw-tar.ts`. */
const maxExtensionBytes = 1 << 20;

/**
 * The entries of an archive of `size` bytes by name; of several with one name the last, as unpacking would have it. Throws
 * IntegrityError UNREADABLE_TAR, UNSAFE_TAR_ENTRY, TAR_TOO_LARGE, each with the offset.
 */
export async function indexTar(
  readAt: ReadAt,
  size: number,
  limits: TarLimits = standardTarLimits,
): Promise<Map<string, TarEntry>> {
  const entries = new Map<string, TarEntry>();
  let extensions = new Extensions();
  let count = 0;
  let nameLength = 0;
  let at = 0;
  if (size === 0) throw damaged('it is empty', 0);
  while (at < size) {
    const block = await readAt(at, blockSize);
    if (block.byteLength < blockSize) throw damaged('it ends in the middle of a header', at + block.byteLength);
    if (isZeroBlock(block)) {
      await expectEnd(readAt, at, size, extensions);
      return entries;
    }
    const header = blaming(() => parseHeaderBlock(block, at), at);
    let start = at + blockSize;
    if (extensions.wants(header.typeFlag)) {
      if (header.size > maxExtensionBytes) throw tooMuch(`an extension header of ${header.size} bytes`, at);
      const data = await readAt(start, header.size);
      if (data.byteLength < header.size) throw damaged('it ends in the middle of an extension header', size);
      blaming(() => extensions.take(header.typeFlag, data, at), at);
      at = start + padded(header.size);
      continue;
    }
    blaming(() => extensions.applyTo(header, at), at);
    extensions = new Extensions();
    if (header.typeFlag === 'S') start = await afterSparseMap(readAt, block, start);
    count += 1;
    if (count > limits.entries) throw tooMuch(`more than ${limits.entries} entries`, at);
    const entry = entryOf(header, start, at, entries);
    nameLength += entry.name.length + (entry.target?.length ?? 0);
    if (nameLength > limits.nameLength) throw tooMuch(`names of more than ${limits.nameLength} characters`, at);
    if (entry.start + entry.size > size) {
      throw damaged(`it ends in the middle of "${entry.name}", which has ${entry.size} bytes`, size);
    }
    if (entry.name !== '') entries.set(entry.name, entry);
    at = start + padded(dataSize(header));
  }
  // some writers leave out the zero blocks of the end, but nobody the end of a block
  if (at > size) throw damaged('it ends in the middle of a block', size);
  if (!extensions.isEmpty) throw damaged('it ends after an extension header', size);
  return entries;
}

function entryOf(header: TarHeader, start: number, at: number, known: ReadonlyMap<string, TarEntry>): TarEntry {
  const name = tidyName(header.name, at);
  const base = { name, start, size: dataSize(header), again: known.has(name) };
  if (header.sparse) return { ...base, kind: 'sparse' };
  switch (header.typeFlag) {
    case '0':
    case '7':
      return { ...base, kind: 'file' };
    case '1':
      return { ...base, kind: 'link', target: tidyName(header.linkName, at) };
    case '2':
      return { ...base, kind: 'link', target: linkTarget(name, header.linkName, at) };
    case '5':
      return { ...base, kind: 'folder' };
    default:
      return { ...base, kind: 'other' };
  }
}

/** Extension headers of the entry to come. */
class Extensions {
  #pax: ReadonlyMap<string, Uint8Array> | undefined;
  #longName: Uint8Array | undefined;
  #longLink: Uint8Array | undefined;
  isEmpty = true;

  wants(typeFlag: string): boolean {
    return typeFlag === 'x' || typeFlag === 'g' || typeFlag === 'L' || typeFlag === 'K';
  }

  take(typeFlag: string, data: Uint8Array, at: number): void {
    // what holds for all entries are dates and comments; names for all would make no sense
    if (typeFlag === 'g') return;
    this.isEmpty = false;
    const bytes = new Uint8Array(data);
    if (typeFlag === 'x') this.#pax = parsePaxRecords(bytes, at);
    else if (typeFlag === 'L') this.#longName = upToNul(bytes);
    else this.#longLink = upToNul(bytes);
  }

  applyTo(header: TarHeader, at: number): void {
    if (this.#pax !== undefined) applyPaxRecords(header, this.#pax, at);
    // the name in the header is one that nobody has given, for programs that know nothing of sparse files
    const sparseName = this.#pax?.get('GNU.sparse.name');
    if (sparseName?.byteLength) header.name = decodeText(sparseName).text;
    if (this.#longName?.byteLength) header.name = decodeText(this.#longName).text;
    if (this.#longLink?.byteLength) header.linkName = decodeText(this.#longLink).text;
    finishType(header);
  }
}

async function expectEnd(readAt: ReadAt, at: number, size: number, extensions: Extensions): Promise<void> {
  if (!extensions.isEmpty) throw damaged('extension headers are followed by the end of the archive', at);
  // some writers leave one zero block only
  const next = at + blockSize < size ? await readAt(at + blockSize, blockSize) : new Uint8Array(0);
  if (!isZeroBlock(next)) throw damaged('a header follows a zero block', at + blockSize);
}

/** Blocks of an old GNU sparse file stand between its header and its data. */
async function afterSparseMap(readAt: ReadAt, header: Uint8Array, start: number): Promise<number> {
  let at = start;
  for (let more = header[482] !== 0; more; ) {
    const block = await readAt(at, blockSize);
    if (block.byteLength < blockSize) throw damaged('it ends in the middle of a sparse map', at);
    at += blockSize;
    more = block[504] !== 0;
  }
  return at;
}

/** The same fault, in words for archives. */
function blaming<T>(work: () => T, at: number): T {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof IntegrityError)) throw thrown;
    throw damaged(thrown.message.replace(/^the tar archive is unreadable at byte \d+: /, ''), at, thrown);
  }
}

function dataSize(header: TarHeader): number {
  return isHeaderOnly(header.typeFlag) ? 0 : header.size;
}

function padded(size: number): number {
  return Math.ceil(size / blockSize) * blockSize;
}

function upToNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
