/**
 * What a Rekor log said about an attachment, as an annotation: the entry, and the promise of the log to keep it.
 *
 * Source: cosign specs/SIGNATURE_SPEC.md ("bundle"); containers/image signature/internal/rekor_set.go (which checks are made);
 * RFC 8785 (the form that the log signs).
 */
import { createHash, type KeyObject, verify } from 'node:crypto';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import { decodeBase64, parseOnlyPem } from './pem.ts';
import { asRejection, rejected } from './rejection.ts';

/** An entry of a log, with its signature over it. */
export interface LogEntry {
  /** Canonical JSON of the entry. */
  readonly body: Uint8Array;
  /** Seconds since 1970. */
  readonly integratedTime: number;
  readonly logIndex: number;
  /** SHA-256 of the key of the log, in hexadecimal. */
  readonly logId: string;
  readonly signedEntryTimestamp: Uint8Array;
}

/** What the entry has to be about. */
export interface LoggedSignature {
  readonly payload: Uint8Array;
  /** Base64, as in the annotation. */
  readonly signature: string;
  /** DER of the public key, or of the certificate that holds it. */
  readonly signer: Uint8Array;
}

const utf8 = new TextEncoder();

export function encodeLogAnnotation(entry: LogEntry): string {
  const { integratedTime, logIndex, logId: logID } = entry;
  return JSON.stringify({
    SignedEntryTimestamp: base64(entry.signedEntryTimestamp),
    Payload: { body: base64(entry.body), integratedTime, logIndex, logID },
  });
}

/** Throws IntegrityError SIGNATURE_REJECTED. */
export function parseLogAnnotation(text: string): LogEntry {
  const outer = members(json(utf8.encode(text)), ['SignedEntryTimestamp', 'Payload']);
  const inner = members(outer['Payload'], ['body', 'integratedTime', 'logIndex', 'logID']);
  const logId = inner['logID'];
  if (typeof logId !== 'string' || !/^[0-9a-f]{64}$/.test(logId)) throw malformed('logID is no SHA-256');
  return {
    body: bytesOf(inner['body']),
    integratedTime: count(inner['integratedTime']),
    logIndex: count(inner['logIndex']),
    logId,
    signedEntryTimestamp: bytesOf(outer['SignedEntryTimestamp']),
  };
}

/**
 * That one of `keys` signed the entry, and that the entry is about `about`.
 * @throws IntegrityError SIGNATURE_REJECTED
 */
export function verifyLogEntry(entry: LogEntry, keys: readonly KeyObject[], about: LoggedSignature): void {
  const canonical = utf8.encode(
    `{"body":"${base64(entry.body)}","integratedTime":${entry.integratedTime},"logID":"${entry.logId}","logIndex":${entry.logIndex}}`,
  );
  const signed = keys.some(
    (key) =>
      key.asymmetricKeyType === 'ec' &&
      verify('sha256', canonical, { key, dsaEncoding: 'der' }, entry.signedEntryTimestamp),
  );
  if (!signed) throw rejected('cryptographic signature verification of the Rekor SET failed');
  checkLoggedBody(entry.body, about);
}

/** In words, for verdicts. */
export function nameOfLog(entry: LogEntry): string {
  return `Rekor log ${entry.logId.slice(0, 16)}, index ${entry.logIndex}`;
}

/** That an entry, whose log is verified, is about this signature. Throws IntegrityError SIGNATURE_REJECTED. */
export function checkLoggedBody(body: Uint8Array, { payload, signature, signer }: LoggedSignature): void {
  const entry = members(json(body), ['apiVersion', 'kind', 'spec']);
  if (entry['kind'] !== 'hashedrekord' || entry['apiVersion'] !== '0.0.1') {
    throw rejected('the Rekor entry is not a hashedrekord of version 0.0.1');
  }
  const spec = members(entry['spec'], ['data', 'signature']);
  const hash = members(members(spec['data'], ['hash'])['hash'], ['algorithm', 'value']);
  if (hash['algorithm'] !== 'sha256') throw rejected('the Rekor entry does not hash with SHA-256');
  if (hash['value'] !== createHash('sha256').update(payload).digest('hex')) {
    throw rejected('the Rekor entry is about another payload');
  }
  const logged = members(spec['signature'], ['content', 'publicKey']);
  if (logged['content'] !== signature) throw rejected('the Rekor entry is about another signature');
  const pem = bytesOf(members(logged['publicKey'], ['content'])['content']);
  const block = pemOf(pem);
  if (!Buffer.from(block.bytes).equals(signer)) throw rejected('the Rekor entry is about another key');
}

function pemOf(pem: Uint8Array): { bytes: Uint8Array } {
  try {
    return parseOnlyPem(pem, 'the key in the Rekor entry');
  } catch (thrown) {
    throw rejected(thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }
}

function json(bytes: Uint8Array): JsonValue {
  try {
    return parseJson(bytes, 'the Rekor entry');
  } catch (thrown) {
    throw asRejection(thrown, 'the Rekor entry cannot be read');
  }
}

/** An object that has these members and no others. */
function members(value: JsonValue | undefined, keys: readonly string[]): Record<string, JsonValue> {
  if (!isJsonObject(value)) throw malformed('something in it is no object');
  const stray = Object.keys(value).find((key) => !keys.includes(key));
  const absent = keys.find((key) => !Object.hasOwn(value, key));
  if (stray !== undefined) throw malformed(`unknown member ${JSON.stringify(stray.slice(0, 60))}`);
  if (absent !== undefined) throw malformed(`no member "${absent}"`);
  return value;
}

function bytesOf(value: JsonValue | undefined): Uint8Array {
  const bytes = typeof value === 'string' ? decodeBase64(value) : undefined;
  if (bytes === undefined) throw malformed('something in it is not base64');
  return bytes;
}

function count(value: JsonValue | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed('a number is no integer');
  return value;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function malformed(why: string): Error {
  return rejected(`the Rekor entry is malformed: ${why}`);
}
