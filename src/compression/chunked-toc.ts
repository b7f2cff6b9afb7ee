/**
 * The table of contents of a zstd:chunked layer: every entry of the tar with what its header says, and where in the layer
 * the chunks of its data are.
 *
 * Source: the format of containers/storage, "pkg/chunked" (JSON, version 1, after the CRFS and stargz formats). Clients
 * compare it with the headers in the tar-split data, so an entry says exactly what Go's `archive/tar` reads in the header.
 */
import type { TarHeader, TarTime } from '../archive/raw-tar.ts';
import { type CompressedText, FrameText } from './frame-text.ts';

/** A piece of a file. */
export interface ContentChunk {
  /** Offset in the file. */
  readonly at: number;
  readonly size: number;
  readonly hole: boolean;
  /** `sha256:...` of the piece. */
  readonly digest: string;
  /** Offset in the layer of the frame that holds it; known once the frames before it are made. */
  offset: number;
}

/** An entry of the tar, with the chunks of its data in order. */
export interface ContentEntry {
  readonly header: TarHeader;
  readonly chunks: readonly ContentChunk[];
  /** Of the whole data; undefined when there is none. */
  readonly digest: string | undefined;
}

const typeNames: Readonly<Record<string, string>> = {
  '0': 'reg',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
};

/** Clients refuse larger tables. */
const maxTocBytes = 150 << 20;

/** Why a table of contents cannot have an entry, or why clients that use it would not get what the tar says. */
export function reasonAgainst(header: TarHeader): string | undefined {
  if (!header.textIsExact) return 'it holds a name that is not UTF-8';
  if (header.sparse) return `"${header.name}" is a sparse file`;
  const type = typeNames[header.typeFlag];
  if (type === undefined) return `"${header.name}" is an entry of the unknown type ${JSON.stringify(header.typeFlag)}`;
  // podman 5.8 leaves these out of what it pulls in parts, and says nothing
  if (type === 'char' || type === 'block' || type === 'fifo') return `"${header.name}" is a device or a pipe`;
  if (type !== 'reg' && header.size !== 0) return `"${header.name}" has a size though it is no file`;
  const times = [header.modified, header.accessed, header.changed];
  if (times.some((time) => time !== undefined && timeText(time) === undefined)) {
    return `"${header.name}" has a time out of range`;
  }
  return undefined;
}

export class TocWriter {
  readonly #text = new FrameText();
  #first = true;

  constructor() {
    this.#text.add('{"version":1,"entries":[');
  }

  /** `end` is the offset in the layer after the last frame of the entry's data. */
  add(entry: ContentEntry, end: number): void {
    const { header, chunks } = entry;
    const several = chunks.length > 1;
    for (const [index, chunk] of (chunks.length === 0 ? [undefined] : chunks).entries()) {
      this.#entry({
        ...(index === 0
          ? { ...described(header), digest: entry.digest, offset: chunk?.offset, endOffset: chunk && end }
          : { type: 'chunk', name: header.name, offset: chunk?.offset }),
        ...(several && chunk !== undefined
          ? {
              chunkSize: chunk.size,
              chunkOffset: chunk.at || undefined,
              chunkDigest: chunk.digest,
              chunkType: chunk.hole ? 'zeros' : undefined,
            }
          : {}),
      });
    }
  }

  /** Whether no client would read it, as large as it is. */
  get tooLarge(): boolean {
    return this.#text.size > maxTocBytes - (1 << 20);
  }

  settled(): Promise<void> {
    return this.#text.settled();
  }

  finish(tarSplitDigest: string): Promise<CompressedText> {
    this.#text.add(`],"tarSplitDigest":"${tarSplitDigest}"}`);
    return this.#text.finish();
  }

  abandon(): void {
    this.#text.abandon();
  }

  #entry(members: Record<string, unknown>): void {
    this.#text.add(`${this.#first ? '' : ','}${JSON.stringify(members)}`);
    this.#first = false;
  }
}

/** Zeros and what is empty are left out, as Go does. */
function described(header: TarHeader): Record<string, unknown> {
  const attributes = [...header.attributes].sort(([one], [other]) => (one < other ? -1 : 1));
  return {
    type: typeNames[header.typeFlag],
    name: header.name,
    linkName: header.linkName || undefined,
    mode: header.mode || undefined,
    size: header.size || undefined,
    uid: header.uid || undefined,
    gid: header.gid || undefined,
    modtime: timeText(header.modified),
    accesstime: header.accessed && timeText(header.accessed),
    changetime: header.changed && timeText(header.changed),
    devMajor: header.deviceMajor || undefined,
    devMinor: header.deviceMinor || undefined,
    xattrs:
      attributes.length === 0
        ? undefined
        : Object.fromEntries(attributes.map(([name, value]) => [name, Buffer.from(value).toString('base64')])),
  };
}

/** RFC 3339 with the nanoseconds that there are; undefined outside of the years 0 to 9999. */
function timeText({ seconds, nanoseconds }: TarTime): string | undefined {
  const borrow = nanoseconds < 0 ? 1 : 0;
  const date = new Date((seconds - borrow) * 1000);
  const year = date.getUTCFullYear();
  if (Number.isNaN(year) || year < 0 || year > 9999) return undefined;
  const fraction = String(nanoseconds + borrow * 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${date.toISOString().slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z`;
}
