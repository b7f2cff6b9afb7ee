/**
 * The services that vouch for a signature: a log that keeps it, a clock that says when. Nobody is asked who is not named.
 *
 * Source: Rekor OpenAPI v1 (`POST /api/v1/log/entries`) and Rekor v2; RFC 3161 over HTTP.
 */
import type { Bundle, TransparencyLogEntry } from '@sigstore/bundle';
import { asError, RegistryError, SheafError, UnsupportedError, UsageError } from '../../foundation/errors.ts';
import { redact } from '../../foundation/redaction.ts';
import type { Session } from '../../foundation/session.ts';
import type { ServiceConnections } from './fetch-json.ts';
import { encodeLogAnnotation } from './log-annotation.ts';

export interface WitnessOptions {
  /** Base address of a Rekor log. */
  readonly rekorUrl?: string;
  /** 1 unless told. */
  readonly rekorVersion?: 1 | 2;
  /** Base address of a timestamp authority, `/api/v1/timestamp` is appended; or the whole address. */
  readonly timestampUrl?: string;
  /** The way to the services; with what the environment says of proxies unless told. */
  readonly connections?: ServiceConnections;
}

export interface Testimony {
  readonly logEntries: TransparencyLogEntry[];
  readonly timestamps: { signedTimestamp: Buffer }[];
}

/**
 * @param content made only when somebody is asked
 * @param verifier PEM of the public key or certificate that made the signature
 * @throws RegistryError for a service that fails; CancelledError
 */
export async function testify(
  session: Session,
  options: WitnessOptions,
  content: () => Promise<Bundle['content']>,
  verifier: string,
): Promise<Testimony> {
  const { rekorUrl, rekorVersion = 1, timestampUrl, connections } = options;
  if (rekorUrl === undefined && timestampUrl === undefined) return { logEntries: [], timestamps: [] };
  const [{ logSignature, stampSignature }, signed] = await Promise.all([import('./witnesses.ts'), content()]);
  const [entry, signedTimestamp] = await Promise.all([
    rekorUrl === undefined
      ? undefined
      : asked('the Rekor log', rekorUrl, (url) =>
          logSignature(session, { url, version: rekorVersion, connections }, signed, verifier),
        ),
    timestampUrl === undefined
      ? undefined
      : asked('the timestamp authority', timestampUrl, (url) =>
          stampSignature(session, { url, connections }, signatureOf(signed)),
        ),
  ]);
  return {
    logEntries: entry === undefined ? [] : [entry],
    timestamps: signedTimestamp === undefined ? [] : [{ signedTimestamp }],
  };
}

function signatureOf(content: Bundle['content']): Uint8Array {
  if (content.$case === 'messageSignature') return content.messageSignature.signature;
  return content.dsseEnvelope.signatures[0]?.sig ?? new Uint8Array();
}

/** One conversation with a service. Throws RegistryError SIGSTORE_SERVICE, CancelledError. */
export async function asked<T>(what: string, url: string, ask: (url: string) => Promise<T>): Promise<T> {
  const base = serviceUrl(url, what);
  try {
    return await ask(base);
  } catch (thrown) {
    if (thrown instanceof SheafError) throw thrown;
    throw serviceError(thrown, what, base);
  }
}

/** Without the slash at its end. Throws UsageError BAD_SERVICE_URL. */
export function serviceUrl(text: string, what: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new UsageError(`the address of ${what} is no web address: ${JSON.stringify(redact(text))}`, {
      code: 'BAD_SERVICE_URL',
      hint: 'Write it in full, as in https://rekor.example.com.',
    });
  }
  return url.href.replace(/\/+$/, '');
}

function serviceError(thrown: unknown, what: string, url: string): RegistryError {
  // the error itself may hold an identity token: only its words, with such things taken out, go on
  const words = redact(asError(thrown).message).replaceAll(/[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '***');
  return new RegistryError(`${what} at ${redact(url)} failed: ${words.slice(0, 500)}`, {
    code: 'SIGSTORE_SERVICE',
    hint: 'Nothing was signed; see whether the service can be reached and run it again.',
  });
}

/** The annotation for what a log of version 1 has answered. Throws UnsupportedError REKOR_V2_ATTACHMENT, RegistryError. */
export function logAnnotationOf(entry: TransparencyLogEntry): string {
  const promise = entry.inclusionPromise;
  if (promise === undefined) throw noPromise();
  return encodeLogAnnotation({
    body: entry.canonicalizedBody,
    integratedTime: Number(entry.integratedTime),
    logIndex: Number(entry.logIndex),
    logId: entry.logId.keyId.toString('hex'),
    signedEntryTimestamp: promise.signedEntryTimestamp,
  });
}

export function noPromise(): UnsupportedError {
  return new UnsupportedError('entries of a Rekor log of version 2 have no form in signature attachments', {
    code: 'REKOR_V2_ATTACHMENT',
    hint: 'Store the signature as a bundle, or name a log of version 1.',
  });
}
