/**
 * A small registry of our own: for first steps, for tests, and for people who have none.
 *
 * Source: OCI Distribution Specification v1.1, all four categories (pull, push, content discovery, content management).
 */
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { asError, StorageError, systemCode, UsageError } from '../foundation/errors.ts';
import { isNoRoom } from '../foundation/file-errors.ts';
import { type Authorize, mayPull } from './authorize.ts';
import type { Context, RegistryLimits } from './context.ts';
import { answer } from './dispatch.ts';
import { createExchange, maxTargetLength, type RequestRecord } from './exchange.ts';
import { createKeyedLock } from './keyed-lock.ts';
import { errorReply, type Outcome, type RegistryRequest, type Reply } from './protocol.ts';
import { openFolderStorage } from './storage/folder-storage.ts';
import { createMemoryStorage } from './storage/memory-storage.ts';
import type { RegistryStorage } from './storage/storage.ts';
import { createUploadWriters } from './upload-writers.ts';

/** Stands between the wire and the registry; for tests. `next` lets the registry answer. */
export type Intercept = (
  request: RegistryRequest,
  next: (request: RegistryRequest) => Promise<Reply>,
) => Promise<Outcome>;

export interface RegistryOptions {
  readonly storage: 'memory' | { readonly directory: string };
  /** The address to listen on; `127.0.0.1` unless told. */
  readonly host?: string;
  /** 0, which is also what holds unless told, takes any free one. */
  readonly port?: number;
  /** PEM texts. Without them the registry speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly authorize?: Authorize;
  /** Told of each request when it is over. */
  readonly onRequest?: (record: RequestRecord) => void;
  /** Told of what went wrong inside while a request was answered; the client is told only that something did. */
  readonly onError?: (error: Error) => void;
  readonly intercept?: Intercept;
  readonly limits?: Partial<RegistryLimits>;
}

export interface Registry {
  /** `http://127.0.0.1:5000` */
  readonly url: string;
  /** `127.0.0.1:5000`, as it stands in references. */
  readonly host: string;
  readonly port: number;
  /** Lets requests under way finish for `graceMs` milliseconds (1000 unless told), then ends every connection. */
  close(options?: { graceMs?: number }): Promise<void>;
}

const defaultLimits: RegistryLimits = {
  maxManifestBytes: 4 * 1024 * 1024,
  maxTagsPerPush: 100,
  referrersPageSize: 1000,
  sparseIndexes: false,
  minChunkBytes: undefined,
};

const headersTimeoutMs = 60_000;
/** A connection that waits for its next request. */
const keepAliveTimeoutMs = 65_000;
/** A connection on which nothing moves in the middle of a request. */
const idleTimeoutMs = 300_000;

/**
 * Starts a registry. Throws StorageError CANNOT_LISTEN, NOT_A_REGISTRY or FOLDER_IN_USE, and UsageError INVALID_CERTIFICATE,
 * INVALID_PORT, INVALID_HOST or INVALID_DIRECTORY.
 */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  requirePort(options.port ?? 0);
  requireNamed('host', options.host);
  requireNamed('directory', options.storage === 'memory' ? undefined : options.storage.directory);
  const storage =
    options.storage === 'memory' ? createMemoryStorage() : await openFolderStorage(options.storage.directory);
  try {
    return await startOver(storage, options);
  } catch (thrown) {
    await storage.close();
    throw thrown;
  }
}

function requirePort(port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new UsageError(`${port} is no port to listen on`, {
    code: 'INVALID_PORT',
    hint: 'Choose one from 1 to 65535, or 0 for any free one.',
  });
}

/** An empty address would be every address of this machine, an empty folder the working directory. */
function requireNamed(what: 'host' | 'directory', text: string | undefined): void {
  if (text !== '') return;
  throw new UsageError(`the ${what} of a registry is empty`, {
    code: what === 'host' ? 'INVALID_HOST' : 'INVALID_DIRECTORY',
    hint: `Name one, or leave "${what}" away.`,
  });
}

async function startOver(storage: RegistryStorage, options: RegistryOptions): Promise<Registry> {
  const { tls } = options;
  // references have IPv6 addresses in brackets, systems do not
  const address = (options.host ?? '127.0.0.1').replace(/^\[(.*)\]$/, '$1');
  const context = contextOf(storage, options);
  const underWay = new Set<Promise<void>>();
  const server = createHttpServer(tls, (incoming, response) => {
    const work = serve(context, options, incoming, response).finally(() => underWay.delete(work));
    underWay.add(work);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const port = await listen(server, address, options.port ?? 0);
  const host = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  let closing: Promise<void> | undefined;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host}`,
    host,
    port,
    close: ({ graceMs = 1000 } = {}) => {
      closing ??= closeServer(server, sockets, underWay, graceMs).then(() => storage.close());
      return closing;
    },
  };
}

function contextOf(storage: RegistryStorage, options: RegistryOptions): Context {
  return {
    storage,
    limits: { ...defaultLimits, ...options.limits },
    repositoryLock: createKeyedLock(),
    writers: createUploadWriters(),
    mayPull: (request, repository) => mayPull(options.authorize, request, repository),
  };
}

type Server = HttpServer | TlsServer;
type Listener = (incoming: IncomingMessage, response: ServerResponse) => void;

function createHttpServer(tls: RegistryOptions['tls'], listener: Listener): Server {
  const settings = { requestTimeout: 0, headersTimeout: headersTimeoutMs, keepAliveTimeout: keepAliveTimeoutMs };
  const server = tls === undefined ? createServer(settings) : tlsServer(settings, tls);
  server.timeout = idleTimeoutMs;
  server.on('request', listener);
  server.on('checkContinue', listener);
  server.on('clientError', (error, socket) => refuseMalformed(error, socket as Socket));
  return server;
}

function tlsServer(settings: ServerOptions, tls: { cert: string; key: string }): TlsServer {
  try {
    // Node.js takes empty ones for none, and refuses every connection later
    if (tls.cert === '' || tls.key === '') throw new Error(`the ${tls.cert === '' ? 'certificate' : 'key'} is empty`);
    return createTlsServer({ ...settings, ...tls });
  } catch (thrown) {
    throw new UsageError(`the certificate or its key cannot be used: ${asError(thrown).message}`, {
      code: 'INVALID_CERTIFICATE',
      cause: thrown,
      hint: 'Give a certificate and the key that belongs to it, both in PEM form.',
    });
  }
}

/** Answers what is not HTTP, or has headers that are too long. */
function refuseMalformed(error: Error, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    systemCode(error) === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const body = '{"errors":[{"code":"UNSUPPORTED","message":"the request is malformed or its headers are too long"}]}\n';
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
  socket.end(`${head}\r\nconnection: close\r\n\r\n${body}`, () => socket.destroy());
}

async function serve(
  context: Context,
  options: RegistryOptions,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const exchange = createExchange(incoming, response);
  const next = (request: RegistryRequest): Promise<Reply> => safeAnswer(context, options, request);
  try {
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    const { intercept = (request) => next(request) } = options;
    await exchange.send(await intercept(exchange.request, next));
  } catch (thrown) {
    // the client is gone, or its reply has begun: there is no other way left to tell it
    exchange.request.cut();
    if (!isClientGone(thrown)) options.onError?.(asError(thrown));
  } finally {
    options.onRequest?.(exchange.record());
  }
}

/** One request that goes wrong is the end of that request only. */
async function safeAnswer(context: Context, options: RegistryOptions, request: RegistryRequest): Promise<Reply> {
  if (request.target.length > maxTargetLength) {
    return errorReply(414, { code: 'UNSUPPORTED', message: `the path is longer than ${maxTargetLength} characters` });
  }
  try {
    return await answer(context, options.authorize, request);
  } catch (thrown) {
    if (isClientGone(thrown)) throw thrown;
    options.onError?.(asError(thrown));
    // another try would not help, as it may after a 500
    if (isNoRoom(thrown)) {
      return errorReply(507, { code: 'UNKNOWN', message: 'no space left on the disk of the registry' });
    }
    return errorReply(500, { code: 'UNKNOWN', message: 'the registry failed; its own log says why' });
  }
}

function isClientGone(thrown: unknown): boolean {
  const code = systemCode(thrown);
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'EPIPE';
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(
        new StorageError(`cannot listen on ${host} port ${port}: ${error.message}`, {
          code: 'CANNOT_LISTEN',
          cause: error,
          hint: ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL'].includes(systemCode(error) ?? '')
            ? 'Choose an address of this machine, as 127.0.0.1, or 0.0.0.0 for all of them.'
            : 'Choose another port, or 0 for any free one.',
        }),
      );
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

async function closeServer(
  server: Server,
  sockets: ReadonlySet<Socket>,
  underWay: ReadonlySet<Promise<void>>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  if (underWay.size > 0 && graceMs > 0) {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([Promise.allSettled(underWay), late]);
    clearTimeout(timer);
  }
  for (const socket of sockets) socket.destroy();
  await Promise.allSettled(underWay);
  await closed;
}
