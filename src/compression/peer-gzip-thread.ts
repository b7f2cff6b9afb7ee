/** The thread of a {@link PeerGzipLane}. */
import { parentPort, workerData } from 'node:worker_threads';
import { SegmentDeflater, type SegmentMemory } from './deflate/segment.ts';
import type { SegmentOrder } from './peer-gzip-lane.ts';

const deflater = new SegmentDeflater(workerData as SegmentMemory);
parentPort?.on('message', ({ primer, end }: SegmentOrder) => parentPort?.postMessage(deflater.deflate(primer, end)));
