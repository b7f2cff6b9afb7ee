/**
 * Verifies simple signatures: an OpenPGP message that is signed once, by a key that may sign and still stands.
 *
 * Source: RFC 9580 section 10.3 (signed messages); containers/image docs/containers-signature.5.md, which asks of the OpenPGP
 * layer: exactly one signature, neither signature nor key expired or revoked, a key with the right usage.
 */
import type { PublicKey, SignaturePacket } from 'openpgp';
import { IntegrityError, SheafError } from '../../foundation/errors.ts';
import { type ParsedClaim, parseClaim } from '../claim.ts';
import type { SimpleSignature } from '../signature.ts';
import { fingerprintOf, joinCopies } from './keyring.ts';
import { messageStrictness, openpgp, reasonOf } from './openpgp.ts';

export interface VerifiedSimple {
  readonly claim: ParsedClaim;
  /** Of the primary key, in upper case, whichever of its subkeys has signed. */
  readonly fingerprint: string;
  /** The first user ID of the key. */
  readonly user?: string;
  /** When it was signed, says who signed. */
  readonly time?: Date;
}

/** The first byte of a message that gpg writes without armor: compressed, one-pass signature, or signature packet. */
const firstBytes: ReadonlySet<number> = new Set([
  0xa0, 0xa1, 0xa2, 0xa3, 0xc8, 0x90, 0x91, 0x92, 0x93, 0xc4, 0x88, 0x89, 0x8a, 0x8b, 0xc2,
]);

/** Whether the bytes may be a simple signature at all: armored text is none. */
export function looksLikeSimple(bytes: Uint8Array): boolean {
  return firstBytes.has(bytes[0] ?? -1);
}

/**
 * The claim, which is read after the signature over it was found good.
 *
 * @throws IntegrityError SIGNATURE_REJECTED with the reason, BAD_CLAIM
 */
export async function verifySimple(
  signature: SimpleSignature,
  keys: readonly PublicKey[],
  now: Date,
): Promise<VerifiedSimple> {
  if (!looksLikeSimple(signature.message)) {
    throw rejected(`it is no binary OpenPGP message (it starts with 0x${hexByte(signature.message)})`);
  }
  const { payload, key, packet } = await verifyMessage(signature.message, keys, now);
  const [user] = key.getUserIDs();
  return {
    claim: parseClaim('simple', payload),
    fingerprint: fingerprintOf(key),
    ...(user === undefined ? {} : { user }),
    ...(packet.created === null ? {} : { time: packet.created }),
  };
}

interface GoodMessage {
  payload: Uint8Array;
  key: PublicKey;
  packet: SignaturePacket;
}

/** `at`: the time by which the signature itself is judged. */
async function verifyMessage(
  bytes: Uint8Array,
  trusted: readonly PublicKey[],
  now: Date,
  at = now,
): Promise<GoodMessage> {
  try {
    const { readMessage, verify } = await openpgp();
    const keys = await joinCopies(trusted, now);
    const message = await readMessage({ binaryMessage: bytes, config: messageStrictness });
    const { data, signatures } = await verify({
      message,
      verificationKeys: keys,
      format: 'binary' as const,
      date: at,
      config: messageStrictness,
    });
    // all are waited for, so that none fails where nobody listens
    const outcomes = await Promise.allSettled(signatures.map(({ verified }) => verified));
    const [only] = signatures;
    const [outcome] = outcomes;
    if (only === undefined || outcome === undefined || signatures.length !== 1) {
      throw rejected(`it has ${signatures.length} signatures, and must have one`);
    }
    const [packet] = (await only.signature).packets;
    if (outcome.status === 'rejected') {
      // a signer whose clock is ahead of ours has signed all the same, and gpg takes it
      if (packet?.created && packet.created > at) return await verifyMessage(bytes, trusted, now, packet.created);
      throw outcome.reason;
    }
    const key = keys.find((one) => one.getKeys(only.keyID).length > 0);
    if (key === undefined || packet === undefined) throw rejected('no key fits it');
    // the library asks whether the key stood when it signed; it must stand now, too
    await key.getSigningKey(only.keyID, now, undefined);
    // a signature that is good for one purpose of the key is not good for another: documents alone
    if (packet.signatureType !== 0 && packet.signatureType !== 1) throw rejected('it does not sign a document');
    return { payload: data, key, packet };
  } catch (thrown) {
    if (thrown instanceof SheafError) throw thrown;
    throw rejected(reasonOf(thrown), thrown);
  }
}

function hexByte(bytes: Uint8Array): string {
  return (bytes[0] ?? 0).toString(16).padStart(2, '0');
}

function rejected(why: string, cause?: unknown): IntegrityError {
  return new IntegrityError(`the GPG signature is not good: ${why}`, {
    code: 'SIGNATURE_REJECTED',
    ...(cause === undefined ? {} : { cause }),
  });
}
