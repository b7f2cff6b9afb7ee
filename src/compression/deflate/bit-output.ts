/** Bits into bytes, from the lowest bit on; RFC 1951 section 3.1.1. */
export class BitOutput {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes that are full. */
  length = 0;
  /** Bits that wait for their byte to be full, fewer than 8. */
  bits = 0;
  count = 0;

  /** Writes into `bytes`, up to 4 more than there are in the end. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** At most 24 bits. */
  write(value: number, count: number): void {
    const bits = this.bits | (value << this.count);
    const all = this.count + count;
    // what is not full is written too: a branch would cost more
    this.view.setInt32(this.length, bits, true);
    this.length += all >> 3;
    this.bits = bits >>> (all & 24);
    this.count = all & 7;
  }

  /** Fills the last byte with zeros. */
  align(): void {
    this.write(0, (8 - this.count) & 7);
  }

  /** Whole bytes, behind {@link align}. */
  append(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.length);
    this.length += bytes.byteLength;
  }
}
