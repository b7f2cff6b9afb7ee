/** Bodies that fit into memory: how much and how long is read of them. */
import { type SheafError, systemCode } from '../foundation/errors.ts';
import { connectionFailure } from './connection-failure.ts';
import { type Answer, ExchangeFailure, headerOf, isGzipped } from './exchange.ts';

/** Bytes read at most of a list of errors. */
const errorBodyBytes = 64 * 1024;

export interface SmallBodyOptions {
  what: string;
  maxBytes: number;
  /** Milliseconds for the whole body. */
  timeoutMs: number;
  tooLarge(): SheafError;
}

/**
 * The whole body. Throws what `tooLarge` makes as soon as it is known to be larger than `maxBytes`, without reading on,
 * and TryFailure when the connection is cut or the time is over.
 */
export async function readSmallBody(answer: Answer, options: SmallBodyOptions): Promise<Uint8Array> {
  if (Number(headerOf(answer, 'content-length') ?? 0) > options.maxBytes) {
    answer.body.destroy();
    throw options.tooLarge();
  }
  const timer = setTimeout(() => {
    answer.body.destroy(new ExchangeFailure('body', Object.assign(new Error('too slow'), { code: 'ETIMEDOUT' })));
  }, options.timeoutMs);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of answer.body) {
      const chunk = piece as Uint8Array;
      size += chunk.byteLength;
      // leaving the loop destroys the body
      if (size > options.maxBytes) throw options.tooLarge();
      chunks.push(chunk);
    }
  } catch (thrown) {
    throw connectionFailure(thrown, { what: options.what, url: answer.url, schemeKnown: true });
  } finally {
    clearTimeout(timer);
  }
  const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  const plain = await uncompressed(answer, bytes, options.maxBytes);
  if (plain === undefined) throw options.tooLarge();
  return plain;
}

/** The bytes meant; `undefined` where these are more than `maxBytes`. What is not compressed as it says stays as it is. */
async function uncompressed(answer: Answer, bytes: Uint8Array, maxBytes: number): Promise<Uint8Array | undefined> {
  if (!isGzipped(answer)) return bytes;
  const { gunzipSync } = await import('node:zlib');
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (thrown) {
    return systemCode(thrown) === 'ERR_BUFFER_TOO_LARGE' ? undefined : bytes;
  }
}

/** The beginning of the body of an answer that says no; whatever could be read of it. */
export async function readErrorBody(answer: Answer, timeoutMs: number): Promise<Uint8Array> {
  const { body } = answer;
  // it says nothing more
  if (body.destroyed) return new Uint8Array();
  const timer = setTimeout(() => body.destroy(), Math.min(timeoutMs, 30_000));
  const chunks: Uint8Array[] = [];
  let size = 0;
  // by events: most of these bodies are empty, and an iterator costs more than the whole rest of a HEAD
  await new Promise<void>((resolve) => {
    body
      .on('data', (chunk: Uint8Array) => {
        chunks.push(chunk.subarray(0, errorBodyBytes - size));
        size += chunk.byteLength;
        if (size >= errorBodyBytes) body.destroy();
      })
      // an error, too: the status alone says enough
      .once('end', resolve)
      .once('error', () => resolve())
      .once('close', resolve);
  });
  clearTimeout(timer);
  return (await uncompressed(answer, Buffer.concat(chunks), errorBodyBytes)) ?? new Uint8Array();
}

/** Reads a body that nobody wants, if it is short, so that the connection can be used again. */
export async function discard(answer: Answer, timeoutMs: number): Promise<void> {
  await readErrorBody(answer, timeoutMs);
}
