/** Runs in a thread: a long line to a registry, one in memory unless told. Tells both addresses when they are there. */
import { parentPort, workerData } from 'node:worker_threads';
import { startRegistry } from '../../src/registry-server/index.ts';
import { startLatencyProxy } from '../support/latency-proxy.ts';

const { roundTripMs, port, target } = workerData as { roundTripMs: number; port: number; target?: number };
const near = target ?? (await startRegistry({ storage: 'memory' })).port;
const proxy = await startLatencyProxy(near, roundTripMs, port);
parentPort?.postMessage({ near: `127.0.0.1:${near}`, far: `127.0.0.1:${proxy.port}` });
