/** Bits into bytes, from the lowest bit on; RFC 1951 section 3.1.1. */
export class BitOutput {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes that are full. */
  length = 0;
  /** Bits that wait for their byte to be full, fewer than 16. */
  bits = 0;
  count = 0;

  /** Writes into `bytes`. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** At most 16 bits. */
  write(value: number, count: number): void {
    this.bits |= value << this.count;
    this.count += count;
    if (this.count < 16) return;
    this.view.setUint16(this.length, this.bits, true);
    this.length += 2;
    this.bits >>>= 16;
    this.count -= 16;
  }

  /** Fills the last byte with zeros. */
  align(): void {
    for (; this.count > 0; this.count -= 8) {
      this.bytes[this.length++] = this.bits;
      this.bits >>>= 8;
    }
    this.bits = 0;
    this.count = 0;
  }

  /** Whole bytes, behind {@link align}. */
  append(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.length);
    this.length += bytes.byteLength;
  }
}
