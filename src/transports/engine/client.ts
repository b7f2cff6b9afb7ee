/**
 * The HTTP API of a daemon that keeps images, over a socket of this machine or TCP.
 *
 * Source: Docker Engine API v1.41, "Image"; podman's service speaks the same.
 */
import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { Readable, Writable } from 'node:stream';
import {
  AuthError,
  asError,
  cancelledBy,
  IntegrityError,
  NotFoundError,
  RegistryError,
  SheafError,
  systemCode,
} from '../../foundation/errors.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import type { EngineEndpoint } from './endpoint.ts';

/** Of an answer that is no archive. */
const maxAnswerBytes = 4 << 20;

export class EngineClient {
  readonly #endpoint: EngineEndpoint;
  readonly #signal: AbortSignal;
  /** What the other side is called in messages. */
  readonly #name: string;

  constructor(endpoint: EngineEndpoint, name: string, signal: AbortSignal) {
    this.#endpoint = endpoint;
    this.#name = `${name} at ${endpoint.text}`;
    this.#signal = signal;
  }

  get name(): string {
    return this.#name;
  }

  /** Throws NotFoundError for 404, AuthError, RegistryError; `what` says what is asked for. */
  async getJson(path: string, what: string): Promise<JsonValue> {
    const answer = await this.#answer(this.#request('GET', path), what, true);
    return parseJson(await this.#whole(answer, what), `the answer of ${this.#name}`);
  }

  /** The body of an answer that may be large; it fails with RegistryError ENGINE_CUT_OFF when it ends too early. */
  async getStream(path: string, what: string): Promise<Readable> {
    const answer = await this.#answer(this.#request('GET', path), what, true);
    return Readable.from(this.#body(answer, what), { objectMode: false, highWaterMark: 1 << 20 });
  }

  async post(path: string, what: string): Promise<void> {
    await this.#whole(await this.#answer(this.#request('POST', path), what, true), what);
  }

  /**
   * Sends what `write` writes, as it comes. Throws RegistryError with what the daemon says of it, in its status or in the
   * stream of progress that it answers with.
   */
  async upload(path: string, what: string, write: (body: Writable) => Promise<void>): Promise<void> {
    // a daemon that refuses would hang up at once on who asks it to, while bytes are still sent, and its answer would be lost
    const headers = { 'Content-Type': 'application/x-tar', Connection: 'keep-alive' };
    const request = this.#request('POST', path, headers);
    const answering = this.#answer(request, what, false);
    answering.catch(() => {});
    let answered = false;
    request.once('response', () => {
      answered = true;
    });
    try {
      await write(bodyOf(request));
    } catch (thrown) {
      // where the daemon has answered already, it says why it wants no more
      const refusal = answered ? await answering.catch((said: unknown) => said) : undefined;
      request.destroy();
      if (refusal instanceof SheafError) throw refusal;
      throw thrown instanceof SheafError || systemCode(thrown) === undefined ? thrown : this.#failure(thrown, what);
    }
    await this.#expectSuccess(await answering, what);
  }

  #request(method: string, path: string, headers: Record<string, string> = {}): ClientRequest {
    const endpoint = this.#endpoint;
    const options = { method, path, headers: { Host: 'docker', ...headers }, signal: this.#signal, agent: false };
    if ('socket' in endpoint) return plainRequest({ ...options, socketPath: endpoint.socket });
    const { host, port, tls } = endpoint;
    const to = { ...options, host, port, headers: { ...options.headers, Host: `${host}:${port}` } };
    if (tls === undefined) return plainRequest(to);
    const { verify, ca, cert, key } = tls;
    return secureRequest({
      ...to,
      rejectUnauthorized: verify,
      ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
      ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
      ...(key === undefined ? {} : { key: Buffer.from(key) }),
    });
  }

  /** The answer, where it is one of success. */
  async #answer(request: ClientRequest, what: string, end: boolean): Promise<IncomingMessage> {
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    });
    if (end) request.end();
    let answer: IncomingMessage;
    try {
      answer = await answered;
    } catch (thrown) {
      throw this.#failure(thrown, what);
    }
    const { statusCode: status = 0 } = answer;
    if (status >= 200 && status < 300) return answer;
    const message = messageIn(await this.#whole(answer, what)) ?? `HTTP status ${status}`;
    const text = `${this.#name} cannot ${what}: ${message}`;
    if (status === 404) throw new NotFoundError(text, { code: 'IMAGE_NOT_FOUND' });
    if (status === 401 || status === 403) throw new AuthError(text, { code: 'ENGINE_FORBIDDEN' });
    throw new RegistryError(text, { code: 'ENGINE_REFUSED', status });
  }

  async *#body(answer: IncomingMessage, what: string): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of answer) yield chunk as Uint8Array;
    } catch (thrown) {
      throw this.#failure(thrown, what);
    }
  }

  async #whole(answer: IncomingMessage, what: string): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.#body(answer, what)) {
      size += chunk.byteLength;
      if (size > maxAnswerBytes) {
        answer.destroy();
        throw new IntegrityError(`the answer of ${this.#name} has more than the ${maxAnswerBytes} bytes allowed`, {
          code: 'ANSWER_TOO_LARGE',
        });
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** Reads the progress to its end: errors come with status 200, too. */
  async #expectSuccess(answer: IncomingMessage, what: string): Promise<void> {
    const progress = await this.#whole(answer, what);
    for (const line of new TextDecoder().decode(progress).split('\n')) {
      const message = errorIn(line);
      if (message === undefined) continue;
      throw new RegistryError(`${this.#name} cannot ${what}: ${message}`, { code: 'ENGINE_REFUSED' });
    }
  }

  #failure(thrown: unknown, what: string): Error {
    if (thrown instanceof SheafError) return thrown;
    if (this.#signal.aborted) return cancelledBy(this.#signal);
    const { message } = asError(thrown);
    const text = `cannot ${what}: ${this.#name}`;
    switch (systemCode(thrown)) {
      case 'EACCES':
      case 'EPERM':
        return new AuthError(`${text} may not be used by this user`, {
          code: 'ENGINE_FORBIDDEN',
          cause: thrown,
          hint: 'Run sheaf as a user of the group that the socket belongs to (often "docker"), or as root.',
        });
      case 'ENOENT':
      case 'ECONNREFUSED':
      case 'ENOTFOUND':
        return new RegistryError(`${text} does not answer: ${message}`, {
          code: 'ENGINE_UNREACHABLE',
          cause: thrown,
          hint: 'Start it, or say with DOCKER_HOST (CONTAINER_HOST for podman) where it is.',
        });
      default:
        return new RegistryError(`${text} broke off: ${message}`, {
          code: 'ENGINE_CUT_OFF',
          cause: thrown,
          hint: 'Look into the log of the daemon, then try again.',
        });
    }
  }
}

/** The body of a request as a plain stream. It goes down with the request, not the other way round: an answer may be left. */
function bodyOf(request: ClientRequest): Writable {
  const body = new Writable({
    highWaterMark: 1 << 20,
    write(chunk: Uint8Array, _encoding, done) {
      if (request.write(chunk)) done();
      else request.once('drain', () => done());
    },
    final: (done) => void request.end(done),
  });
  request.once('error', (error) => body.destroy(error));
  // an answer before the end is a refusal
  request.once('response', ({ statusCode = 0 }) => {
    if (statusCode >= 400) body.destroy(new Error('the request was refused'));
  });
  return body;
}

/** What went wrong, in an answer with a status of failure. */
function messageIn(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(bytes).trim();
  const message = memberOf(text, 'message') ?? text;
  return message === '' ? undefined : message.slice(0, 1000);
}

/** What went wrong, in one line of progress. */
function errorIn(line: string): string | undefined {
  const document = documentOf(line);
  if (!isJsonObject(document)) return undefined;
  const { error, errorDetail } = document;
  const message = isJsonObject(errorDetail) ? errorDetail['message'] : undefined;
  const text = message ?? error;
  return typeof text === 'string' && text !== '' ? text.slice(0, 1000) : undefined;
}

function memberOf(text: string, key: string): string | undefined {
  const document = documentOf(text);
  const value = isJsonObject(document) ? document[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function documentOf(text: string): JsonValue | undefined {
  try {
    return parseJson(Buffer.from(text), 'an answer');
  } catch {
    return undefined;
  }
}
