/**
 * Fulcio, a log of certificates, Rekor in both versions and a timestamp authority on loopback, and the trusted root that goes
 * with them. The log and the clock are those of @sigstore/mock; what its log keeps is brought into the form in which a real one
 * would keep it, which is what verifiers look at.
 */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import {
  initializeCTLog,
  initializeTLog,
  initializeTSA,
  rekorHandler,
  rekorV2Handler,
  tsaHandler,
} from '@sigstore/mock';
import type { Certificate } from './certificate.ts';
import { pemOf, type SigstoreAuthority, sigstoreAuthority } from './sigstore-authority.ts';

export interface SigstoreServices {
  /** Address of all of them. */
  readonly url: string;
  readonly authority: SigstoreAuthority;
  /** PEM of the public key of the log. */
  readonly rekorKey: string;
  /** JSON of the trusted root. */
  readonly trustedRoot: Uint8Array;
  /** Paths that were asked, in their order. */
  readonly asked: string[];
  /** The next answers of any service, in place of its own. */
  readonly failures: Failure[];
}

interface Failure {
  status: number;
  body: string;
  headers?: Readonly<Record<string, string>>;
}

/** The issuer that the certificates name. */
export const testIssuer = 'https://issuer.example';

/** A token that the services take: not signed, for audience `sigstore`. */
export function identityToken(claims: Readonly<Record<string, unknown>> = { email: 'alice@example.com' }): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const all = { iss: testIssuer, aud: 'sigstore', sub: 'alice', exp: Math.floor(Date.now() / 1000) + 600, ...claims };
  return `${part({ alg: 'none' })}.${part(all)}.c2lnbmF0dXJl`;
}

const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest();
const keys = (): { publicKey: KeyObject; privateKey: KeyObject } => generateKeyPairSync('ec', { namedCurve: 'P-256' });

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/** `bearer`: the token of the header, where there is one. */
type Service = (body: string, bearer?: string) => Promise<Answer>;

/** Closed when the test ends. With `tls` they are reached by HTTPS, and present that certificate. */
export async function sigstoreServices(t: TestContext, tls?: Certificate): Promise<SigstoreServices> {
  const services = new Map<string, Service>();
  const asked: string[] = [];
  const failures: Failure[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    asked.push(path);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const failure = failures.shift();
    const service = services.get(path);
    const answer: Answer =
      failure !== undefined
        ? { ...failure, type: 'application/json' }
        : ((await service?.(
            bodyOf(request, Buffer.concat(chunks)),
            /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1],
          )) ?? { status: 404, type: 'text/plain', body: '' });
    response.writeHead(answer.status, { 'content-type': answer.type, ...answer.headers }).end(answer.body);
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const authority = sigstoreAuthority();
  const logKeys = keys();
  const [certificateLog, log, clock] = await Promise.all([
    initializeCTLog(keys()),
    initializeTLog(url, logKeys),
    // whole seconds: fractions of them the mock writes in a form that is not DER; not before its own certificates
    initializeTSA(keys(), new Date(Math.ceil(Date.now() / 1000 + 1) * 1000)),
  ]);
  keepAsRealLogsDo(log, logKeys.privateKey, new URL(url).hostname);
  for (const { path, fn } of [rekorHandler(log), rekorV2Handler(log), tsaHandler(clock)]) {
    services.set(path, async (body) => {
      const { statusCode, response, contentType = 'text/plain' } = await fn(body);
      // where cosign looks for the ID of the entry
      const id = path === '/api/v1/log/entries' ? /^\{"([0-9a-f]+)"/.exec(String(response))?.[1] : undefined;
      return {
        status: statusCode,
        type: contentType,
        ...(id === undefined ? {} : { headers: { etag: id } }),
        body: typeof response === 'string' ? response : bytesOf(response),
      };
    });
  }
  services.set('/api/v2/signingCert', (body, bearer) =>
    certify(authority, (certificate, issuerId) => certificateLog.log(certificate, issuerId), body, bearer),
  );
  const rekorKey = logKeys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return {
    url,
    authority,
    rekorKey,
    asked,
    failures,
    trustedRoot: Buffer.from(
      JSON.stringify({
        mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
        tlogs: [logOf(log.publicKey, url, sha256(log.publicKey))],
        ctlogs: [logOf(certificateLog.publicKey, url, bytesOf(certificateLog.logID))],
        certificateAuthorities: [authorityOf(url, [authority.intermediate, authority.root])],
        timestampAuthorities: [authorityOf(url, [bytesOf(clock.intCertificate), bytesOf(clock.rootCertificate)])],
      }),
    ),
  };
}

/** cosign asks for the time in DER; of that, the mock wants the hash in JSON. */
function bodyOf({ headers }: IncomingMessage, bytes: Buffer): string {
  if (headers['content-type'] !== 'application/timestamp-query') return bytes.toString();
  const at = bytes.indexOf(Buffer.from([0x04, 0x20])) + 2;
  const artifactHash = base64(bytes.subarray(at, at + 32));
  return JSON.stringify({ artifactHash, hashAlgorithm: 'sha256', certificates: true });
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

const start = (): string => new Date(Date.now() - 3_600_000).toISOString();
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function logOf(key: Uint8Array, baseUrl: string, id: Buffer): unknown {
  return {
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: base64(key), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: { start: start() } },
    logId: { keyId: base64(id) },
  };
}

function authorityOf(uri: string, certificates: readonly Buffer[]): unknown {
  return {
    subject: { commonName: 'sigstore', organization: 'test' },
    uri,
    certChain: { certificates: certificates.map((bytes) => ({ rawBytes: base64(bytes) })) },
    validFor: { start: start() },
  };
}

interface CertificateRequest {
  credentials?: { oidcIdentityToken: string };
  publicKeyRequest: { publicKey: { content: string }; proofOfPossession: string };
}

/** Takes the token at its word, but wants the proof that the key is there. */
async function certify(
  authority: SigstoreAuthority,
  log: (certificate: ArrayBuffer, issuerId: ArrayBuffer) => Promise<ArrayBuffer>,
  body: string,
  bearer = '',
): Promise<Answer> {
  const { credentials, publicKeyRequest } = JSON.parse(body) as CertificateRequest;
  // cosign sends it as any other token is sent
  const [, payload = ''] = (credentials?.oidcIdentityToken ?? bearer).split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string>;
  const refuse = (message: string): Answer => ({
    status: 401,
    type: 'application/json',
    body: JSON.stringify({ code: 16, message }),
  });
  if (claims['aud'] !== 'sigstore') return refuse('There was an error processing the identity token');
  const publicKey = createPublicKey(publicKeyRequest.publicKey.content);
  const subject = claims['email'] ?? claims['sub'] ?? '';
  const proof = Buffer.from(publicKeyRequest.proofOfPossession, 'base64');
  if (!verify('sha256', Buffer.from(subject), publicKey, proof)) return refuse('The signature supplied is invalid');
  const names = claims['email'] === undefined ? { uris: [subject] } : { emails: [subject] };
  const leaf = await authority.issue({ ...names, publicKey, issuer: claims['iss'] ?? '', log });
  const certificates = [leaf, authority.intermediate, authority.root].map((bytes) => pemOf(bytes));
  return {
    status: 200,
    type: 'application/json',
    body: JSON.stringify({ signedCertificateEmbeddedSct: { chain: { certificates } } }),
  };
}

type Log = Awaited<ReturnType<typeof initializeTLog>>;

interface ProposedDsse {
  kind: string;
  spec: { proposedContent: { envelope: string; verifiers: string[] } };
}

/** Real logs keep canonical entries and prove that they are in the tree; the mock keeps what it was sent. */
function keepAsRealLogsDo(log: Log, key: KeyObject, host: string): void {
  const keep = log.log.bind(log);
  const id = sha256(log.publicKey);
  /** A tree with this entry alone. */
  const proofOf = (body: Buffer, origin: string): { rootHash: Buffer; envelope: string } => {
    const rootHash = sha256(Buffer.concat([Buffer.from([0]), body]));
    const note = `${origin}\n1\n${base64(rootHash)}\n`;
    const signature = Buffer.concat([id.subarray(0, 4), sign('sha256', Buffer.from(note), key)]);
    return { rootHash, envelope: `${note}\n\u2014 ${host} ${base64(signature)}\n` };
  };
  log.log = async (proposed) => {
    const kept = await keep(isDsse(proposed) ? canonicalDsse(proposed) : proposed);
    for (const entry of Object.values(kept as Record<string, { body: string; verification: object }>)) {
      const { rootHash, envelope } = proofOf(Buffer.from(entry.body, 'base64'), `${host} - 1`);
      const inclusionProof = {
        logIndex: 0,
        treeSize: 1,
        rootHash: rootHash.toString('hex'),
        hashes: [],
        checkpoint: envelope,
      };
      Object.assign(entry, { verification: { ...entry.verification, inclusionProof } });
    }
    return kept;
  };
  log.logV2 = async ({ spec }) => {
    if (spec === undefined) throw new Error('an empty request');
    const isEnvelope = spec.$case === 'dsseRequestV002';
    const entry = isEnvelope ? envelopeEntry(spec.dsseRequestV002) : digestEntry(spec.hashedRekordRequestV002);
    const kind = isEnvelope ? 'dsse' : 'hashedrekord';
    const body = Buffer.from(JSON.stringify({ apiVersion: '0.0.2', kind, spec: entry }));
    const { rootHash, envelope } = proofOf(body, host);
    return {
      logId: { keyId: id },
      kindVersion: { kind, version: '0.0.2' },
      logIndex: '0',
      integratedTime: '0',
      canonicalizedBody: body,
      inclusionPromise: undefined,
      inclusionProof: { logIndex: '0', treeSize: '1', rootHash, hashes: [], checkpoint: { envelope } },
    };
  };
}

function isDsse(proposed: object): proposed is ProposedDsse {
  return 'kind' in proposed && proposed.kind === 'dsse';
}

function canonicalDsse({ spec }: ProposedDsse): object {
  const { envelope, verifiers } = spec.proposedContent;
  const { payload, signatures } = JSON.parse(envelope) as { payload: string; signatures: { sig: string }[] };
  const hash = (bytes: Uint8Array | string): object => ({ algorithm: 'sha256', value: sha256(bytes).toString('hex') });
  return {
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      envelopeHash: hash(envelope),
      payloadHash: hash(Buffer.from(payload, 'base64')),
      signatures: signatures.map(({ sig }, index) => ({ signature: sig, verifier: verifiers[index] })),
    },
  };
}

type Spec = NonNullable<Parameters<Log['logV2']>[0]['spec']>;
type EnvelopeRequest = Extract<Spec, { $case: 'dsseRequestV002' }>['dsseRequestV002'];
type DigestRequest = Extract<Spec, { $case: 'hashedRekordRequestV002' }>['hashedRekordRequestV002'];
type Verifier = EnvelopeRequest['verifiers'][number];

function verifierOf(verifier: Verifier | undefined): unknown {
  const bytes =
    verifier?.verifier?.$case === 'x509Certificate' ? verifier.verifier.x509Certificate.rawBytes : Buffer.alloc(0);
  return { keyDetails: 'PKIX_ECDSA_P256_SHA_256', x509Certificate: { rawBytes: base64(bytes) } };
}

function envelopeEntry({ envelope, verifiers }: EnvelopeRequest): unknown {
  const payload = envelope?.payload ?? Buffer.alloc(0);
  const signatures = envelope?.signatures.map(({ sig }, index) => ({
    content: base64(sig),
    verifier: verifierOf(verifiers[index]),
  }));
  return { dsseV002: { payloadHash: { algorithm: 'SHA2_256', digest: base64(sha256(payload)) }, signatures } };
}

function digestEntry({ digest, signature }: DigestRequest): unknown {
  const content = base64(signature?.content ?? Buffer.alloc(0));
  return {
    hashedRekordV002: {
      data: { algorithm: 'SHA2_256', digest: base64(digest) },
      signature: { content, verifier: verifierOf(signature?.verifier) },
    },
  };
}
