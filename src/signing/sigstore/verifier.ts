/** The sigstore family as the rest of signing asks for it. */
import type { Clock } from '../../foundation/clock.ts';
import type { AttachmentVerifier } from '../policy/attachment-verifier.ts';

/** Loads what it needs when it is first asked. `clock` is looked at where nothing else says when a signature was made. */
export function createSigstoreVerifier(clock: Pick<Clock, 'now'>): AttachmentVerifier {
  return {
    async verifyAttachment(signature, trust) {
      const { verifyAttachment } = await import('./verify-attachment.ts');
      return await verifyAttachment(signature, trust, new Date(clock.now()));
    },
    async verifyBundle(signature, digest, trust) {
      const { verifyBundle } = await import('./verify-bundle.ts');
      return await verifyBundle(signature, digest, trust);
    },
  };
}
