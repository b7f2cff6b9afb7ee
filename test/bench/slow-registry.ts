/** Runs in a thread: a registry in memory, and a long line to it. Tells both addresses when they are there. */
import { parentPort, workerData } from 'node:worker_threads';
import { startRegistry } from '../../src/registry-server/index.ts';
import { startLatencyProxy } from '../support/latency-proxy.ts';

const { roundTripMs, port } = workerData as { roundTripMs: number; port: number };
const registry = await startRegistry({ storage: 'memory' });
const proxy = await startLatencyProxy(registry.port, roundTripMs, port);
parentPort?.postMessage({ near: registry.host, far: `127.0.0.1:${proxy.port}` });
