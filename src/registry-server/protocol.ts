/**
 * Requests and replies of the registry as plain values, so that handlers are functions from one to the other and tests
 * can stand in between.
 *
 * Source: OCI Distribution Specification v1.1, "Error Codes".
 */
import type { IncomingHttpHeaders } from 'node:http';

/** The codes of the specification, and after them those that a registry may add. */
export type ErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | 'PAGINATION_NUMBER_INVALID'
  | 'PRECONDITION_FAILED'
  | 'TAG_INVALID'
  | 'UNKNOWN';

/** One request, before anything of its body has been read. */
export interface RegistryRequest {
  readonly method: string;
  /** Path and query exactly as they came. */
  readonly target: string;
  /** The path with percent-encoding resolved, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Bytes that the client has announced; undefined for a chunked body. */
  readonly bodyLength: number | undefined;
  /** May be read once. Throws when the connection ends before the body does. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the connection as soon as what was written has left. */
  cut(): void;
}

/** Opens the body of a reply; called at most once, and never for a HEAD request. */
export type BodySource = () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** What the client is to get. Header names are in lower case. */
export interface Reply {
  status: number;
  headers: Record<string, string | readonly string[]>;
  /** Bytes are sent with their length; a source must come with a `content-length` of its own or is sent chunked. */
  body?: Uint8Array | BodySource;
}

/** A reply, or the wish that the client gets none and loses its connection. */
export type Outcome = Reply | 'cut';

export function reply(status: number, headers: Reply['headers'] = {}, body?: Reply['body']): Reply {
  return body === undefined ? { status, headers: { 'content-length': '0', ...headers } } : { status, headers, body };
}

export function jsonReply(status: number, value: unknown, headers: Reply['headers'] = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  };
}

export interface ErrorEntry {
  code: ErrorCode;
  message: string;
  detail?: unknown;
}

/** An error reply with one entry or several; its body has the form that the specification gives. */
export function errorReply(
  status: number,
  errors: ErrorEntry | readonly ErrorEntry[],
  headers: Reply['headers'] = {},
): Reply {
  return jsonReply(status, { errors: Array.isArray(errors) ? errors : [errors] }, headers);
}
