/** The OpenPGP library, loaded when the first signature is met, and how strict it is to be. */
import type * as OpenPgp from 'openpgp';
import { asError } from '../../foundation/errors.ts';

let loading: Promise<typeof OpenPgp> | undefined;

export function openpgp(): Promise<typeof OpenPgp> {
  loading ??= import('openpgp');
  return loading;
}

/** Claims are some hundred bytes; a message that unpacks to more than this is no signature of an image. */
const maxClaimBytes = 1 << 20;

/** For every call. */
export const strictness: OpenPgp.PartialConfig = {
  maxDecompressedMessageSize: maxClaimBytes,
  // signatures of equal claims by one key need not differ
  nonDeterministicSignaturesViaNotation: false,
  showVersion: false,
};

/** For messages: what the library cannot read it would pass over, and a second signature might hide there. */
export const messageStrictness: OpenPgp.PartialConfig = {
  ...strictness,
  ignoreUnsupportedPackets: false,
  ignoreMalformedPackets: false,
  enforceGrammar: true,
  // who puts off the end of a key signs the key anew: what it signed before that stays good, as with gpg, while the key stands
  allowInsecureVerificationWithReformattedKeys: true,
};

/** What the library says is the matter. For Brainpool curves and secp256k1 it wants a package that it does not bring along. */
export function reasonOf(thrown: unknown): string {
  const { message } = asError(thrown);
  if (!message.includes('Cannot find module')) return message;
  return 'keys on Brainpool curves and secp256k1 are for gpg alone';
}
