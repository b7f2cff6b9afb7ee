/**
 * One 512-byte header block of a tar archive, and the records of a pax extended header.
 *
 * Source: POSIX.1-2024 pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format". Where those
 * leave room, this reads as Go's `archive/tar` does, because the peers that compare our reading with theirs are written in it.
 */
import { IntegrityError } from '../foundation/errors.ts';

export const blockSize = 512;

/** Seconds and nanoseconds since the Unix epoch; `nanoseconds` has the sign of `seconds`. */
export interface TarTime {
  seconds: number;
  nanoseconds: number;
}

/** What one entry says of itself, extension headers applied. */
export interface TarHeader {
  /** As it stands there: `./a`, `a/` and the like are not tidied. */
  name: string;
  linkName: string;
  /** One character, as in the block; the old `\0` is given as `0`, or `5` when the name ends in a slash. */
  typeFlag: string;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes, as declared; entries that are only a header (links, folders, devices) have no data whatever stands here. */
  size: number;
  modified: TarTime;
  accessed?: TarTime;
  changed?: TarTime;
  deviceMajor: number;
  deviceMinor: number;
  /** Extended attributes (`SCHILY.xattr.`); values are bytes. */
  attributes: ReadonlyMap<string, Uint8Array>;
  /** A GNU sparse file, old or pax form: its data is not the content of the file. */
  sparse: boolean;
  /** False when a name is not UTF-8: `name` and `linkName` then hold replacement characters. */
  textIsExact: boolean;
}

/** An entry without data, whatever its size field says. */
export function isHeaderOnly(typeFlag: string): boolean {
  return typeFlag >= '1' && typeFlag <= '6' && typeFlag.length === 1;
}

export function unreadable(what: string, offset: number): IntegrityError {
  return new IntegrityError(`the tar archive is unreadable at byte ${offset}: ${what}`, {
    code: 'UNREADABLE_TAR',
    hint: 'The layer is damaged or was made by a faulty program; build it again.',
  });
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (let at = 0; at < block.byteLength; at += 1) if (block[at] !== 0) return false;
  return true;
}

type Dialect = 'v7' | 'ustar' | 'star' | 'gnu';

/** Reads a header block whose checksum is right. Throws IntegrityError UNREADABLE_TAR. */
export function parseHeaderBlock(block: Uint8Array, offset: number): TarHeader {
  const field = new Fields(block, offset);
  if (!field.checksumIsRight()) throw unreadable('the checksum of the header is wrong', offset);
  const dialect = dialectOf(block);
  const name = field.text(0, 100);
  const linkName = field.text(157, 100);
  const header: TarHeader = {
    name: name.text,
    linkName: linkName.text,
    typeFlag: String.fromCharCode(block[156] ?? 0),
    mode: field.number(100, 8, 'mode'),
    uid: field.number(108, 8, 'owner'),
    gid: field.number(116, 8, 'group'),
    size: field.number(124, 12, 'size'),
    modified: { seconds: field.number(136, 12, 'time'), nanoseconds: 0 },
    deviceMajor: 0,
    deviceMinor: 0,
    attributes: new Map(),
    sparse: false,
    textIsExact: name.exact && linkName.exact,
  };
  if (dialect !== 'v7') {
    header.deviceMajor = field.number(329, 8, 'device');
    header.deviceMinor = field.number(337, 8, 'device');
  }
  if (dialect === 'ustar' || dialect === 'star') {
    const prefix = field.text(345, dialect === 'ustar' ? 155 : 131);
    if (prefix.text !== '') header.name = `${prefix.text}/${header.name}`;
    header.textIsExact &&= prefix.exact;
  }
  const times = dialect === 'star' ? 476 : dialect === 'gnu' ? 345 : undefined;
  if (times !== undefined) {
    // old writers left the fields empty, and an empty field is no time
    if (dialect === 'star' || block[times] !== 0) header.accessed = field.time(times);
    if (dialect === 'star' || block[times + 12] !== 0) header.changed = field.time(times + 12);
  }
  if (header.size < 0) throw unreadable('the size is negative', offset);
  return header;
}

/** A pax or GNU header changes the name after the block was read: what follows from the name follows now. */
export function finishType(header: TarHeader): void {
  if (header.typeFlag === '\0') header.typeFlag = header.name.endsWith('/') ? '5' : '0';
  if (header.typeFlag === 'S') header.sparse = true;
}

function dialectOf(block: Uint8Array): Dialect {
  const magic = Buffer.from(block.buffer, block.byteOffset + 257, 8).toString('latin1');
  if (magic === 'ustar  \0') return 'gnu';
  if (magic !== 'ustar\x0000') return 'v7';
  return Buffer.from(block.buffer, block.byteOffset + 508, 4).toString('latin1') === 'tar\0' ? 'star' : 'ustar';
}

class Fields {
  readonly #block: Uint8Array;
  readonly #offset: number;

  constructor(block: Uint8Array, offset: number) {
    this.#block = block;
    this.#offset = offset;
  }

  /** Up to the first NUL. */
  text(at: number, length: number): { text: string; exact: boolean } {
    const bytes = this.#block.subarray(at, at + length);
    const end = bytes.indexOf(0);
    return decodeText(end < 0 ? bytes : bytes.subarray(0, end));
  }

  /** Octal text, or the base-256 form of GNU tar (first bit set, two's complement). */
  number(at: number, length: number, what: string): number {
    const bytes = this.#block.subarray(at, at + length);
    const value = ((bytes[0] ?? 0) & 0x80) === 0 ? octal(bytes) : base256(bytes);
    if (value === undefined || !Number.isSafeInteger(value)) {
      throw unreadable(`the ${what} in the header is no number`, this.#offset);
    }
    return value;
  }

  time(at: number): TarTime {
    return { seconds: this.number(at, 12, 'time'), nanoseconds: 0 };
  }

  /** The sum of all bytes, with the checksum field itself as spaces; some old writers added signed bytes. */
  checksumIsRight(): boolean {
    const declared = octal(this.#block.subarray(148, 156));
    let unsigned = 0;
    let signed = 0;
    for (let at = 0; at < blockSize; at += 1) {
      const byte = at >= 148 && at < 156 ? 0x20 : (this.#block[at] ?? 0);
      unsigned += byte;
      signed += byte > 127 ? byte - 256 : byte;
    }
    return declared === unsigned || declared === signed;
  }
}

/** Digits between NULs and spaces; nothing at all is zero. */
function octal(bytes: Uint8Array): number | undefined {
  let start = 0;
  let end = bytes.byteLength;
  const isFill = (byte: number | undefined): boolean => byte === 0 || byte === 0x20;
  while (start < end && isFill(bytes[start])) start += 1;
  while (end > start && isFill(bytes[end - 1])) end -= 1;
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) break;
    if (byte < 0x30 || byte > 0x37) return undefined;
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

function base256(bytes: Uint8Array): number {
  const first = bytes[0] ?? 0;
  const negative = (first & 0x40) !== 0;
  let value = negative ? (first & 0x7f) - 0x80 : first & 0x7f;
  for (let at = 1; at < bytes.byteLength; at += 1) value = value * 256 + (bytes[at] ?? 0);
  return value;
}

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text of a header; `exact` is false when the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): { text: string; exact: boolean } {
  try {
    return { text: strictText.decode(bytes), exact: true };
  } catch {
    return { text: Buffer.from(bytes).toString('utf8'), exact: false };
  }
}

/** The records of a pax extended header, `LENGTH KEY=VALUE\n` each; values are bytes. */
export function parsePaxRecords(bytes: Uint8Array, offset: number): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  let at = 0;
  while (at < bytes.byteLength) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : decimal(bytes.subarray(at, space));
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    if (!(length >= 5 && end <= bytes.byteLength) || bytes[end - 1] !== 0x0a || equals <= space + 1 || equals >= end) {
      throw unreadable('a record of the pax header is malformed', offset);
    }
    const key = decodeText(bytes.subarray(space + 1, equals));
    if (!key.exact || key.text.includes('\0')) throw unreadable('a key of the pax header is malformed', offset);
    records.set(key.text, bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** Applies the records that have a field of their own; an empty value leaves the field as it was. */
export function applyPaxRecords(header: TarHeader, records: ReadonlyMap<string, Uint8Array>, offset: number): void {
  const attributes = new Map<string, Uint8Array>();
  for (const [key, bytes] of records) {
    if (key.startsWith('GNU.sparse.')) header.sparse = true;
    if (key.startsWith('SCHILY.xattr.')) attributes.set(key.slice('SCHILY.xattr.'.length), bytes);
    if (bytes.byteLength === 0) continue;
    const whole = (): number => {
      const value = decimal(bytes);
      if (!Number.isSafeInteger(value)) throw unreadable(`"${key}" in the pax header is no number`, offset);
      return value;
    };
    switch (key) {
      case 'path':
      case 'linkpath': {
        const { text, exact } = decodeText(bytes);
        if (text.includes('\0')) throw unreadable('a name in the pax header holds a NUL', offset);
        if (key === 'path') header.name = text;
        else header.linkName = text;
        header.textIsExact &&= exact;
        break;
      }
      case 'uid':
        header.uid = whole();
        break;
      case 'gid':
        header.gid = whole();
        break;
      case 'size':
        header.size = whole();
        if (header.size < 0) throw unreadable('the size is negative', offset);
        break;
      case 'mtime':
        header.modified = paxTime(bytes, offset);
        break;
      case 'atime':
        header.accessed = paxTime(bytes, offset);
        break;
      case 'ctime':
        header.changed = paxTime(bytes, offset);
        break;
    }
  }
  if (attributes.size > 0) header.attributes = attributes;
}

function decimal(bytes: Uint8Array): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return /^[+-]?[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
}

/** `SECONDS[.FRACTION]`; digits beyond nanoseconds are cut off. */
function paxTime(bytes: Uint8Array, offset: number): TarTime {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(Buffer.from(bytes).toString('latin1'));
  if (match === null) throw unreadable('a time in the pax header is no number', offset);
  const sign = match[1] === '-' ? -1 : 1;
  const nanoseconds = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  // adding zero turns -0 into 0
  return { seconds: sign * Number(match[2]) + 0, nanoseconds: sign * nanoseconds + 0 };
}
