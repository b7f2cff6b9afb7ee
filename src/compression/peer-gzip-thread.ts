/** One of {@link PeerGzipThreads}: answers orders one after the other, each with the number of bytes of the result. */
import { parentPort } from 'node:worker_threads';
import { SegmentDeflater } from './deflate/segment.ts';
import type { SegmentOrder } from './peer-gzip-threads.ts';

const deflater = new SegmentDeflater();
parentPort?.on('message', ({ memory, primer, end }: SegmentOrder) => {
  parentPort?.postMessage(deflater.deflate(memory, primer, end));
});
