/**
 * What a signature is to the rest of sheaf, whatever family it is of: bytes to keep beside a manifest, and what they claim.
 *
 * Source: containers/image "signature" formats (simple signing, sigstore attachments); sigstore bundle v0.3.
 */
import type { Annotations } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';

/** A GPG signature: an OpenPGP signed message whose content is the claim. */
export interface SimpleSignature {
  readonly kind: 'simple';
  readonly message: Uint8Array;
}

/** One layer of a `.sig` attachment: the claim (or an attestation), with signature, certificate and log entry as annotations. */
export interface AttachmentSignature {
  readonly kind: 'attachment';
  readonly mediaType: string;
  readonly payload: Uint8Array;
  readonly annotations: Annotations;
}

/** A sigstore bundle as JSON text in UTF-8. */
export interface BundleSignature {
  readonly kind: 'bundle';
  readonly bundle: Uint8Array;
}

export type ImageSignature = SimpleSignature | AttachmentSignature | BundleSignature;

/** What is signed: this manifest, under this name. */
export interface SigningClaim {
  readonly digest: Digest;
  /** Full form with a tag or digest, `docker.io/library/busybox:1`. */
  readonly identity: string;
  /** Seconds since 1970, to be written into the claim; one for all signers of a run, so that they sign the same bytes. */
  readonly timestamp?: number;
}
