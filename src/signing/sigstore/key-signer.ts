/** Signs with a key of the sigstore family, as cosign and containers/image do. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { parseClaim } from '../claim.ts';
import type { ImageSignature, SigningClaim } from '../signature.ts';
import type { ImageSigner } from '../signer.ts';
import { describeKey, encodePublicKey, keyId, nameOfKey, signBytes } from './keys.ts';
import { type ByteSigner, type ProduceOptions, produceSignatures } from './produce.ts';
import { verifyAttachment } from './verify-attachment.ts';
import { verifyBundle } from './verify-bundle.ts';

export interface SigstoreKeySignerOptions extends Omit<ProduceOptions, 'rekorVersion'> {
  /** As {@link readKeyFile} gives it. */
  readonly key: KeyObject;
}

/**
 * Signs without asking anybody, unless a log or a timestamp authority is named.
 * @throws UnsupportedError UNSUPPORTED_KEY
 */
export function createSigstoreKeySigner(options: SigstoreKeySignerOptions): ImageSigner {
  const { key, produce, rekorUrl } = options;
  const publicKey = createPublicKey(key);
  const kind = describeKey(key);
  const pem = encodePublicKey(publicKey);
  const bytes = new TextEncoder().encode(pem);
  const signer: ByteSigner = {
    sign: (data) => signBytes(key, data),
    verifier: pem,
    material: {
      $case: 'publicKey',
      publicKey: { hint: Buffer.from(keyId(publicKey)).toString('base64') },
    },
    annotations: {},
  };
  return {
    makes: produce,
    describe: () => `sigstore ${nameOfKey(publicKey)} (${kind})`,
    sign: (session, claim) => produceSignatures(session, signer, claim, options),
    async isMine(existing, claim) {
      try {
        return await says(existing, claim, bytes, rekorUrl !== undefined);
      } catch {
        return false;
      }
    },
  };
}

/** Throws where the signature is not by this key; the log is asked for by its presence, for nobody said whom to trust for it. */
async function says(existing: ImageSignature, claim: SigningClaim, key: Uint8Array, logged: boolean): Promise<boolean> {
  const trust = { kind: 'keys', keys: [key] } as const;
  if (existing.kind === 'attachment') {
    await verifyAttachment(existing, trust, new Date(0));
    const { digest, identity } = parseClaim('sigstore', existing.payload);
    const hasLog = existing.annotations['dev.sigstore.cosign/bundle'] !== undefined;
    return digest === claim.digest && identity === claim.identity && (hasLog || !logged);
  }
  if (existing.kind === 'bundle') {
    await verifyBundle(existing, claim.digest, trust);
    return !logged || Buffer.from(existing.bundle).includes('"tlogEntries"');
  }
  return false;
}
