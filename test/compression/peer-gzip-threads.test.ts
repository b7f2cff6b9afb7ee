import assert from 'node:assert/strict';
import { test } from 'node:test';
import { segmentMemory } from '../../src/compression/deflate/segment.ts';
import { PeerGzipThreads, type SegmentOrder } from '../../src/compression/peer-gzip-threads.ts';
import { CancelledError } from '../../src/foundation/errors.ts';
import { peerGzipInput } from './peer-gzip-inputs.ts';

/** A segment of 300 kB. */
function order(): SegmentOrder {
  const memory = segmentMemory();
  const plain = peerGzipInput('words', 300_000, 1);
  memory.input.set(plain);
  return { memory, primer: 0, end: plain.byteLength };
}

function resultOf({ memory }: SegmentOrder, length: number): Buffer {
  return Buffer.from(memory.result.subarray(0, length));
}

test('where no thread can run, whoever asks for it does the work', async () => {
  const here = order();
  const expected = resultOf(here, new PeerGzipThreads().deflateHere(here));
  for (const module of [new URL('./not-bundled.js', import.meta.url), new URL('https://elsewhere.example/thread.js')]) {
    const threads = new PeerGzipThreads(module);
    const orders = [order(), order(), order()];
    const lengths = await Promise.all(orders.map((one) => threads.deflate(one)));
    for (const [at, one] of orders.entries()) assert.ok(resultOf(one, lengths[at] ?? 0).equals(expected));
  }
});

test('who leaves first gets nothing more', async () => {
  const threads = PeerGzipThreads.join();
  const stopped = assert.rejects(threads.deflate(order()), CancelledError);
  threads.leave();
  await stopped;
});
