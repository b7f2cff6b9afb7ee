/** Names with a digest at a destination: only what has that digest can be pushed there. */
import { ConflictError } from '../../foundation/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';

/** Throws ConflictError DIGEST_DIFFERS where the name asks for another digest than the one that comes. */
export function checkNamedDigest(reference: Reference, digest: Digest): void {
  if (reference.digest === undefined || reference.digest === digest) return;
  throw new ConflictError(`${formatReference(reference)} names a digest, but what is pushed has the digest ${digest}`, {
    code: 'DIGEST_DIFFERS',
    side: 'destination',
    hint: 'Push to a tag, or leave the digest away.',
  });
}
