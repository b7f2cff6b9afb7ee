/**
 * Checks one signature wholly: that it is good under what is trusted, and that it says what it must: this digest, an accepted
 * name.
 */
import type { PublicKey } from 'openpgp';
import { IntegrityError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { simpleSigningType } from './attachments/attachment-store.ts';
import { type ParsedClaim, parseClaim } from './claim.ts';
import type { AttachmentVerifier, SignedBy, SigstoreTrust } from './policy/attachment-verifier.ts';
import type { AttachmentSignature, BundleSignature, SimpleSignature } from './signature.ts';
import { verifySimple } from './simple/verify-simple.ts';

/** What a signature must say. */
export interface Expectation {
  readonly digest: Digest;
  /** Whether the name in the claim is accepted. */
  accepts(identity: string): boolean;
  readonly now: Date;
}

/** A signature that is good. */
export interface Evidence extends SignedBy {
  readonly format: 'simple' | 'attachment' | 'bundle';
  /** The name that was signed; a bundle names none. */
  readonly identity?: string;
}

/** All throw IntegrityError with the reason why the signature does not count, and UsageError for keys that cannot be used. */
export async function checkSimple(
  signature: SimpleSignature,
  keys: readonly PublicKey[],
  expected: Expectation,
): Promise<Evidence> {
  const { claim, fingerprint, user, time } = await verifySimple(signature, keys, expected.now);
  checkClaim(claim, expected);
  return {
    format: 'simple',
    signer: `GPG key ${fingerprint}${user === undefined ? '' : ` (${user})`}`,
    identity: claim.identity,
    ...(time === undefined ? {} : { time }),
  };
}

export async function checkAttachment(
  signature: AttachmentSignature,
  verifier: AttachmentVerifier,
  trust: SigstoreTrust,
  expected: Expectation,
): Promise<Evidence> {
  if (signature.mediaType !== simpleSigningType)
    throw rejected(`it is no signature but of the type ${signature.mediaType}`);
  const by = await verifier.verifyAttachment(signature, trust);
  const claim = parseClaim('sigstore', signature.payload);
  checkClaim(claim, expected);
  return { format: 'attachment', ...by, identity: claim.identity };
}

export async function checkBundle(
  signature: BundleSignature,
  verifier: AttachmentVerifier,
  trust: SigstoreTrust,
  expected: Expectation,
): Promise<Evidence> {
  return { format: 'bundle', ...(await verifier.verifyBundle(signature, expected.digest, trust)) };
}

function checkClaim(claim: ParsedClaim, expected: Expectation): void {
  if (!expected.accepts(claim.identity)) throw rejected(`Signature for identity "${claim.identity}" is not accepted`);
  if (claim.digest !== expected.digest) throw rejected(`Signature for digest ${claim.digest} does not match`);
}

function rejected(why: string): IntegrityError {
  return new IntegrityError(why, { code: 'SIGNATURE_REJECTED' });
}
