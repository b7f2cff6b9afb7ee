/** Pools and servers for the tests of this folder: a clock that never waits, and whatever was told on the way. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import {
  type CredentialProvider,
  createRegistryPool,
  type RegistryPool,
  type RegistrySettings,
} from '../../src/distribution/registry-pool.ts';
import type { ProgressEvent } from '../../src/foundation/events.ts';
import { createSession } from '../../src/foundation/session.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';

export interface TestPool {
  pool: RegistryPool;
  events: ProgressEvent[];
  /** Every wait, in milliseconds. */
  waits: number[];
  /** What the clock shows. */
  now(): number;
  /** Moves the clock. */
  advance(ms: number): void;
  /** `GET 200 /v2/...`, in the order of the answers. */
  requests(): string[];
  retries(): Array<Extract<ProgressEvent, { type: 'retry' }>>;
  abort: AbortController;
}

export interface TestPoolOptions extends Partial<RegistrySettings> {
  credentials?: CredentialProvider;
  parallel?: number;
}

/** A pool without environment; plain HTTP is allowed unless told, and a try is made again at most three times. */
export function testPool(t: TestContext, options: TestPoolOptions = {}): TestPool {
  const { credentials = async () => undefined, parallel, ...settings } = options;
  const events: ProgressEvent[] = [];
  const waits: number[] = [];
  const abort = new AbortController();
  let now = 1_700_000_000_000;
  const session = createSession({
    signal: abort.signal,
    clock: {
      now: () => now,
      sleep: async (ms) => {
        waits.push(ms);
        now += ms;
      },
    },
    onEvent: (event) => events.push(event),
    ...(parallel === undefined ? {} : { parallel }),
  });
  const pool = createRegistryPool(
    session,
    { tlsVerify: false, retry: { maxRetries: 3 }, env: {}, ...settings },
    credentials,
  );
  t.after(() => pool[Symbol.asyncDispose]());
  return {
    pool,
    events,
    waits,
    abort,
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
    requests: () =>
      events.flatMap((event) => (event.type === 'request' ? [`${event.method} ${event.status} ${event.path}`] : [])),
    retries: () => events.filter((event) => event.type === 'retry'),
  };
}

export interface FakeServer {
  /** `127.0.0.1:1234` */
  host: string;
  port: number;
  /** What came in, in order. */
  requests: Array<{ method: string; url: string; headers: IncomingMessage['headers'] }>;
  /** How many connections were made. */
  connections(): number;
}

/** A server that answers as `listener` says; it takes all of a request's body first. */
export async function fakeServer(
  t: TestContext,
  listener: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<FakeServer> {
  const requests: FakeServer['requests'] = [];
  let connections = 0;
  const handler: RequestListener = (request, response) => {
    requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    request.resume().once('end', () => void listener(request, response));
  };
  const server = createServer(handler);
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${port}`, port, requests, connections: () => connections };
}

/** A server below HTTP: `listener` gets the bare connection. */
export async function tcpServer(t: TestContext, listener: (socket: Socket) => void): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    listener(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${port}`, port, requests: [], connections: () => connections };
}

/** Bytes that differ from place to place, so that a wrong offset shows. */
export function bytesOf(size: number): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let at = 0; at < words.length; at += 1) words[at] = Math.imul(at + 1, 2654435761);
  return Buffer.from(words.buffer).subarray(0, size);
}

export interface TestBlob {
  descriptor: { digest: Digest; size: number };
  open(offset?: number): Promise<Readable>;
  /** Where it was opened, in order. */
  opened: number[];
}

export function blobOf(bytes: Uint8Array, chunkSize = 64 * 1024): TestBlob {
  const opened: number[] = [];
  return {
    descriptor: { digest: digestOf(bytes), size: bytes.byteLength },
    opened,
    async open(offset = 0) {
      opened.push(offset);
      return Readable.from(chunks(bytes.subarray(offset), chunkSize));
    },
  };
}

function* chunks(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

export async function readAll(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** An empty index, as JSON with an annotation to tell it from others. */
export function indexBytes(name = 'a'): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [],
      annotations: { name },
    }),
  );
}
