/** What a registry says when it does not do what it was asked (OCI Distribution Specification v1.1, "Error Codes"). */
import {
  AuthError,
  NotFoundError,
  RegistryError,
  type RegistryErrorEntry,
  type SheafError,
  UnsupportedError,
} from '../foundation/errors.ts';
import { redact } from '../foundation/redaction.ts';
import { giveCertificate } from './failure-texts.ts';

/** The body of an answer that is not a success. */
export interface ErrorBody {
  entries: readonly RegistryErrorEntry[];
  /** A web page; registries do not answer with those, but what stands in front of them does. */
  html: boolean;
  /** What it says, short and on one line; empty where it says nothing. */
  text: string;
}

/** `text` on one line without control characters and secrets, cut to `max` characters. */
export function printable(text: string, max: number): string {
  const line = redact(text.slice(0, max * 4).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')).trim();
  return line.length > max ? `${line.slice(0, max)}...` : line;
}

/** Whether an answer is a web page, by its declared type or by how it begins. */
export function looksLikeHtml(contentType: string | undefined, bytes: Uint8Array): boolean {
  const begin = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 256))
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .trimStart();
  if (/^(?:<!doctype html|<html|<head|<\?xml[^>]*>\s*<!doctype html)/i.test(begin)) return true;
  return /^text\/html\b/i.test(contentType ?? '') && !/^[[{]/.test(begin);
}

export function parseErrorBody(contentType: string | undefined, bytes: Uint8Array): ErrorBody {
  const text = Buffer.from(bytes).toString('utf8');
  if (looksLikeHtml(contentType, bytes)) {
    const title = printable(/<title[^>]*>([^<]*)/i.exec(text)?.[1] ?? '', 80);
    return { entries: [], html: true, text: title };
  }
  const entries = errorEntries(text);
  if (entries.length === 0) return { entries, html: false, text: printable(text, 200) };
  return { entries, html: false, text: entries.slice(0, 5).map(entryText).join('; ') };
}

function errorEntries(text: string): RegistryErrorEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  const list = member(parsed, 'errors');
  const candidates = Array.isArray(list) ? (list as unknown[]) : [parsed];
  return candidates.slice(0, 20).flatMap((candidate) => {
    const code = member(candidate, 'code') ?? member(candidate, 'error');
    const message =
      member(candidate, 'message') ?? member(candidate, 'error_description') ?? member(candidate, 'details');
    if (typeof code !== 'string' && typeof message !== 'string') return [];
    const detail = member(candidate, 'detail');
    return [
      {
        code: typeof code === 'string' ? printable(code, 80) : 'UNKNOWN',
        message: typeof message === 'string' ? printable(message, 300) : '',
        ...(detail !== undefined && detail !== null && { detail }),
      },
    ];
  });
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function entryText(entry: RegistryErrorEntry): string {
  const detail =
    typeof entry.detail === 'string' && entry.detail !== entry.message ? ` (${printable(entry.detail, 200)})` : '';
  return `${entry.code}${entry.message === '' ? '' : `: ${entry.message}`}${detail}`;
}

export interface RefusalContext {
  /** What could not be done: "read the manifest 127.0.0.1:5000/a:1". */
  what: string;
  /** Who answered. */
  host: string;
  status: number;
  tries?: string;
  /** Whether credentials were sent. */
  authenticated?: boolean;
  /** Whether the registry itself was asked, as a login does, and for nothing in it. */
  root?: boolean;
  /** What it may be that answered in the place of `host`: "the proxy 10.0.0.1:3128 (HTTP_PROXY)". */
  proxy?: string;
  /** Whether another host than the registry answered, to which it had sent us. */
  foreign?: boolean;
  /** Scheme and host to which a redirect points that was not followed: "https://registry.example". */
  elsewhere?: string;
}

/** nginx asks for one so; the answer to a HEAD lacks the words. */
const certificateToo = `; if it wants a client certificate, ${giveCertificate}`;

const noRoom = /\bquota\b|storage (?:limit|space|resource)|no space left/i;

/** The error for an answer that says no. */
export function refusal(body: ErrorBody, context: RefusalContext): SheafError {
  const { what, host, status, authenticated, root, foreign } = context;
  const codes = new Set(body.entries.map((entry) => entry.code));
  // proxies say so when they do not reach a host, and registries mostly say what is wrong in a form of their own
  const proxy = status >= 502 && status <= 504 && body.entries.length === 0 ? context.proxy : undefined;
  const who = proxy === undefined ? host : `${host}, or ${proxy} before it,`;
  const said = context.elsewhere === undefined ? saying(body, status) : ` and points to ${context.elsewhere}`;
  const answered = `cannot ${what}: ${who} answered ${status}${statusText(status)}${said}${context.tries ?? ''}`;
  const code = body.entries.find((entry) => /^[A-Z][A-Z_]+$/.test(entry.code))?.code;
  const options = { status, errors: body.entries, ...(code !== undefined && { code }) };
  if (status === 507 || (status !== 401 && body.entries.some(({ message }) => noRoom.test(message)))) {
    return new RegistryError(answered, {
      ...options,
      hint: 'The registry has no room left for this: make room there, or ask the people who run it for more.',
    });
  }
  if (codes.has('MANIFEST_BLOB_UNKNOWN')) {
    return new RegistryError(answered, {
      ...options,
      hint: 'Not all that it names is there: removed meanwhile, by a collection of garbage perhaps (run the command again), or left out of the copy (copy all images of the index, or take the others out of it with --unselected strip).',
    });
  }
  if ((status === 401 || status === 403 || codes.has('UNAUTHORIZED') || codes.has('DENIED')) && foreign !== true) {
    return new AuthError(answered, {
      code: status === 401 || codes.has('UNAUTHORIZED') ? 'UNAUTHORIZED' : 'DENIED',
      hint: authenticated
        ? root
          ? 'Check the user name and the password; some registries want a token in its place.'
          : 'The credentials used do not allow this, or the name is wrong; check it, and who you are logged in as.'
        : `Log in first (sheaf login ${host}) or give --creds; check the name too, for unknown ones get the same answer.`,
    });
  }
  if (status === 413) {
    return new RegistryError(answered, {
      ...options,
      code: code ?? 'TOO_LARGE',
      hint: 'The registry, or a proxy before it, limits the size of what it takes; ask the people who run it.',
    });
  }
  if (body.html && status >= 400 && status < 500 && status !== 429 && status !== 408) {
    return new RegistryError(
      `cannot ${what}: ${host} answered ${status}${statusText(status)} with a web page${title(body)}`,
      {
        code: 'NOT_A_REGISTRY',
        status,
        hint: `Is this a registry? Check the host, the port and the path${status === 400 ? certificateToo : ''}.`,
      },
    );
  }
  if (isUnknown(status, body) && foreign !== true) {
    const hint = root ? 'Is this a registry? Check the host and the port.' : 'Check the name, the tag and the digest.';
    return new NotFoundError(answered, { code: code ?? 'NOT_FOUND', hint });
  }
  if (status === 429 || codes.has('TOOMANYREQUESTS')) {
    return new RegistryError(answered, {
      ...options,
      code: 'TOOMANYREQUESTS',
      hint: 'The registry limits how much is asked of it: wait, log in, or make fewer requests at once (--parallel).',
    });
  }
  if (status === 405 || status === 501 || codes.has('UNSUPPORTED')) {
    return new UnsupportedError(answered, {
      code: 'UNSUPPORTED',
      hint: 'The registry does not do this; perhaps it is switched off there.',
    });
  }
  return new RegistryError(answered, { ...options, hint: lastHint(answered, status, proxy) });
}

/** What to do about an answer that nothing more is known of. */
function lastHint(answered: string, status: number, proxy: string | undefined): string {
  if (/HTTP request (?:was sent )?to (?:an )?HTTPS/i.test(answered)) {
    return 'The registry speaks TLS, but not with us: name its certificates with --cert-dir, those of a client (X.cert, X.key) too if it asks for them.';
  }
  if (proxy !== undefined) {
    return 'Try again later; if it stays, check the name of the registry, and whether the proxy reaches it. NO_PROXY names hosts that are reached without it.';
  }
  if (status < 400)
    return 'It points elsewhere, and sheaf does not send there what is written: name that registry if it is the one meant.';
  return status >= 500
    ? 'The registry has a problem; try again later, and ask the people who run it if it stays.'
    : 'The registry does not accept this; its own words say why.';
}

function saying(body: ErrorBody, status: number): string {
  if (body.html) return ` with a web page${title(body)}`;
  if (body.text !== '') return ` (${body.text})`;
  // the answer to a HEAD has no body; these are the words that it would have had
  return status === 401 ? ' (authentication required)' : '';
}

function title(body: ErrorBody): string {
  return body.text === '' ? '' : ` titled "${body.text}"`;
}

/** Registries have several ways to say that something is not there. */
function isUnknown(status: number, body: ErrorBody): boolean {
  if (body.entries.some((entry) => ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'BLOB_UNKNOWN'].includes(entry.code)))
    return true;
  if (body.entries.some((entry) => entry.code === 'UNKNOWN' && /not found/i.test(entry.message))) return true;
  return status === 404 && body.entries.every((entry) => entry.code !== 'MANIFEST_BLOB_UNKNOWN');
}

const statusTexts: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  507: 'Insufficient Storage',
};

function statusText(status: number): string {
  const text = statusTexts[status];
  return text === undefined ? '' : ` ${text}`;
}
