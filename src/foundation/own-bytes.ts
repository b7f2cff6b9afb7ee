/**
 * Memory of large buffers, given back when it is done with and not when V8 finds out: what passes through a stream would
 * else pile up until a collection of all garbage, which V8 begins the sooner the more there is.
 *
 * Who makes a buffer and looks at it no more says so; who has used the bytes up gives them back. Everybody between the two
 * hands them on and forgets them.
 */
import { countYoungBytes } from './young-garbage.ts';

const owned = new WeakSet<ArrayBufferLike>();

/** Nobody but whom `bytes` are handed to looks at the memory that they are in, or ever will. Gives `bytes`. */
export function handOver<Bytes extends Uint8Array>(bytes: Bytes): Bytes {
  // smaller buffers may be parts of one that Node.js shares out to everybody
  if (bytes.buffer.byteLength > Buffer.poolSize) owned.add(bytes.buffer);
  return bytes;
}

/**
 * The same for a chunk of one of Node.js's streams. Those fill one buffer after the other and hand out views in order: it is
 * free with the view that ends it. Files give whole buffers.
 */
export function handOverInTurn<Bytes extends Uint8Array>(bytes: Bytes): Bytes {
  const { buffer, byteOffset, byteLength } = bytes;
  return byteOffset + byteLength === buffer.byteLength ? handOver(bytes) : bytes;
}

/** Frees the memory of `bytes`, which are empty from then on, if they were handed over; else does nothing. */
export function giveBack(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (!owned.delete(buffer) || !(buffer instanceof ArrayBuffer)) return;
  countYoungBytes(-buffer.byteLength);
  buffer.transfer(0);
}
