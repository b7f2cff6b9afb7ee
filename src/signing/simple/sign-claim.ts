/** What both makers of simple signatures share: the bytes that are signed, and the look at what is there already. */
import type { PublicKey } from 'openpgp';
import type { Session } from '../../foundation/session.ts';
import { encodeClaim } from '../claim.ts';
import type { ImageSignature, SigningClaim } from '../signature.ts';
import { verifySimple } from './verify-simple.ts';

export function payloadOf(session: Session, claim: SigningClaim, creator: string): Uint8Array {
  return encodeClaim('simple', claim, { creator, timestamp: claim.timestamp ?? session.clock.now() / 1000 });
}

/** Whether `existing` is a good signature by one of `keys` that says what `claim` says. */
export async function saysTheSame(
  existing: ImageSignature,
  claim: SigningClaim,
  keys: readonly PublicKey[],
  now: Date,
): Promise<boolean> {
  if (existing.kind !== 'simple') return false;
  try {
    const { claim: said } = await verifySimple(existing, keys, now);
    return said.digest === claim.digest && said.identity === claim.identity;
  } catch {
    return false;
  }
}
