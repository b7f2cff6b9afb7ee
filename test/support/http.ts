/** A bare HTTP client: what it is told goes on the wire, and nothing is followed, retried or judged. */
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** The body as text. */
  text: string;
}

export interface HttpOptions {
  method?: string;
  headers?: OutgoingHttpHeaders;
  /** A text or bytes are sent with their length, an iterable chunked unless `headers` give a length. */
  body?: string | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** PEM text of the certificate to trust. */
  ca?: string;
}

/** Sends one request on a connection of its own. Rejects when the connection ends before the answer does. */
export function http(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, body, ca } = options;
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, { method, headers, agent: false, ...(ca === undefined ? {} : { ca }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const all = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: all, text: all.toString() });
      });
    });
    request.on('error', reject);
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) request.end(body);
    // a server may answer before it has read everything; what comes of the request itself is told above
    else pipeline(body, request).catch(() => {});
  });
}

/** The codes in the error list of a registry's answer. */
export function errorCodes(answer: HttpAnswer): string[] {
  const parsed: unknown = JSON.parse(answer.text);
  if (typeof parsed !== 'object' || parsed === null || !('errors' in parsed) || !Array.isArray(parsed.errors))
    return [];
  return parsed.errors.map((error: { code: string }) => error.code);
}
