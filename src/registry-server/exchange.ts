/** One request and its reply on the wire: node:http on one side, plain values on the other. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Outcome, RegistryRequest } from './protocol.ts';

/** What became of one request. */
export interface RequestRecord {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Undefined: the client got no reply. */
  readonly status: number | undefined;
  /** Bytes of the body that were read. */
  readonly bytesIn: number;
  /** Bytes of the body that were sent. */
  readonly bytesOut: number;
  /** Whether the reply went out to its end. */
  readonly complete: boolean;
  readonly durationMs: number;
}

/** The longest path with query that is looked at; more is answered with 414. */
export const maxTargetLength = 8192;

export interface Exchange {
  readonly request: RegistryRequest;
  /** Sends `outcome`, as far as the client is there to take it; throws what the body of it throws. */
  send(outcome: Outcome): Promise<void>;
  record(): RequestRecord;
}

export function createExchange(incoming: IncomingMessage, response: ServerResponse): Exchange {
  const startedAt = performance.now();
  const { method = 'GET', headers, url: target = '/' } = incoming;
  const [rawPath = '/', ...queryParts] = target.split('?');
  let bytesIn = 0;
  let bytesOut = 0;
  let status: number | undefined;
  let complete = false;

  async function* body(): AsyncGenerator<Uint8Array> {
    // only now: who is turned away need not send anything
    if (headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
    // to stop reading is no reason to drop the connection on which the reply is still to go out
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      bytesIn += chunk.byteLength;
      yield chunk;
    }
  }

  const request: RegistryRequest = {
    method,
    target,
    path: decode(rawPath),
    query: new URLSearchParams(queryParts.join('?')),
    headers,
    bodyLength: lengthOf(headers),
    body: body(),
    cut: () => incoming.socket.destroySoon(),
  };

  async function sendBody(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    for await (const chunk of source) {
      if (response.destroyed) return;
      bytesOut += chunk.byteLength;
      if (!response.write(chunk)) await writable(response);
    }
  }

  return {
    request,
    async send(outcome) {
      if (outcome === 'cut') {
        request.cut();
        return;
      }
      const { headers: fields, body: content } = outcome;
      status = outcome.status;
      for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
      if (content instanceof Uint8Array && !response.hasHeader('content-length')) {
        response.setHeader('content-length', content.byteLength);
      }
      response.writeHead(outcome.status);
      if (method !== 'HEAD' && content !== undefined) {
        // who waits for a stream learns at once that it is coming
        if (typeof content === 'function') response.flushHeaders();
        await sendBody(typeof content === 'function' ? content() : [content]);
      }
      await end(response);
      complete = response.writableFinished;
    },
    record: () => ({
      method,
      target,
      headers,
      status,
      bytesIn,
      bytesOut,
      complete,
      durationMs: performance.now() - startedAt,
    }),
  };
}

/** Resolves when everything is sent, or the client is gone. */
function end(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) {
      resolve();
      return;
    }
    response.once('close', resolve);
    response.end(resolve);
  });
}

/** Resolves when `response` takes more, or never will. */
function writable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

/** Text that is not well encoded stays as it is, and names nothing then. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Bytes of the body; undefined for a chunked one. */
function lengthOf(headers: IncomingHttpHeaders): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0);
}
