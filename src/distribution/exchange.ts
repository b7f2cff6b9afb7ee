/** One HTTP exchange on an undici dispatcher: the answer's head as a promise, its body as a stream. */
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type CancelledError, cancelledBy } from '../foundation/errors.ts';

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** What was asked in the end, after redirects. */
  readonly url: URL;
  /** Must be read to its end or destroyed. */
  readonly body: Readable;
}

export interface ExchangeRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  url: URL;
  headers: Readonly<Record<string, string>>;
  body?: Uint8Array | AsyncIterable<Uint8Array>;
}

/** How far an exchange had come when it failed. */
export type ExchangePhase = 'connect' | 'send' | 'wait' | 'body';

/** Wraps whatever undici threw. */
export class ExchangeFailure extends Error {
  readonly phase: ExchangePhase;
  constructor(phase: ExchangePhase, cause: unknown) {
    super(`exchange failed (${phase})`, { cause });
    this.name = 'ExchangeFailure';
    this.phase = phase;
  }
}

/** Rejects with {@link ExchangeFailure} or CancelledError; the body's stream fails with the same. */
export function exchange(dispatcher: Dispatcher, request: ExchangeRequest, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const handler = new ExchangeHandler(request, signal, resolve, reject);
    if (signal.aborted) return;
    try {
      dispatcher.dispatch(
        {
          origin: request.url.origin,
          path: request.url.pathname + request.url.search,
          method: request.method,
          headers: request.headers,
          // an iterable is sent faster than a Readable; the types of undici do not name it
          body: (request.body ?? null) as Uint8Array | null,
          // undici closes the connection after each HEAD unless told not to
          ...(request.method === 'HEAD' && { reset: false }),
        },
        handler,
      );
    } catch (thrown) {
      handler.fail(thrown);
    }
  });
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #request: ExchangeRequest;
  readonly #signal: AbortSignal;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: Error) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #phase: ExchangePhase = 'connect';
  #cancelled: CancelledError | undefined;
  #body: BodyStream | undefined;

  constructor(
    request: ExchangeRequest,
    signal: AbortSignal,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ) {
    this.#request = request;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    if (signal.aborted) this.#cancel();
    else signal.addEventListener('abort', this.#cancel, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#cancelled !== undefined) controller.abort(this.#cancelled);
    else this.#phase = 'send';
  }

  onRequestSent(): void {
    if (this.#phase === 'send') this.#phase = 'wait';
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return;
    this.#phase = 'body';
    this.#body = new BodyStream(controller);
    this.#body.once('close', () => this.#signal.removeEventListener('abort', this.#cancel));
    this.#resolve({ status, headers, url: this.#request.url, body: this.#body });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body?.push(chunk) === false) controller.pause();
  }

  onResponseEnd(): void {
    this.#body?.finish();
    // an empty body that nobody reads never closes
    this.#signal.removeEventListener('abort', this.#cancel);
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.fail(error);
  }

  fail(thrown: unknown): void {
    this.#signal.removeEventListener('abort', this.#cancel);
    const error = this.#cancelled ?? new ExchangeFailure(this.#phase, thrown);
    if (this.#body === undefined) this.#reject(error);
    else this.#body.cut(error);
  }

  readonly #cancel = (): void => {
    this.#cancelled = cancelledBy(this.#signal);
    this.#controller?.abort(this.#cancelled);
    // a connection that is still being made cannot be aborted, but nobody need wait for it
    this.fail(this.#cancelled);
  };
}

/**
 * The body of an answer; slows the sender down while nobody reads, and drops the connection when destroyed before its
 * end.
 */
class BodyStream extends Readable {
  readonly #controller: Dispatcher.DispatchController;
  #over = false;

  constructor(controller: Dispatcher.DispatchController) {
    super({ highWaterMark: 256 * 1024 });
    this.#controller = controller;
    // a body that failed after its reader has gone is nobody's business
    this.on('error', () => {});
  }

  finish(): void {
    this.#over = true;
    this.push(null);
  }

  cut(error: Error): void {
    this.#over = true;
    this.destroy(error);
  }

  override _read(): void {
    if (!this.#over) this.#controller.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#over) {
      this.#over = true;
      this.#controller.abort(error ?? new Error('not wanted any more'));
    }
    callback(error);
  }
}

/** Whether a storage or a proxy has compressed the body, although we ask for no coding. */
export function isGzipped(answer: { headers: Headers }): boolean {
  return /^(?:x-)?gzip$/i.test(headerOf(answer, 'content-encoding')?.trim() ?? '');
}

/** The first value of a header. */
export function headerOf(answer: { headers: Headers }, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'object' ? value[0] : value;
}
