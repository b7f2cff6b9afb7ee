/** Somebody who can sign: a GPG key, a sigstore key, or an identity that a certificate authority vouches for. */
import type { Session } from '../foundation/session.ts';
import type { ImageSignature, SigningClaim } from './signature.ts';

export interface ImageSigner {
  /**
   * The kinds that `sign` makes, one signature of each. Told, so that a signer of two kinds that finds one of its own need only
   * add the other; without it, one that finds any of its own signs nothing.
   */
  readonly makes?: readonly ImageSignature['kind'][];
  /** Whether `isMine` asks others who this signer is, who may ask a person. */
  readonly isAskedFor?: boolean;
  /** Who signs and how, in words, without secrets. */
  describe(): string;
  /** Throws AuthError, UsageError, UnsupportedError, CancelledError, and RegistryError for services that fail. */
  sign(session: Session, claim: SigningClaim): Promise<readonly ImageSignature[]>;
  /**
   * Whether `existing`, found beside the manifest, is by this very signer and says the same: then nothing need be signed again.
   * A signer that cannot tell answers false. Throws as `sign` where others must be asked who this signer is.
   */
  isMine(existing: ImageSignature, claim: SigningClaim, session: Session): Promise<boolean>;
}
