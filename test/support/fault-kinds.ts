/** What can go wrong with a registry, one function each; `faults.ts` says to which requests it happens. */
import { type BodySource, errorReply, type Outcome, type Reply, reply } from '../../src/registry-server/index.ts';
import type { Fault } from './faults.ts';

type Headers = Reply['headers'];

/** Answers in place of the registry. An object goes out as JSON, a text as it is. */
export function answer(status: number, headers: Headers = {}, body: string | object = ''): Fault {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type: Headers = typeof body === 'string' ? {} : { 'content-type': 'application/json' };
  return async () => reply(status, { ...type, ...headers }, Buffer.from(text));
}

/** 429, with `Retry-After` where it is told: seconds, or a date. */
export function tooManyRequests(retryAfter?: number | Date): Fault {
  const value = retryAfter instanceof Date ? retryAfter.toUTCString() : retryAfter;
  const headers: Headers = value === undefined ? {} : { 'retry-after': `${value}` };
  return async () => errorReply(429, { code: 'TOOMANYREQUESTS', message: 'too many requests' }, headers);
}

/** 500, or another status of a registry in trouble, with a list of errors. */
export function serverError(status = 500): Fault {
  return async () => errorReply(status, { code: 'UNKNOWN', message: 'unknown error' });
}

/** What a proxy says that stands before the registry. */
export function htmlAnswer(status = 502, html = '<html><body><h1>Bad Gateway</h1></body></html>'): Fault {
  return answer(status, { 'content-type': 'text/html; charset=utf-8' }, html);
}

/** 401 whatever comes. */
export function unauthorized(challenge: string): Fault {
  const error = { code: 'UNAUTHORIZED', message: 'authentication required' } as const;
  return async () => errorReply(401, error, { 'www-authenticate': challenge });
}

export function redirect(location: string, status = 307): Fault {
  return answer(status, { location });
}

/** Does `ms` milliseconds of nothing, then goes on. */
export function delay(ms: number): Fault {
  return async (request, next) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return next(request);
  };
}

export interface Gate {
  fault: Fault;
  /** Resolves when a request waits at the gate. */
  arrived: Promise<void>;
  /** Lets everything through, also what comes later. */
  open(): void;
}

/** Holds requests back until it is opened: order without time. */
export function gate(): Gate {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const fault: Fault = async (request, next) => {
    arrive();
    await opened;
    return next(request);
  };
  return { fault, arrived, open };
}

/** Drops the connection without reading the body. */
export function cutBeforeHeaders(): Fault {
  return async () => 'cut';
}

/** Does what is asked, and drops the connection without a word about it. */
export function cutAfterDone(): Fault {
  return async (request, next) => {
    await next(request);
    return 'cut';
  };
}

/** Drops the connection when `bytes` of the request body have come in; the registry gets these. */
export function cutRequestBodyAfter(bytes: number): Fault {
  return (request, next) => {
    async function* body(): AsyncGenerator<Uint8Array> {
      let left = bytes;
      for await (const chunk of request.body) {
        if (left > 0) yield chunk.subarray(0, left);
        left -= chunk.byteLength;
        if (left > 0) continue;
        request.cut();
        throw Object.assign(new Error('cut by a fault'), { code: 'ECONNRESET' });
      }
    }
    return next({ ...request, body: body() });
  };
}

/** Drops the connection when the headers and `bytes` of the body are sent. */
export function cutResponseBodyAfter(bytes: number): Fault {
  return (request, next) =>
    changeBody(next(request), (body) => ({
      body: async function* () {
        let left = bytes;
        for await (const chunk of body()) {
          if (left > 0) yield chunk.subarray(0, left);
          left -= chunk.byteLength;
          if (left <= 0) break;
        }
        request.cut();
      },
    }));
}

/** Ends the body early, and says so in `content-length`: nothing on the wire is wrong. */
export function truncatedBody(bytes: number): Fault {
  return (request, next) =>
    changeBody(next(request), (body) => ({
      headers: { 'content-length': `${bytes}` },
      body: async function* () {
        let left = bytes;
        for await (const chunk of body()) {
          if (left > 0) yield chunk.subarray(0, left);
          left -= chunk.byteLength;
        }
      },
    }));
}

/** Adds `bytes` zeros at the end; `chunked` leaves the client without a length to see it by. */
export function oversizeBody(bytes: number, { chunked = false } = {}): Fault {
  return (request, next) =>
    changeBody(next(request), (body, headers) => {
      const { 'content-length': length, ...others } = headers;
      return {
        replaceHeaders: chunked ? others : { ...others, 'content-length': `${Number(length ?? 0) + bytes}` },
        body: async function* () {
          yield* body();
          const zeros = new Uint8Array(64 * 1024);
          for (let left = bytes; left > 0; left -= zeros.byteLength) yield zeros.subarray(0, left);
        },
      };
    });
}

/** Turns over one bit of the byte at `offset`. */
export function changedByte(offset = 0): Fault {
  return (request, next) =>
    changeBody(next(request), (body) => ({
      body: async function* () {
        let at = 0;
        for await (const chunk of body()) {
          const copy = new Uint8Array(chunk);
          const place = offset - at;
          if (place >= 0 && place < copy.byteLength) copy[place] = (copy[place] ?? 0) ^ 1;
          at += copy.byteLength;
          yield copy;
        }
      },
    }));
}

/** Sets headers of the reply; undefined takes one away. */
export function withHeaders(changes: Readonly<Record<string, string | undefined>>): Fault {
  return async (request, next) => {
    const outcome = await next(request);
    if (outcome === 'cut') return outcome;
    const headers: Headers = { ...outcome.headers };
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) delete headers[name.toLowerCase()];
      else headers[name.toLowerCase()] = value;
    }
    return { ...outcome, headers };
  };
}

export function wrongContentDigest(digest = `sha256:${'0'.repeat(64)}`): Fault {
  return withHeaders({ 'docker-content-digest': digest });
}

export function noContentDigest(): Fault {
  return withHeaders({ 'docker-content-digest': undefined });
}

export function wrongLocation(location: string): Fault {
  return withHeaders({ location });
}

/** A wrong `Range` in answers about uploads. */
export function wrongRange(range: string): Fault {
  return withHeaders({ range });
}

/** Answers a range of a blob with all of it. */
export function noRanges(): Fault {
  return (request, next) => {
    const { range: _, ...headers } = request.headers;
    return next({ ...request, headers });
  };
}

/** Every mount becomes an upload. */
export function noMounts(): Fault {
  return (request, next) => {
    const query = new URLSearchParams(request.query);
    query.delete('mount');
    query.delete('from');
    return next({ ...request, query });
  };
}

/** Uploads only as a whole: PATCH is refused. */
export function noChunks(status = 405): Fault {
  const error = { code: 'UNSUPPORTED', message: 'chunked uploads are not supported' } as const;
  return async (request, next) => (request.method === 'PATCH' ? errorReply(status, error) : next(request));
}

/** A registry from before version 1.1 of the specification. */
export function noReferrers(): Fault {
  return async (request, next) => {
    if (/\/referrers\/[^/]+$/.test(request.path)) return answer(404, {}, '404 page not found\n')(request, next);
    return withHeaders({ 'oci-subject': undefined })(request, next);
  };
}

interface Change {
  headers?: Headers;
  replaceHeaders?: Headers;
  body: BodySource;
}

async function changeBody(
  pending: Promise<Outcome>,
  change: (body: BodySource, headers: Headers) => Change,
): Promise<Outcome> {
  const outcome = await pending;
  if (outcome === 'cut') return outcome;
  const { body } = outcome;
  if (body === undefined) return outcome;
  const source: BodySource = typeof body === 'function' ? body : () => [body];
  const length: Headers = typeof body === 'function' ? {} : { 'content-length': `${body.byteLength}` };
  const before: Headers = { ...length, ...outcome.headers };
  const { headers = {}, replaceHeaders = before, body: changed } = change(source, before);
  return { ...outcome, headers: { ...replaceHeaders, ...headers }, body: changed };
}
