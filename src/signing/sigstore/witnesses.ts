/**
 * The clients of a log and of a timestamp authority.
 *
 * Source: Rekor OpenAPI v1 (`POST /api/v1/log/entries`: 201 with the entry, 409 with the place of the one that is there); Rekor v2
 * (`POST /api/v2/log/entries`: the entry as protobuf JSON); sigstore timestamp-authority (`POST /api/v1/timestamp`: RFC 3161).
 */
import { createHash } from 'node:crypto';
import type { Bundle, TransparencyLogEntry } from '@sigstore/bundle';
import type { HashAlgorithm, TransparencyLogEntry as ProtobufEntry } from '@sigstore/protobuf-specs';
import { RegistryError } from '../../foundation/errors.ts';
import { redact } from '../../foundation/redaction.ts';
import type { Session } from '../../foundation/session.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import {
  askAgain,
  fetchBytes,
  fetchJson,
  type JsonRequest,
  type ServiceAnswer,
  type ServiceConnections,
} from './fetch-json.ts';
import { decodeBase64 } from './pem.ts';
import { preAuthEncoding } from './statement.ts';

export interface Service {
  /** Without a slash at its end. */
  readonly url: string;
  readonly connections?: ServiceConnections | undefined;
}

/** What the log has kept of a signature. Throws RegistryError SIGSTORE_SERVICE, CancelledError. */
export async function logSignature(
  session: Session,
  service: Service & { readonly version: 1 | 2 },
  content: Bundle['content'],
  verifier: string,
): Promise<TransparencyLogEntry> {
  const [{ toCreateEntryRequest, toProposedEntry }, { CreateEntryRequest, HashAlgorithm, TransparencyLogEntry }] =
    await Promise.all([import('./packages/sign.ts'), import('./packages/protobuf-specs.ts')]);
  const client = { what: 'the Rekor log', ...service };
  if (service.version === 2) {
    const body = JSON.stringify(
      CreateEntryRequest.toJSON(toCreateEntryRequest(signedBytes(content, HashAlgorithm.SHA2_256), verifier)),
    );
    const answer = await post(session, client, `${service.url}/api/v2/log/entries`, body, fetchJson);
    return requireWhole(client, TransparencyLogEntry.fromJSON(requireGood(client, answer)));
  }
  const entries = `${service.url}/api/v1/log/entries`;
  const body = JSON.stringify(toProposedEntry(content, verifier));
  const answer = await post(session, client, entries, body, fetchJson);
  if (answer.status !== 409) return entryOf(client, requireGood(client, answer));
  // the very same is there already: keys that sign without chance say the same twice
  const id = answer.location?.split('/').at(-1) ?? '';
  if (!/^[0-9a-f]{64,80}$/.test(id)) throw failed(client, 'it has the entry already and does not say where', 409);
  const { connections } = service;
  const kept = await askAgain(session, () => fetchJson(session, `${entries}/${id}`, client.what, { connections }));
  return entryOf(client, requireGood(client, kept));
}

/**
 * In a log of version 2 an envelope stands as the hash of what its signature is over, as cosign puts it there: of entries that know
 * the envelope cosign can read nothing.
 */
function signedBytes(content: Bundle['content'], algorithm: HashAlgorithm): Bundle['content'] {
  if (content.$case === 'messageSignature') return content;
  const { payload, payloadType, signatures } = content.dsseEnvelope;
  const digest = createHash('sha256').update(preAuthEncoding(payloadType, payload)).digest();
  const messageDigest = { algorithm, digest };
  const signature = signatures[0]?.sig ?? Buffer.alloc(0);
  return { $case: 'messageSignature', messageSignature: { messageDigest, signature } };
}

/** The answer of RFC 3161 over the signature. Throws RegistryError SIGSTORE_SERVICE, CancelledError. */
export async function stampSignature(session: Session, service: Service, signature: Uint8Array): Promise<Buffer> {
  const client = { what: 'the timestamp authority', ...service };
  const artifactHash = createHash('sha256').update(signature).digest('base64');
  const body = JSON.stringify({ artifactHash, hashAlgorithm: 'sha256' });
  const url = new URL(service.url).pathname === '/' ? `${service.url}/api/v1/timestamp` : service.url;
  const answer = await post(session, client, url, body, fetchBytes);
  if (answer.status >= 300) throw failed(client, saidIn(jsonIn(answer.body)), answer.status);
  if (answer.body.byteLength === 0) throw failed(client, 'it sent nothing');
  return Buffer.from(answer.body);
}

interface Client extends Service {
  /** In words. */
  readonly what: string;
}

type Fetch<Body> = (session: Session, url: string, what: string, request: JsonRequest) => Promise<ServiceAnswer<Body>>;

function post<Body>(
  session: Session,
  { what, connections }: Client,
  url: string,
  body: string,
  fetch: Fetch<Body>,
): Promise<ServiceAnswer<Body>> {
  const headers = { 'content-type': 'application/json' };
  return askAgain(session, () => fetch(session, url, what, { method: 'POST', connections, headers, body }));
}

function requireGood(client: Client, { status, body }: ServiceAnswer<JsonValue>): JsonValue {
  if (status < 300) return body;
  throw failed(client, saidIn(body), status);
}

/** The only entry of `{"<id>": {...}}`. */
function entryOf(client: Client, body: JsonValue): TransparencyLogEntry {
  const entries = isJsonObject(body) ? Object.values(body) : [];
  const [entry] = entries;
  if (entries.length !== 1 || !isJsonObject(entry)) throw malformed(client);
  const canonicalizedBody = bytesOf(client, entry['body']);
  const kept = jsonIn(canonicalizedBody);
  const verification = isJsonObject(entry['verification']) ? entry['verification'] : {};
  const promise = verification['signedEntryTimestamp'];
  const proof = verification['inclusionProof'];
  return {
    logIndex: integer(client, entry['logIndex']),
    logId: { keyId: hexOf(client, entry['logID']) },
    integratedTime: integer(client, entry['integratedTime']),
    kindVersion: {
      kind: textOf(client, isJsonObject(kept) ? kept['kind'] : undefined),
      version: textOf(client, isJsonObject(kept) ? kept['apiVersion'] : undefined),
    },
    inclusionPromise: promise === undefined ? undefined : { signedEntryTimestamp: bytesOf(client, promise) },
    inclusionProof: isJsonObject(proof) ? proofOf(client, proof) : undefined,
    canonicalizedBody,
  };
}

function proofOf(client: Client, proof: Record<string, JsonValue>): TransparencyLogEntry['inclusionProof'] {
  const hashes = proof['hashes'];
  return {
    logIndex: integer(client, proof['logIndex']),
    treeSize: integer(client, proof['treeSize']),
    rootHash: hexOf(client, proof['rootHash']),
    hashes: Array.isArray(hashes) ? hashes.map((hash) => hexOf(client, hash)) : [],
    checkpoint: { envelope: textOf(client, proof['checkpoint']) },
  };
}

function requireWhole(client: Client, entry: ProtobufEntry): TransparencyLogEntry {
  const { canonicalizedBody, inclusionProof, kindVersion, logId } = entry;
  if (kindVersion === undefined || logId === undefined) throw malformed(client);
  if (canonicalizedBody.byteLength === 0 || inclusionProof === undefined) throw malformed(client);
  return { ...entry, kindVersion, logId };
}

function textOf(client: Client, value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  throw malformed(client);
}

function integer(client: Client, value: JsonValue | undefined): string {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return String(value);
  throw malformed(client);
}

function hexOf(client: Client, value: JsonValue | undefined): Buffer {
  const text = textOf(client, value);
  if (!/^(?:[0-9a-f]{2})+$/.test(text)) throw malformed(client);
  return Buffer.from(text, 'hex');
}

function bytesOf(client: Client, value: JsonValue | undefined): Buffer {
  const bytes = decodeBase64(textOf(client, value));
  if (bytes === undefined || bytes.byteLength === 0) throw malformed(client);
  return Buffer.from(bytes);
}

/** `null` where it is none. */
function jsonIn(bytes: Uint8Array): JsonValue {
  try {
    return parseJson(bytes, 'the answer');
  } catch {
    return null;
  }
}

/** What an answer that is none says, made short: it is a stranger's word. */
function saidIn(body: JsonValue): string {
  const message = isJsonObject(body) ? body['message'] : undefined;
  return typeof message === 'string' && message !== '' ? message.slice(0, 300) : 'it gave no reason';
}

function malformed(client: Client): RegistryError {
  return failed(client, 'what it answered is no entry of a log');
}

function failed({ what, url }: Client, why: string, status?: number): RegistryError {
  const told = status === undefined ? why : `HTTP status ${status}, ${why}`;
  return new RegistryError(`${what} at ${redact(url)} failed: ${redact(told)}`, {
    code: 'SIGSTORE_SERVICE',
    hint: 'Nothing was signed; see whether the service can be reached and run it again.',
    ...(status === undefined ? {} : { status }),
  });
}
