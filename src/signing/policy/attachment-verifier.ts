/**
 * What the rest of signing asks of the sigstore family: whether a signature is good, cryptographically, under what is
 * trusted. Whether what it says is what was wanted (digest, identity) is decided by the caller for attachments, from the
 * payload, after this; a bundle names no identity, and its subject is checked here.
 */
import type { Digest } from '../../oci/digest.ts';
import type { AttachmentSignature, BundleSignature } from '../signature.ts';

/** A text, or a regular expression that must match all of it. */
export type TextRule = { readonly exact: string } | { readonly pattern: RegExp };

/** Bytes of PEM texts unless said otherwise. */
export type SigstoreTrust =
  /**
   * One of these public keys, of each text the first; with `everyKey`, all in the texts, certificates too, taken as the keys in
   * them. With `rekorKeys`, and an entry in a log of theirs.
   */
  | {
      readonly kind: 'keys';
      readonly keys: readonly Uint8Array[];
      readonly everyKey?: boolean;
      readonly rekorKeys?: readonly Uint8Array[];
    }
  /** `fulcio` of a policy.json. */
  | {
      readonly kind: 'fulcio';
      readonly authorities: Uint8Array;
      readonly oidcIssuer: string;
      readonly subjectEmail: string;
      readonly rekorKeys: readonly Uint8Array[];
    }
  /** `pki` of a policy.json; at least one of the subjects is given. */
  | {
      readonly kind: 'pki';
      readonly roots: Uint8Array;
      readonly intermediates?: Uint8Array;
      readonly subjectEmail?: string;
      readonly subjectHostname?: string;
    }
  /** A certificate of somebody, under a sigstore trusted root (JSON). */
  | {
      readonly kind: 'identity';
      readonly subject: TextRule;
      readonly issuer: TextRule;
      readonly trustedRoot: Uint8Array;
    };

/** Who signed, and who saw it. */
export interface SignedBy {
  /** In words: `key sha256:...`, `alice@example.com (https://issuer.example)`. */
  readonly signer: string;
  /** When it was signed, if a log or a timestamp authority vouches for that. */
  readonly time?: Date;
  /** The log that holds it, in words. */
  readonly log?: string;
}

/**
 * Both methods throw IntegrityError SIGNATURE_REJECTED with the reason for a signature that is not good under `trust`, and
 * UsageError for keys, certificates or roots that cannot be used.
 */
export interface AttachmentVerifier {
  /** The signature over the payload is good; the payload itself has not been looked at. */
  verifyAttachment(signature: AttachmentSignature, trust: SigstoreTrust): Promise<SignedBy>;
  /** The signature is good, it is an image signature and no other attestation, and `digest` is its subject. */
  verifyBundle(signature: BundleSignature, digest: Digest, trust: SigstoreTrust): Promise<SignedBy>;
}
