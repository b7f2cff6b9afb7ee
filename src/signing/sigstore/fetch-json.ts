/** Small conversations, most of them in JSON, with the services of sigstore and identity providers. */
import { type Connections, createConnections } from '../../distribution/connections.ts';
import { exchange } from '../../distribution/exchange.ts';
import { ProxyFailure } from '../../distribution/proxy-failure.ts';
import { asError, CancelledError, cancelledBy, RegistryError, SheafError } from '../../foundation/errors.ts';
import { redact } from '../../foundation/redaction.ts';
import type { Session } from '../../foundation/session.ts';
import { type JsonValue, parseJson } from '../../oci/json.ts';

/** Bytes of an answer. */
const maxBody = 1 << 20;
/** Milliseconds that a service may take for one answer. */
const patienceMs = 30_000;

/** How services are reached: through proxies, and with authorities, as registries are. */
export type ServiceConnections = Pick<Connections, 'dispatcherFor'>;

export interface JsonRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** With the proxies that the environment names unless told. */
  readonly connections?: ServiceConnections | undefined;
}

export interface ServiceAnswer<Body> {
  readonly status: number;
  readonly body: Body;
  /** What the answer points to, as it stands there. */
  readonly location?: string;
}

/**
 * The answer whatever its status; `null` where a failure has no JSON in it. Redirects are not followed: what is sent is secret.
 * @throws RegistryError SIGSTORE_SERVICE; CancelledError
 */
export async function fetchJson(
  session: Session,
  url: string,
  what: string,
  request: JsonRequest = {},
): Promise<ServiceAnswer<JsonValue>> {
  const headers = { accept: 'application/json', ...request.headers };
  const answer = await fetchBytes(session, url, what, { ...request, headers });
  return { ...answer, body: parsed(answer, url, what) };
}

/** The same for answers of any kind. */
export async function fetchBytes(
  session: Session,
  url: string,
  what: string,
  request: JsonRequest = {},
): Promise<ServiceAnswer<Uint8Array>> {
  const { connections } = request;
  if (connections !== undefined) return ask(session, url, what, { ...request, connections });
  const own = createConnections({ retry: { maxRetries: 0 } });
  try {
    return await ask(session, url, what, { ...request, connections: own });
  } finally {
    await own.close();
  }
}

async function ask(
  session: Session,
  url: string,
  what: string,
  { connections, method = 'GET', headers, body }: JsonRequest & { connections: ServiceConnections },
): Promise<ServiceAnswer<Uint8Array>> {
  const address = new URL(url);
  const signal = AbortSignal.any([session.signal, AbortSignal.timeout(patienceMs)]);
  try {
    const dispatcher = await connections.dispatcherFor(address, false);
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const answer = await exchange(
      dispatcher,
      {
        method,
        url: address,
        headers: {
          ...(bytes === undefined ? {} : { 'content-length': `${bytes.byteLength}` }),
          ...headers,
        },
        ...(bytes === undefined ? {} : { body: bytes }),
      },
      signal,
    );
    const { status } = answer;
    if (status >= 300 && status < 400) {
      answer.body.destroy();
      throw new Error(`it answers with a redirect (HTTP status ${status})`);
    }
    const { location } = answer.headers;
    return { status, body: await smallBody(answer.body), ...(typeof location === 'string' ? { location } : {}) };
  } catch (thrown) {
    if (session.signal.aborted) throw cancelledBy(session.signal);
    if (thrown instanceof SheafError && !(thrown instanceof CancelledError)) throw thrown;
    const reason = asError(thrown);
    const words = reason.cause === undefined ? reason.message : asError(reason.cause).message;
    throw new RegistryError(`${what} at ${redact(address.origin)} cannot be reached: ${redact(words)}`, {
      code: 'SIGSTORE_SERVICE',
      hint:
        reason.cause instanceof ProxyFailure
          ? reason.cause.hint
          : 'See whether the service can be reached and run it again.',
      cause: thrown,
    });
  }
}

/** Milliseconds before a service that failed is asked again. */
const pauses = [1_000, 2_000];

/** Asks again, twice at most, what failed for a reason that may pass. Throws as `ask` does; CancelledError. */
export async function askAgain<Body>(
  session: Session,
  ask: () => Promise<ServiceAnswer<Body>>,
): Promise<ServiceAnswer<Body>> {
  for (const pause of pauses) {
    try {
      const answer = await ask();
      if (answer.status < 500 && answer.status !== 408 && answer.status !== 429) return answer;
    } catch (thrown) {
      if (!(thrown instanceof RegistryError) || thrown.status !== undefined) throw thrown;
    }
    await session.clock.sleep(pause, session.signal);
  }
  return await ask();
}

async function smallBody(body: AsyncIterable<unknown>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    const chunk = piece as Uint8Array;
    size += chunk.byteLength;
    if (size > maxBody) throw new Error(`the answer has more than ${maxBody} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsed({ status, body }: ServiceAnswer<Uint8Array>, url: string, what: string): JsonValue {
  try {
    return parseJson(body, `the answer of ${what}`);
  } catch (thrown) {
    if (status >= 300) return null;
    throw new RegistryError(`${what} at ${redact(new URL(url).origin)} sent something that is no JSON`, {
      code: 'SIGSTORE_SERVICE',
      hint: 'See whether the address is that of the service.',
      status,
      cause: thrown,
    });
  }
}
