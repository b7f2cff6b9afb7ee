/**
 * Blobs as streams that survive a cut connection (OCI Distribution Specification v1.1, "Pulling blobs"; RFC 9110, 14).
 */
import { pipeline, Readable } from 'node:stream';
import { RegistryError } from '../foundation/errors.ts';
import { connectionFailure } from './connection-failure.ts';
import { type Answer, headerOf, isGzipped } from './exchange.ts';
import type { Call, Http } from './http.ts';
import type { BlobRange } from './registry-client.ts';
import { contentLength } from './repository-context.ts';
import type { RetryBudget } from './retry.ts';
import { TryFailure } from './try-failure.ts';

/** After this many bytes the tries spent on earlier cuts are forgotten. */
const renewingBytes = 64 * 1024;

/** The stream of a blob and its size, as soon as the registry has answered. `blobSize`: that of the whole blob, where it is known. */
export async function openDownload(
  http: Http,
  call: Omit<Call, 'method'>,
  range: BlobRange | undefined,
  blobSize?: number,
): Promise<{ body: Readable; size?: number }> {
  const download = new Download(http, { ...call, method: 'GET' }, range, blobSize);
  const size = await download.start();
  return { body: download, ...(size !== undefined && { size }) };
}

class Download extends Readable {
  readonly #http: Http;
  readonly #call: Call;
  readonly #budget: RetryBudget;
  readonly #blobSize: number | undefined;
  readonly #start: number;
  /** The last byte wanted, inclusive. */
  readonly #end: number | undefined;
  /** Of the next byte to give, counted from the blob's first. */
  #offset: number;
  #offsetAtFailure: number;
  /** Bytes of the present answer before `#offset`. */
  #skip = 0;
  /** Whether the present answer is the whole blob, not the part that was asked for. */
  #whole = false;
  #ranges = true;
  #source: Answer | undefined;

  constructor(http: Http, call: Call, range: BlobRange | undefined, blobSize: number | undefined) {
    super({ highWaterMark: 1024 * 1024 });
    this.#http = http;
    this.#call = call;
    this.#budget = http.budget(call.what);
    this.#blobSize = blobSize;
    this.#start = range?.start ?? 0;
    this.#end = range?.end;
    this.#offset = this.#start;
    this.#offsetAtFailure = this.#start;
  }

  /** Resolves to the size of this stream, where that is known. */
  async start(): Promise<number | undefined> {
    const answer = await this.#request(false);
    this.#attach(answer);
    const length = contentLength(answer);
    if (length === undefined) return undefined;
    const available = length - this.#skip;
    return Math.max(0, this.#end === undefined ? available : Math.min(available, this.#end - this.#start + 1));
  }

  override _read(): void {
    this.#source?.body.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#source?.body.destroy();
    callback(error);
  }

  /** Asks until there is an answer from which to read on. */
  async #request(again: boolean): Promise<Answer> {
    for (;;) {
      try {
        const ranged = this.#ranges && (this.#offset > 0 || this.#end !== undefined);
        const range = { range: `bytes=${this.#offset}-${this.#end ?? ''}` };
        const answer = await this.#http.attempt({
          ...this.#call,
          inner: again,
          ...(ranged && { headers: { ...this.#call.headers, ...range }, accept: [416] }),
        });
        const isCoded = this.#isCoded(answer);
        if (answer.status === 206 && ranged && startOf(answer) === this.#offset && !isCoded) {
          this.#skip = 0;
          this.#whole = false;
          return answer;
        }
        if (answer.status === 200) {
          this.#skip = this.#offset;
          this.#whole = true;
          if (!isCoded) return answer;
          // parts would be parts of what was compressed
          this.#ranges = false;
          return await gunzipped(answer);
        }
        answer.body.destroy();
        if (!ranged) throw this.#badAnswer(answer);
        // a registry that cannot give this part is asked for all of it
        this.#ranges = false;
      } catch (thrown) {
        await this.#budget.spend(thrown);
      }
    }
  }

  /** Whether the blob comes compressed once more; storages also call so what they give as it is, which the length tells then. */
  #isCoded(answer: Answer): boolean {
    if (!isGzipped(answer)) return false;
    const text = answer.status === 206 ? totalOf(answer) : headerOf(answer, 'content-length');
    return text === undefined || Number(text) !== this.#blobSize;
  }

  #attach(answer: Answer): void {
    this.#source = answer;
    const { body } = answer;
    body.on('data', (chunk: Uint8Array) => this.#take(chunk, body));
    body.once('end', () => {
      if (this.#source === answer && !this.destroyed) this.push(null);
    });
    body.once('error', (error) => this.#cut(answer, error));
    // 'data' started the flow; nobody may have asked yet
    body.pause();
    // a body that was cut before somebody listened says nothing more
    if (body.errored) this.#cut(answer, body.errored);
  }

  #cut(answer: Answer, error: Error): void {
    if (this.#source !== answer || this.destroyed) return;
    this.#source = undefined;
    this.#goOn(error, answer.url).catch((thrown: unknown) => this.destroy(thrown as Error));
  }

  #take(chunk: Uint8Array, body: Readable): void {
    let bytes = chunk;
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, bytes.byteLength);
      this.#skip -= skipped;
      bytes = bytes.subarray(skipped);
    }
    const left = this.#end === undefined ? Number.POSITIVE_INFINITY : this.#end + 1 - this.#offset;
    bytes = bytes.subarray(0, left);
    this.#offset += bytes.byteLength;
    if (bytes.byteLength > 0 && !this.push(bytes)) body.pause();
    if (bytes.byteLength === left && this.#whole) {
      // more than was asked for is on its way
      this.#source = undefined;
      body.destroy();
      this.push(null);
    }
  }

  async #goOn(error: Error, url: URL): Promise<void> {
    if (this.#offset - this.#offsetAtFailure >= renewingBytes) this.#budget.renew();
    this.#offsetAtFailure = this.#offset;
    await this.#budget.spend(connectionFailure(error, { what: this.#call.what, url, schemeKnown: true }));
    const answer = await this.#request(true);
    if (this.destroyed) answer.body.destroy();
    else {
      this.#attach(answer);
      answer.body.resume();
    }
  }

  #badAnswer(answer: Answer): TryFailure {
    const { what } = this.#call;
    return new TryFailure({
      reason: `${answer.url.host} answered ${answer.status}`,
      transient: false,
      toError: () =>
        new RegistryError(`cannot ${what}: ${answer.url.host} answered ${answer.status} to a request for all of it`, {
          code: 'BAD_RANGE',
          status: answer.status,
          hint: 'The registry does not work as it should; ask the people who run it.',
        }),
    });
  }
}

/** The answer with the bytes that were compressed on the way, or in the storage. */
async function gunzipped(answer: Answer): Promise<Answer> {
  const { createGunzip } = await import('node:zlib');
  // what goes wrong with either comes out of the last one
  return { ...answer, body: pipeline(answer.body, createGunzip(), () => {}) };
}

/** Where a part begins, as `Content-Range: bytes 5-9/10` says. */
function startOf(answer: Answer): number | undefined {
  const start = rangeOf(answer)?.[1];
  return start === undefined ? undefined : Number(start);
}

/** The bytes of the whole of which a part is given, as its `Content-Range` says: the `10` of `bytes 5-9/10`. */
function totalOf(answer: Answer): string | undefined {
  return rangeOf(answer)?.[2];
}

function rangeOf(answer: Answer): RegExpExecArray | null {
  return /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(headerOf(answer, 'content-range')?.trim() ?? '');
}
