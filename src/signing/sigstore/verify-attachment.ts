/**
 * Verifies signatures that stand beside an image as `.sig` attachments. Only the payload is signed: everything in the
 * annotations is what somebody says, until it is verified. The payload is not looked into here.
 *
 * Source: containers/image signature/policy_eval_sigstore.go and fulcio_cert.go; cosign specs/SIGNATURE_SPEC.md.
 */
import { createHash, type KeyObject } from 'node:crypto';
import type { Bundle } from '@sigstore/bundle';
import { simpleSigningType } from '../attachments/attachment-store.ts';
import type { SignedBy, SigstoreTrust } from '../policy/attachment-verifier.ts';
import type { AttachmentSignature } from '../signature.ts';
import { signatureAnnotations } from './annotations.ts';
import {
  type Certificate,
  namesOf,
  oidcIssuerOf,
  parseCertificates,
  parseTrusted,
  verifyChain,
} from './certificate.ts';
import { nameOfKey, parseLogKey, parsePublicKey, parsePublicKeys, spkiOf, verifyBytes } from './keys.ts';
import { checkLoggedBody, type LogEntry, nameOfLog, parseLogAnnotation, verifyLogEntry } from './log-annotation.ts';
import { decodeBase64 } from './pem.ts';
import { rejected } from './rejection.ts';
import { checkIdentity, parseTrustedRoot, verifyEntity } from './verify-identity.ts';

type TrustOf<Kind extends SigstoreTrust['kind']> = Extract<SigstoreTrust, { kind: Kind }>;

/** Bytes of a payload; real ones have a few hundred. */
const maxPayload = 4 << 20;

interface Parts {
  readonly payload: Uint8Array;
  readonly signatureText: string;
  readonly signature: Uint8Array;
  annotation(name: keyof typeof signatureAnnotations): string | undefined;
}

/**
 * That the signature over the payload is good under `trust`, at the time `now` where nothing else says when it was made.
 * @throws IntegrityError SIGNATURE_REJECTED with the reason; UsageError for keys and certificates that cannot be used
 */
export async function verifyAttachment(
  attachment: AttachmentSignature,
  trust: SigstoreTrust,
  now: Date,
): Promise<SignedBy> {
  const parts = partsOf(attachment);
  switch (trust.kind) {
    case 'keys':
      return verifyByKeys(parts, trust);
    case 'fulcio':
      return verifyByFulcio(parts, trust);
    case 'pki':
      return verifyByPki(parts, trust, now);
    case 'identity':
      return verifyByIdentity(parts, trust);
  }
}

/** Whom a certificate names that goes with a signature, which its key made; nobody has vouched for any of that. */
export interface Certified {
  readonly certificate: Certificate;
  /** Whether there is an entry of a log, of whatever worth. */
  readonly logged: boolean;
}

/** For those who look for what they have signed themselves. Throws IntegrityError SIGNATURE_REJECTED. */
export function certifiedAttachment(attachment: AttachmentSignature): Certified {
  const parts = partsOf(attachment);
  const certificate = leafOf(parts);
  requireSigned(certificate.x509.publicKey, parts);
  return { certificate, logged: parts.annotation('log') !== undefined };
}

function partsOf({ mediaType, payload, annotations }: AttachmentSignature): Parts {
  if (mediaType !== simpleSigningType) {
    throw rejected(`the attachment is of type ${JSON.stringify(mediaType.slice(0, 100))} and no signature`);
  }
  if (payload.byteLength > maxPayload) throw rejected(`the payload has more than ${maxPayload} bytes`);
  const annotation = (name: keyof typeof signatureAnnotations): string | undefined =>
    Object.hasOwn(annotations, signatureAnnotations[name]) ? annotations[signatureAnnotations[name]] : undefined;
  const signatureText = annotation('signature');
  if (signatureText === undefined) throw rejected(`missing ${signatureAnnotations.signature} annotation`);
  const signature = decodeBase64(signatureText);
  if (signature === undefined || signature.byteLength === 0) throw rejected('the signature is not base64');
  return { payload, signatureText, signature, annotation };
}

const badSignature = 'cryptographic signature verification failed';

function verifyByKeys(parts: Parts, { keys, everyKey, rekorKeys }: TrustOf<'keys'>): SignedBy {
  const trusted = keys.flatMap((pem) => (everyKey === true ? parsePublicKeys(pem) : parsePublicKey(pem)));
  const logKeys = rekorKeys?.map(parseLogKey);
  const entry = logKeys === undefined ? undefined : logEntryOf(parts);
  const key = trusted.find((candidate) => verifyBytes(candidate, parts.payload, parts.signature));
  if (key === undefined) throw rejected(`${badSignature}: invalid signature when validating ASN.1 encoded signature`);
  if (entry === undefined || logKeys === undefined) return { signer: nameOfKey(key) };
  const about = { payload: parts.payload, signature: parts.signatureText, signer: spkiOf(key) };
  verifyLogEntry(entry, logKeys, about);
  return { signer: nameOfKey(key), ...witnessOf(entry) };
}

function verifyByFulcio(parts: Parts, trust: TrustOf<'fulcio'>): SignedBy {
  const roots = parseTrusted(trust.authorities, 'the certificates of the authority');
  const logKeys = trust.rekorKeys.map(parseLogKey);
  const entry = logEntryOf(parts);
  const leaf = leafOf(parts);
  const about = { payload: parts.payload, signature: parts.signatureText, signer: leaf.x509.raw };
  verifyLogEntry(entry, logKeys, about);
  verifyChain(leaf, { roots, intermediates: intermediatesOf(parts), at: new Date(entry.integratedTime * 1000) });
  const issuer = oidcIssuerOf(leaf);
  if (issuer !== trust.oidcIssuer) {
    throw rejected(`Unexpected Fulcio OIDC issuer ${JSON.stringify(issuer.slice(0, 200))}`);
  }
  requireName(trust.subjectEmail, namesOf(leaf).emails, 'email');
  requireSigned(leaf.x509.publicKey, parts);
  return { signer: `${trust.subjectEmail} (${issuer})`, ...witnessOf(entry) };
}

function verifyByPki(parts: Parts, trust: TrustOf<'pki'>, now: Date): SignedBy {
  const roots = parseTrusted(trust.roots, 'the root certificates');
  const given =
    trust.intermediates === undefined ? [] : parseTrusted(trust.intermediates, 'the intermediate certificates');
  const { subjectEmail, subjectHostname } = trust;
  if (subjectEmail === undefined && subjectHostname === undefined) throw rejected('the policy names no subject');
  const leaf = leafOf(parts);
  verifyChain(leaf, { roots, intermediates: [...given, ...intermediatesOf(parts)], at: now });
  const names = namesOf(leaf);
  if (subjectEmail !== undefined) requireName(subjectEmail, names.emails, 'email');
  if (subjectHostname !== undefined && leaf.x509.checkHost(subjectHostname, { subject: 'never' }) === undefined) {
    throw rejected(`Required hostname ${JSON.stringify(subjectHostname)} not found (got ${list(names.hosts)})`);
  }
  requireSigned(leaf.x509.publicKey, parts);
  return { signer: [subjectEmail, subjectHostname].filter((name) => name !== undefined).join(', ') };
}

async function verifyByIdentity(parts: Parts, trust: TrustOf<'identity'>): Promise<SignedBy> {
  const root = await parseTrustedRoot(trust.trustedRoot);
  const entry = logEntryOf(parts);
  const leaf = leafOf(parts);
  const { toSignedEntity } = await import('./packages/verify.ts');
  const bundle = await bundleOf(parts, leaf, entry);
  let entity: ReturnType<typeof toSignedEntity>;
  try {
    entity = toSignedEntity(bundle, Buffer.from(parts.payload));
  } catch (cause) {
    throw rejected('the timestamp of the signature is malformed', cause);
  }
  const witness = await verifyEntity(entity, { root });
  checkLoggedBody(entry.body, {
    payload: parts.payload,
    signature: parts.signatureText,
    signer: leaf.x509.raw,
  });
  return { signer: checkIdentity(leaf.x509.raw, trust), ...witness };
}

/** The parts of an attachment as the bundle that it would be today. */
async function bundleOf(
  { payload, signature, annotation }: Parts,
  leaf: Certificate,
  entry: LogEntry,
): Promise<Bundle> {
  const [{ BUNDLE_V01_MEDIA_TYPE }, { HashAlgorithm }] = await Promise.all([
    import('./packages/bundle.ts'),
    import('./packages/protobuf-specs.ts'),
  ]);
  const timestamp = timestampOf(annotation('timestamp'));
  return {
    mediaType: BUNDLE_V01_MEDIA_TYPE,
    content: {
      $case: 'messageSignature',
      messageSignature: {
        messageDigest: { algorithm: HashAlgorithm.SHA2_256, digest: createHash('sha256').update(payload).digest() },
        signature: Buffer.from(signature),
      },
    },
    verificationMaterial: {
      content: { $case: 'certificate', certificate: { rawBytes: leaf.x509.raw } },
      tlogEntries: [
        {
          logIndex: String(entry.logIndex),
          logId: { keyId: Buffer.from(entry.logId, 'hex') },
          kindVersion: { kind: 'hashedrekord', version: '0.0.1' },
          integratedTime: String(entry.integratedTime),
          inclusionPromise: { signedEntryTimestamp: Buffer.from(entry.signedEntryTimestamp) },
          inclusionProof: undefined,
          canonicalizedBody: Buffer.from(entry.body),
        },
      ],
      timestampVerificationData: { rfc3161Timestamps: timestamp === undefined ? [] : [{ signedTimestamp: timestamp }] },
    },
  };
}

/** The annotation of cosign: `{"SignedRFC3161Timestamp":"<base64>"}`. */
function timestampOf(text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined;
  const [, base64 = ''] = /^\s*\{\s*"SignedRFC3161Timestamp"\s*:\s*"([A-Za-z0-9+/=]+)"\s*\}\s*$/.exec(text) ?? [];
  const bytes = decodeBase64(base64);
  if (bytes === undefined || bytes.byteLength === 0) throw rejected('the timestamp of the signature is malformed');
  return Buffer.from(bytes);
}

function logEntryOf({ annotation }: Parts): LogEntry {
  const text = annotation('log');
  if (text === undefined) throw rejected(`missing ${signatureAnnotations.log} annotation`);
  return parseLogAnnotation(text);
}

function leafOf({ annotation }: Parts): Certificate {
  const pem = annotation('certificate');
  if (pem === undefined) throw rejected(`missing ${signatureAnnotations.certificate} annotation`);
  const [leaf, ...more] = parseCertificates(Buffer.from(pem), 'the certificate of the signature');
  if (leaf === undefined || more.length > 0) throw rejected('unexpected number of certificates in the annotation');
  return leaf;
}

/** All of the chain but its last one, which is a root that somebody else wants to be trusted. */
function intermediatesOf({ annotation }: Parts): Certificate[] {
  const pem = annotation('chain');
  if (pem === undefined) return [];
  return parseCertificates(Buffer.from(pem), 'the chain of the signature').slice(0, -1);
}

function requireName(wanted: string, names: readonly string[], what: string): void {
  if (!names.includes(wanted))
    throw rejected(`Required ${what} ${JSON.stringify(wanted)} not found (got ${list(names)})`);
}

function list(names: readonly string[]): string {
  return JSON.stringify(names).slice(0, 300);
}

function requireSigned(key: KeyObject, { payload, signature }: Parts): void {
  if (!verifyBytes(key, payload, signature)) throw rejected(badSignature);
}

function witnessOf(entry: LogEntry): Required<Pick<SignedBy, 'time' | 'log'>> {
  return { time: new Date(entry.integratedTime * 1000), log: nameOfLog(entry) };
}
