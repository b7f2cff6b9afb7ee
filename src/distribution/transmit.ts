/** One request on the wire: in a slot of its host, told as an event, with whatever went wrong made into words. */

import { redact } from '../foundation/redaction.ts';
import type { Session } from '../foundation/session.ts';
import { connectionFailure } from './connection-failure.ts';
import type { Connections } from './connections.ts';
import { type Answer, type ExchangeRequest, exchange } from './exchange.ts';
import type { Lanes } from './lanes.ts';
import type { RegistrySettings } from './registry-pool.ts';
import type { Warnings } from './warnings.ts';

/** A body that can be opened for each try. */
export interface RequestBody {
  /** Bytes that it will give. */
  size: number;
  open(): Promise<OpenedBody>;
}

export interface OpenedBody {
  bytes: AsyncIterable<Uint8Array>;
  /** What went wrong on our side, where the bytes come from. */
  failure(): Error | undefined;
  /** The request is over; nobody reads on. */
  stop(): void;
}

export interface Transmission {
  method: ExchangeRequest['method'];
  url: URL;
  headers: Readonly<Record<string, string>>;
  body?: RequestBody | Uint8Array;
  /** What it is for: "read the manifest 127.0.0.1:5000/a:1". */
  what: string;
  /** Whether `url` is the registry itself. */
  own: boolean;
  /** See {@link Lanes.run}. */
  inner?: boolean;
  schemeKnown?: boolean;
  /**
   * Called last, when a slot is there: headers to add, or `undefined` when it must not be sent like this because
   * something was learned while it waited.
   */
  authorize?(): Readonly<Record<string, string>> | undefined;
}

export interface TransmitEnv {
  session: Session;
  settings: RegistrySettings;
  connections: Omit<Connections, 'close'>;
  warnings: Warnings;
  lanes: Lanes;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Throws TryFailure, CancelledError, and errors of the body's source as they are. */
export async function transmit(env: TransmitEnv, request: Transmission): Promise<Answer | undefined> {
  const { session, settings, connections, warnings, lanes } = env;
  const { method, url, body } = request;
  // opened before there is a slot: opening may need a slot itself
  const opened = body === undefined || body instanceof Uint8Array ? undefined : await body.open();
  try {
    return await lanes.run(url.host, request.inner === true, async () => {
      const dispatcher = await connections.dispatcherFor(url, request.own);
      // a connection whose answer has just ended is free one turn of the event loop later; asking sooner opens
      // another one
      await nextTurn();
      const extra = request.authorize === undefined ? {} : request.authorize();
      if (extra === undefined) return undefined;
      const headers: Record<string, string> = { ...request.headers, ...extra };
      if (settings.userAgent !== undefined) headers['user-agent'] = settings.userAgent;
      if (body !== undefined)
        headers['content-length'] = String(body instanceof Uint8Array ? body.byteLength : body.size);
      const tell = (status: number): void =>
        session.emit({ type: 'request', host: url.host, method, path: redact(url.pathname + url.search), status });
      const bytes = opened?.bytes ?? (body instanceof Uint8Array ? body : undefined);
      let answer: Answer;
      try {
        answer = await exchange(dispatcher, { method, url, headers, ...(bytes && { body: bytes }) }, session.signal);
      } catch (thrown) {
        tell(0);
        throw opened?.failure() ?? connectionFailure(thrown, request);
      }
      tell(answer.status);
      warnings.note(url.host, answer.headers['warning']);
      if (answer.status < 500 && answer.status !== 429) lanes.succeeded(url.host);
      return answer;
    });
  } finally {
    opened?.stop();
  }
}
