/**
 * The services that vouch for a signature: a log that keeps it, a clock that says when. Nobody is asked who is not named.
 *
 * Source: Rekor OpenAPI v1 (`POST /api/v1/log/entries`) and Rekor v2; RFC 3161 over HTTP.
 */
import type { Bundle, TransparencyLogEntry } from '@sigstore/bundle';
import {
  asError,
  CancelledError,
  RegistryError,
  SheafError,
  UnsupportedError,
  UsageError,
} from '../../foundation/errors.ts';
import { redact } from '../../foundation/redaction.ts';
import type { Session } from '../../foundation/session.ts';
import { encodeLogAnnotation } from './log-annotation.ts';

export interface WitnessOptions {
  /** Base address of a Rekor log. */
  readonly rekorUrl?: string;
  /** 1 unless told. */
  readonly rekorVersion?: 1 | 2;
  /** Base address of a timestamp authority; `/api/v1/timestamp` is appended. */
  readonly timestampUrl?: string;
}

export interface Testimony {
  readonly logEntries: TransparencyLogEntry[];
  readonly timestamps: { signedTimestamp: Buffer }[];
}

/** Milliseconds that a service may take for one answer, and how often it is asked again. */
export const patience = { timeout: 30_000, retries: 2 } as const;

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
  const { rekorUrl, rekorVersion = 1, timestampUrl } = options;
  if (rekorUrl === undefined && timestampUrl === undefined) return { logEntries: [], timestamps: [] };
  const [{ RekorWitness, TSAWitness }, signed] = await Promise.all([import('./packages/sign.ts'), content()]);
  const settings = { timeout: patience.timeout, retry: patience.retries };
  const [logged, stamped] = await Promise.all([
    rekorUrl === undefined
      ? undefined
      : asked(session, 'the Rekor log', rekorUrl, (url) =>
          new RekorWitness({ ...settings, rekorBaseURL: url, majorApiVersion: rekorVersion }).testify(signed, verifier),
        ),
    timestampUrl === undefined
      ? undefined
      : asked(session, 'the timestamp authority', timestampUrl, (url) =>
          new TSAWitness({ ...settings, tsaBaseURL: url }).testify(signed),
        ),
  ]);
  return { logEntries: logged?.tlogEntries ?? [], timestamps: stamped?.rfc3161Timestamps ?? [] };
}

/** One conversation with a service, given up when the run is stopped. Throws RegistryError SIGSTORE_SERVICE, CancelledError. */
export async function asked<T>(
  session: Session,
  what: string,
  url: string,
  ask: (url: string) => Promise<T>,
): Promise<T> {
  const base = serviceUrl(url, what);
  const { signal } = session;
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(new CancelledError());
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([ask(base), stopped.promise]);
  } catch (thrown) {
    if (thrown instanceof SheafError) throw thrown;
    throw serviceError(thrown, what, base);
  } finally {
    signal.removeEventListener('abort', stop);
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
  const status = statusOf(thrown);
  const words = redact(asError(thrown).message).replaceAll(/[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '***');
  return new RegistryError(`${what} at ${redact(url)} failed: ${words.slice(0, 500)}`, {
    code: 'SIGSTORE_SERVICE',
    hint: 'Nothing was signed; see whether the service can be reached and run it again.',
    ...(status === undefined ? {} : { status }),
  });
}

function statusOf(thrown: unknown): number | undefined {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  if (typeof cause !== 'object' || cause === null || !('statusCode' in cause)) return undefined;
  return typeof cause.statusCode === 'number' ? cause.statusCode : undefined;
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
