/**
 * The two forms of a sigstore signature, made by whoever can sign bytes: the attachment, and the bundle.
 *
 * Source: containers/image internal/signature/sigstore.go; cosign specs/SIGNATURE_SPEC.md; sigstore bundle format v0.3.
 */
import { createHash } from 'node:crypto';
import type { Bundle } from '@sigstore/bundle';
import type { Session } from '../../foundation/session.ts';
import { simpleSigningType } from '../attachments/attachment-store.ts';
import { encodeClaim } from '../claim.ts';
import type { AttachmentSignature, BundleSignature, ImageSignature, SigningClaim } from '../signature.ts';
import { signatureAnnotations } from './annotations.ts';
import { logAnnotationOf, testify, type WitnessOptions } from './services.ts';
import { encodeStatement, preAuthEncoding, statementMediaType } from './statement.ts';

/** Where a signature can be kept: `.sig` attachment, or bundle in a referrer. */
export type SigstoreForm = 'attachment' | 'bundle';

/** Somebody who signs bytes at this moment: a key, or a key with a certificate. */
export interface ByteSigner {
  /** Over SHA-256: {@link signBytes}. */
  sign(bytes: Uint8Array): Uint8Array;
  /** PEM of the public key, or of the certificate. */
  readonly verifier: string;
  /** What the bundle says of it. */
  readonly material: Bundle['verificationMaterial']['content'];
  /** Certificate and chain, for attachments. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ProduceOptions extends WitnessOptions {
  readonly produce: readonly SigstoreForm[];
  /** Program and version, as the claim remarks it. */
  readonly creator: string;
}

/** One signature in each form asked for, in their order. Throws RegistryError, CancelledError, UnsupportedError. */
export async function produceSignatures(
  session: Session,
  signer: ByteSigner,
  claim: SigningClaim,
  options: ProduceOptions,
): Promise<readonly ImageSignature[]> {
  return await Promise.all(
    options.produce.map((form) =>
      form === 'attachment'
        ? produceAttachment(session, signer, claim, options)
        : produceBundle(session, signer, claim, options),
    ),
  );
}

async function produceAttachment(
  session: Session,
  signer: ByteSigner,
  claim: SigningClaim,
  options: ProduceOptions,
): Promise<AttachmentSignature> {
  const remarks = { creator: options.creator, timestamp: claim.timestamp ?? session.clock.now() / 1000 };
  const payload = encodeClaim('sigstore', claim, remarks);
  const signature = Buffer.from(signer.sign(payload));
  const { logEntries, timestamps } = await testify(
    session,
    options,
    () => messageContent(payload, signature),
    signer.verifier,
  );
  const [entry] = logEntries;
  const [timestamp] = timestamps;
  const stamp = timestamp && JSON.stringify({ SignedRFC3161Timestamp: timestamp.signedTimestamp.toString('base64') });
  return {
    kind: 'attachment',
    mediaType: simpleSigningType,
    payload,
    annotations: {
      [signatureAnnotations.signature]: signature.toString('base64'),
      ...signer.annotations,
      ...(entry === undefined ? {} : { [signatureAnnotations.log]: logAnnotationOf(entry) }),
      ...(stamp === undefined ? {} : { [signatureAnnotations.timestamp]: stamp }),
    },
  };
}

async function messageContent(payload: Uint8Array, signature: Buffer): Promise<Bundle['content']> {
  const { HashAlgorithm } = await import('./packages/protobuf-specs.ts');
  const digest = createHash('sha256').update(payload).digest();
  const messageDigest = { algorithm: HashAlgorithm.SHA2_256, digest };
  return { $case: 'messageSignature', messageSignature: { messageDigest, signature } };
}

async function produceBundle(
  session: Session,
  signer: ByteSigner,
  claim: SigningClaim,
  options: ProduceOptions,
): Promise<BundleSignature> {
  const { BUNDLE_V03_MEDIA_TYPE, bundleToJSON } = await import('./packages/bundle.ts');
  const payload = Buffer.from(encodeStatement(claim.digest));
  const sig = Buffer.from(signer.sign(preAuthEncoding(statementMediaType, payload)));
  const content: Bundle['content'] = {
    $case: 'dsseEnvelope',
    dsseEnvelope: { payload, payloadType: statementMediaType, signatures: [{ sig, keyid: '' }] },
  };
  const { logEntries, timestamps } = await testify(session, options, async () => content, signer.verifier);
  const bundle = bundleToJSON({
    mediaType: BUNDLE_V03_MEDIA_TYPE,
    content,
    verificationMaterial: {
      content: signer.material,
      tlogEntries: logEntries,
      timestampVerificationData: timestamps.length === 0 ? undefined : { rfc3161Timestamps: timestamps },
    },
  });
  return { kind: 'bundle', bundle: new TextEncoder().encode(JSON.stringify(bundle)) };
}
