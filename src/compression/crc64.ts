/**
 * CRC-64/GO-ISO of a stream, as tar-split keeps it for each file.
 *
 * Source: ISO 3309; Go `hash/crc64` with the ISO polynomial. The polynomial x^64 + x^4 + x^3 + x + 1 is so sparse that 32 bits
 * of input are folded in with four shifts and no table: multiplied by the low terms, they never overflow 64 bits.
 */
export class Crc64 {
  /** The two halves of the register, inverted as the algorithm wants it. */
  #low = -1;
  #high = -1;

  update(bytes: Uint8Array): void {
    let low = this.#low;
    let high = this.#high;
    let at = 0;
    const end = bytes.byteLength;
    const aligned = Math.min(end, (4 - (bytes.byteOffset & 3)) & 3);
    for (; at < aligned; at += 1) {
      const value = ((low ^ (bytes[at] as number)) & 0xff) << 24;
      low = (low >>> 8) | (high << 24);
      high = (high >>> 8) ^ value ^ (value >>> 1) ^ (value >>> 3) ^ (value >>> 4);
    }
    if (littleEndian && end - at >= 4) {
      const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >>> 2);
      for (let index = 0; index < words.length; index += 1) {
        const value = low ^ (words[index] as number);
        low = high ^ (value << 31) ^ (value << 29) ^ (value << 28);
        high = value ^ (value >>> 1) ^ (value >>> 3) ^ (value >>> 4);
      }
      at += words.byteLength;
    }
    for (; at < end; at += 1) {
      const value = ((low ^ (bytes[at] as number)) & 0xff) << 24;
      low = (low >>> 8) | (high << 24);
      high = (high >>> 8) ^ value ^ (value >>> 1) ^ (value >>> 3) ^ (value >>> 4);
    }
    this.#low = low;
    this.#high = high;
  }

  /** Eight bytes, most significant first. */
  digest(): Buffer {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeInt32BE(~this.#high, 0);
    bytes.writeInt32BE(~this.#low, 4);
    return bytes;
  }
}

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
