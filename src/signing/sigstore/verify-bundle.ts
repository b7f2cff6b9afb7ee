/**
 * Verifies sigstore bundles that stand beside an image as referrers. Stricter than cosign 3, which takes any attestation of
 * the right key for a signature.
 *
 * Source: sigstore bundle format v0.3; DSSE v1.0; in-toto Statement v1.
 */
import type { KeyObject } from 'node:crypto';
import type { BundleWithDsseEnvelope } from '@sigstore/bundle';
import type { SignedEntity } from '@sigstore/verify';
import type { Digest } from '../../oci/digest.ts';
import { parseJson } from '../../oci/json.ts';
import type { SignedBy, SigstoreTrust } from '../policy/attachment-verifier.ts';
import type { BundleSignature } from '../signature.ts';
import { parseCertificate, parseTrusted, verifyChain } from './certificate.ts';
import { nameOfKey, parseLogKey, parsePublicKey, parsePublicKeys, verifyBytes } from './keys.ts';
import { asRejection, rejected } from './rejection.ts';
import { checkStatement, preAuthEncoding, statementMediaType } from './statement.ts';
import type { Certified } from './verify-attachment.ts';
import { checkIdentity, parseTrustedRoot, verifyEntity } from './verify-identity.ts';

type TrustOf<Kind extends SigstoreTrust['kind']> = Extract<SigstoreTrust, { kind: Kind }>;

/** Bytes of a bundle; entries of logs, and timestamps, in one. */
const [maxBundle, maxEntries] = [4 << 20, 32];
const mediaTypes = [
  'application/vnd.dev.sigstore.bundle.v0.3+json',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
];

/**
 * That the bundle is a signature of the image `digest` and good under `trust`.
 * @throws IntegrityError SIGNATURE_REJECTED with the reason; UsageError for keys, certificates and roots that cannot be used
 */
export async function verifyBundle(
  { bundle: bytes }: BundleSignature,
  digest: Digest,
  trust: SigstoreTrust,
): Promise<SignedBy> {
  const bundle = await parseBundle(bytes);
  const by = await verifySigner(bundle, trust);
  checkStatement(bundle.content.dsseEnvelope.payload, digest);
  return by;
}

async function verifySigner(bundle: BundleWithDsseEnvelope, trust: SigstoreTrust): Promise<SignedBy> {
  switch (trust.kind) {
    case 'keys':
      return await verifyByKeys(bundle, trust);
    case 'identity':
      return await verifyByIdentity(bundle, trust);
    case 'fulcio':
      return await verifyByFulcio(bundle, trust);
    case 'pki':
      throw rejected('bundles are not accepted under a certificate authority without a log');
  }
}

/** Throws IntegrityError SIGNATURE_REJECTED. */
async function parseBundle(bytes: Uint8Array): Promise<BundleWithDsseEnvelope> {
  if (bytes.byteLength > maxBundle) throw rejected(`the bundle has more than ${maxBundle} bytes`);
  const { bundleFromJSON, isBundleWithDsseEnvelope } = await import('./packages/bundle.ts');
  try {
    // as a bundle it is read by a reader that takes the last of two members of one name
    parseJson(bytes, 'the bundle');
    const bundle = bundleFromJSON(JSON.parse(new TextDecoder().decode(bytes)));
    if (!mediaTypes.includes(bundle.mediaType)) throw rejected('the bundle is not of version 0.3');
    if (!isBundleWithDsseEnvelope(bundle)) throw rejected('bundle does not contain a DSSE envelope');
    const { payloadType, signatures } = bundle.content.dsseEnvelope;
    if (signatures.length !== 1) throw rejected(`the bundle has ${signatures.length} signatures instead of 1`);
    if (payloadType !== statementMediaType) throw rejected('what the bundle signs is no in-toto statement');
    const { tlogEntries, timestampVerificationData } = bundle.verificationMaterial;
    const stamps = timestampVerificationData?.rfc3161Timestamps.length ?? 0;
    if (tlogEntries.length > maxEntries || stamps > maxEntries) {
      throw rejected(`the bundle has more than ${maxEntries} log entries or timestamps`);
    }
    return bundle;
  } catch (thrown) {
    throw asRejection(thrown, 'the bundle cannot be read');
  }
}

async function verifyByKeys(
  bundle: BundleWithDsseEnvelope,
  { keys, everyKey, rekorKeys }: TrustOf<'keys'>,
): Promise<SignedBy> {
  const trusted = keys.flatMap((pem) => (everyKey === true ? parsePublicKeys(pem) : parsePublicKey(pem)));
  const logs = rekorKeys?.map(parseLogKey);
  const { payloadType, payload, signatures } = bundle.content.dsseEnvelope;
  if (bundle.verificationMaterial.content.$case !== 'publicKey') {
    throw rejected('the bundle was signed with a certificate, not with a key');
  }
  const signed = preAuthEncoding(payloadType, payload);
  const signature = signatures[0]?.sig ?? Buffer.alloc(0);
  // the hint in the bundle is not signed: it chooses nothing
  const key = trusted.find((candidate) => verifyBytes(candidate, signed, signature));
  if (key === undefined) throw rejected('cryptographic signature verification failed: no accepted key made it');
  if (logs === undefined) return { signer: nameOfKey(key) };
  return { signer: nameOfKey(key), ...(await verifyEntity(withKey(await entityOf(bundle), signed), { key, logs })) };
}

/** The verifier of sigstore hashes with SHA-256 for every key; ours knows the others. */
function withKey(entity: SignedEntity, signed: Uint8Array): SignedEntity {
  const { signature, timestamps } = entity;
  return {
    ...entity,
    key: { $case: 'public-key', hint: '' },
    // timestamps of authorities that nobody named say nothing
    timestamps: timestamps.filter(({ $case }) => $case === 'transparency-log'),
    signature: {
      signature: signature.signature,
      compareSignature: (other) => signature.compareSignature(other),
      compareDigest: (other) => signature.compareDigest(other),
      compareSignedDigest: (other) => signature.compareSignedDigest(other),
      verifySignature: (key: KeyObject) => verifyBytes(key, signed, signature.signature),
    },
  };
}

async function verifyByIdentity(bundle: BundleWithDsseEnvelope, trust: TrustOf<'identity'>): Promise<SignedBy> {
  const der = certificateOf(bundle);
  const root = await parseTrustedRoot(trust.trustedRoot);
  const witness = await verifyEntity(await entityOf(bundle), { root });
  return { signer: checkIdentity(der, trust), ...witness };
}

/** As for attachments: by authority and log alone, at the time of the log. */
async function verifyByFulcio(bundle: BundleWithDsseEnvelope, trust: TrustOf<'fulcio'>): Promise<SignedBy> {
  const authorities = parseTrusted(trust.authorities, 'the certificates of the authority');
  const logs = trust.rekorKeys.map(parseLogKey);
  const der = certificateOf(bundle);
  const leaf = parseCertificate(der);
  const { payloadType, payload } = bundle.content.dsseEnvelope;
  const entity = withKey(await entityOf(bundle), preAuthEncoding(payloadType, payload));
  const witness = await verifyEntity(entity, { key: leaf.x509.publicKey, logs });
  if (witness.time === undefined) throw rejected('no log says when the bundle was signed');
  verifyChain(leaf, { roots: authorities, intermediates: [], at: witness.time });
  const rule = { subject: { exact: trust.subjectEmail }, issuer: { exact: trust.oidcIssuer } };
  return { signer: checkIdentity(der, rule), ...witness };
}

/** As {@link certifiedAttachment}, for bundles. */
export async function certifiedBundle({ bundle: bytes }: BundleSignature, digest: Digest): Promise<Certified> {
  const bundle = await parseBundle(bytes);
  const certificate = parseCertificate(certificateOf(bundle));
  const { payloadType, payload, signatures } = bundle.content.dsseEnvelope;
  const signature = signatures[0]?.sig ?? Buffer.alloc(0);
  if (!verifyBytes(certificate.x509.publicKey, preAuthEncoding(payloadType, payload), signature)) {
    throw rejected('cryptographic signature verification failed');
  }
  checkStatement(payload, digest);
  return { certificate, logged: bundle.verificationMaterial.tlogEntries.length > 0 };
}

function certificateOf({ verificationMaterial: { content } }: BundleWithDsseEnvelope): Uint8Array {
  if (content.$case !== 'certificate') throw rejected('the bundle has no certificate of its signer');
  return content.certificate.rawBytes;
}

async function entityOf(bundle: BundleWithDsseEnvelope): Promise<SignedEntity> {
  const { toSignedEntity } = await import('./packages/verify.ts');
  try {
    return toSignedEntity(bundle);
  } catch (thrown) {
    throw asRejection(thrown, 'the bundle cannot be read');
  }
}
