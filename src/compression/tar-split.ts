/**
 * tar-split: all of a tar archive but the data of its files, from which the archive can be built again byte for byte. A client
 * that pulls only parts of a layer proves with it that it has the layer of the image's configuration.
 *
 * One JSON document a line, of two types: 2 is a segment (headers and padding as they stand there, base64), 1 is a file
 * (name, size, CRC-64 of the data). All headers of an entry are in one segment, with the padding of the file before them.
 *
 * Source: the format of github.com/vbatts/tar-split, "tar/storage".
 */
import { type CompressedText, FrameText } from './frame-text.ts';

/** Blocks of zeros that end an archive; what follows them is a segment of its own. */
const endMarkerBytes = 1024;
/** Zeros beyond that are cut into segments of this size, a whole number of tar blocks. */
const maxSegmentBytes = 1 << 20;

export class TarSplitWriter {
  readonly #text = new FrameText();
  #position = 0;
  #segment: Uint8Array[] = [];

  /** Bytes that are no data of a file: they are joined until the next {@link endSegment}. */
  addRaw(bytes: Uint8Array): void {
    this.#segment.push(new Uint8Array(bytes));
  }

  /** After the headers of an entry. */
  endSegment(): void {
    this.#line(`"type":2,"payload":"${Buffer.concat(this.#segment).toString('base64')}"`);
    this.#segment = [];
  }

  /** After the data of an entry; `checksum` is undefined where there was none. */
  addFile(name: string, size: number, checksum: Buffer | undefined): void {
    const nameAndSize = `${name === '' ? '' : `"name":${JSON.stringify(name)},`}${size === 0 ? '' : `"size":${size},`}`;
    const payload = checksum === undefined ? 'null' : `"${checksum.toString('base64')}"`;
    this.#line(`"type":1,${nameAndSize}"payload":${payload}`);
  }

  settled(): Promise<void> {
    return this.#text.settled();
  }

  /** `zeros` is how many zero bytes follow the last entry and its padding. */
  finish(zeros: number): Promise<CompressedText> {
    const marker = Math.min(zeros, endMarkerBytes);
    this.addRaw(new Uint8Array(marker));
    this.endSegment();
    let rest = zeros - marker;
    do {
      const segment = Math.min(rest, maxSegmentBytes);
      this.addRaw(new Uint8Array(segment));
      this.endSegment();
      rest -= segment;
    } while (rest > 0);
    return this.#text.finish();
  }

  abandon(): void {
    this.#text.abandon();
  }

  #line(members: string): void {
    this.#text.add(`{${members},"position":${this.#position}}\n`);
    this.#position += 1;
  }
}
