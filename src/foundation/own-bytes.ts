/**
 * Memory of large buffers, given back when it is done with and not when V8 finds out: what passes through a stream would
 * else pile up until a collection of all garbage, which V8 begins the sooner the more there is.
 *
 * Who makes a buffer and looks at it no more says so; who has used the bytes up gives them back. Everybody between the two
 * hands them on and forgets them.
 */
import { countYoungBytes } from './young-garbage.ts';

/**
 * The largest buffer that Node.js may share out to everybody: measured, for newer ones make it longer than `Buffer.poolSize` by what it
 * takes to align it.
 */
const maxSharedSize = Math.max(Buffer.poolSize, Buffer.allocUnsafe(1).buffer.byteLength);

/** Views, not buffers: with a view of part of a buffer nobody can free what others still look at. */
const owned = new WeakSet<Uint8Array>();

/**
 * Nobody but whom `bytes` are handed to looks at the memory that they are in, or ever will. Gives `bytes`. Only bytes that are
 * a whole buffer are taken at their word: of a part, others may have the rest.
 */
export function handOver<Bytes extends Uint8Array>(bytes: Bytes): Bytes {
  return bytes.byteLength === bytes.buffer.byteLength ? own(bytes) : bytes;
}

/**
 * The same for a stream that fills one buffer after the other, hands out views in order to one reader, and shares the buffers
 * with no other stream, as a decoder does: a buffer is free when the reader gives back the view that ends it.
 */
export function handOverInTurn<Bytes extends Uint8Array>(bytes: Bytes): Bytes {
  const { buffer, byteOffset, byteLength } = bytes;
  return byteOffset + byteLength === buffer.byteLength ? own(bytes) : bytes;
}

/** The same for views of a stream that has ended, or for the last one, wherever in their buffers they end. */
export function handOverLast<Bytes extends Uint8Array>(bytes: Bytes): Bytes {
  return own(bytes);
}

function own<Bytes extends Uint8Array>(bytes: Bytes): Bytes {
  if (bytes.buffer.byteLength > maxSharedSize) owned.add(bytes);
  return bytes;
}

/** Frees the memory of `bytes`, which are empty from then on, if these very bytes were handed over; else does nothing. */
export function giveBack(bytes: Uint8Array): void {
  if (owned.delete(bytes)) freeBuffer(bytes);
}

/** Frees the memory that `bytes` are in, for whoever knows that nobody else looks at any of it. */
export function freeBuffer({ buffer }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength <= maxSharedSize) return;
  countYoungBytes(-buffer.byteLength);
  buffer.transfer(0);
}
