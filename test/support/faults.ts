/**
 * A registry that misbehaves on purpose. Rules say which requests meet which fault; what no rule names works as it should.
 *
 *     const faults = createFaults();
 *     const registry = await withRegistry(t, { intercept: faults.intercept });
 *     faults.on({ method: 'PUT', path: /\/manifests\//, nth: 1 }, tooManyRequests(1));
 *
 * The faults themselves are in `fault-kinds.ts`.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Intercept, Outcome, RegistryRequest, Reply } from '../../src/registry-server/index.ts';

export type Next = (request: RegistryRequest) => Promise<Outcome>;

/** What is done to one request; `next` is what happens without the fault. */
export type Fault = (request: RegistryRequest, next: Next) => Promise<Outcome>;

/** Which requests; all of them where nothing is told. */
export interface Pattern {
  method?: string | readonly string[];
  /** Tried on path and query as they came. */
  path?: RegExp;
  /** Only these of the requests that match, counted from 1. */
  nth?: number | readonly number[];
  /** Only the first so many of the requests that match. */
  times?: number;
}

/** One request as the registry saw it. It is there from the moment of its arrival, and its numbers grow. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly authorization: string | undefined;
  /** Undefined before the reply, `cut` where there is none. */
  status: number | 'cut' | undefined;
  /** What the registry itself would have answered, whatever the faults made of it; undefined where no fault let the request through. */
  done: number | undefined;
  /** Bytes of the body that the registry took. */
  bytesIn: number;
  /** Bytes of the body that the registry gave out. */
  bytesOut: number;
}

export interface Faults {
  /** For `withRegistry` and `startRegistry`. */
  readonly intercept: Intercept;
  /** Every request, in the order of arrival. */
  readonly requests: readonly SeenRequest[];
  /** Requests that match; `nth` and `times` count in the order of arrival. */
  seen(pattern: Pattern): SeenRequest[];
  /** `PUT /v2/a/manifests/1` and so on, in the order of arrival. */
  log(): string[];
  /** Adds a rule. Where several match one request, the one added first is outermost. Returns what takes it back. */
  on(pattern: Pattern, fault: Fault): () => void;
  /** Forgets all requests, and takes back all rules. */
  reset(): void;
}

export function createFaults(): Faults {
  const requests: SeenRequest[] = [];
  let rules: Array<{ matches: (request: RegistryRequest) => boolean; fault: Fault }> = [];

  const intercept: Intercept = async (request, answer) => {
    const seen = record(request);
    requests.push(seen);
    const faults = rules.filter((rule) => rule.matches(request)).map((rule) => rule.fault);
    const innermost: Next = async (asked) => {
      const outcome = await answer(asked);
      seen.done = outcome.status;
      return outcome;
    };
    const chain = faults.reduceRight<Next>((next, fault) => (asked) => fault(asked, next), innermost);
    try {
      const outcome = await chain({ ...request, body: counted(request.body, (n) => (seen.bytesIn += n)) });
      seen.status = outcome === 'cut' ? 'cut' : outcome.status;
      return outcome === 'cut' ? outcome : countedReply(outcome, (n) => (seen.bytesOut += n));
    } catch (thrown) {
      seen.status = 'cut';
      throw thrown;
    }
  };

  return {
    intercept,
    requests,
    seen(pattern) {
      const matches = matcherOf(pattern);
      return requests.filter((request) => matches(request));
    },
    log: () => requests.map(({ method, target }) => `${method} ${target}`),
    on(pattern, fault) {
      const rule = { matches: matcherOf(pattern), fault };
      rules.push(rule);
      return () => {
        rules = rules.filter((other) => other !== rule);
      };
    },
    reset() {
      requests.length = 0;
      rules = [];
    },
  };
}

function matcherOf(pattern: Pattern): (request: { method: string; target: string }) => boolean {
  const methods = pattern.method === undefined ? undefined : [pattern.method].flat();
  const places = pattern.nth === undefined ? undefined : [pattern.nth].flat();
  let count = 0;
  return ({ method, target }) => {
    if (methods !== undefined && !methods.includes(method)) return false;
    if (pattern.path !== undefined && !pattern.path.test(target)) return false;
    count += 1;
    return (places === undefined || places.includes(count)) && count <= (pattern.times ?? Number.POSITIVE_INFINITY);
  };
}

function record({ method, target, path, query, headers }: RegistryRequest): SeenRequest {
  const { authorization } = headers;
  return {
    method,
    target,
    path,
    query,
    headers,
    authorization,
    status: undefined,
    done: undefined,
    bytesIn: 0,
    bytesOut: 0,
  };
}

async function* counted(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    count(chunk.byteLength);
    yield chunk;
  }
}

function countedReply(reply: Reply, count: (bytes: number) => void): Reply {
  const { body } = reply;
  if (body === undefined) return reply;
  const headers =
    typeof body === 'function' || reply.headers['content-length'] !== undefined
      ? reply.headers
      : { ...reply.headers, 'content-length': `${body.byteLength}` };
  return { ...reply, headers, body: () => counted(typeof body === 'function' ? body() : [body], count) };
}
