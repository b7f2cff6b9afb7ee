/** Signs with a key of this moment and a certificate for who we are, which a log keeps. */
import { SheafError, UsageError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import { parseClaim } from '../claim.ts';
import type { ImageSignature, SigningClaim } from '../signature.ts';
import type { ImageSigner } from '../signer.ts';
import { signatureAnnotations } from './annotations.ts';
import { type Certificate, namesOf, oidcIssuerOf, parseCertificates } from './certificate.ts';
import { type CertifiedKey, certifyKey } from './fulcio.ts';
import { signBytes } from './keys.ts';
import { type ByteSigner, type ProduceOptions, produceSignatures } from './produce.ts';
import { noPromise, serviceUrl } from './services.ts';
import { type Certified, certifiedAttachment } from './verify-attachment.ts';
import { certifiedBundle } from './verify-bundle.ts';

/** The services that everybody may use. Asked only where nobody names others. */
export const publicServices = {
  fulcioUrl: 'https://fulcio.sigstore.dev',
  rekorUrl: 'https://rekor.sigstore.dev',
  issuerUrl: 'https://oauth2.sigstore.dev/auth',
} as const;

export interface KeylessSignerOptions extends ProduceOptions {
  /** {@link publicServices} unless told, as with the log; the log must be there, for nothing else says when it was signed. */
  readonly fulcioUrl?: string;
  /** Asked when the first certificate is wanted, and whenever a new one is. */
  token(session: Session): Promise<string>;
}

/** A certificate is not used in its last minutes: the log has to see the signature within its time. */
const marginMs = 3 * 60_000;

/** Throws UsageError BAD_SERVICE_URL, TIMESTAMP_AUTHORITY_MISSING; UnsupportedError REKOR_V2_ATTACHMENT. */
export function createKeylessSigner(given: KeylessSignerOptions): ImageSigner {
  const fulcioUrl = serviceUrl(given.fulcioUrl ?? publicServices.fulcioUrl, 'the certificate authority');
  const rekorUrl = serviceUrl(given.rekorUrl ?? publicServices.rekorUrl, 'the Rekor log');
  const options = { ...given, rekorUrl };
  if (options.rekorVersion === 2) {
    if (options.produce.includes('attachment')) throw noPromise();
    if (options.timestampUrl === undefined) throw noClock();
  }
  let certified: Promise<CertifiedKey> | undefined;
  let goodUntil = 0;

  /** One certificate for all manifests of a run, as long as it lasts. */
  const current = async (session: Session): Promise<CertifiedKey> => {
    if (certified === undefined || session.clock.now() > goodUntil) {
      goodUntil = Number.POSITIVE_INFINITY;
      certified = options.token(session).then((token) => certifyKey(session, fulcioUrl, token, given.connections));
      // the next to sign may try again
      certified.catch(() => {
        certified = undefined;
      });
      const { certificate } = await certified;
      goodUntil = certificate.x509.validToDate.getTime() - marginMs;
    }
    return await certified;
  };

  return {
    makes: options.produce,
    isAskedFor: true,
    describe: () => `sigstore identity, certified by ${fulcioUrl}, logged at ${rekorUrl}`,
    async sign(session, claim) {
      return await produceSignatures(session, byteSigner(await current(session)), claim, options);
    },
    async isMine(existing, claim, session) {
      const found = await certifiedIn(existing, claim);
      return found?.logged === true && isSame(found.certificate, await current(session));
    },
  };
}

/** The certificate of a signature that says what `claim` says; `undefined` for any other, or one that is not good. */
async function certifiedIn(existing: ImageSignature, claim: SigningClaim): Promise<Certified | undefined> {
  try {
    if (existing.kind === 'bundle') return await certifiedBundle(existing, claim.digest);
    if (existing.kind === 'simple') return undefined;
    const { digest, identity } = parseClaim('sigstore', existing.payload);
    return digest === claim.digest && identity === claim.identity ? certifiedAttachment(existing) : undefined;
  } catch (thrown) {
    if (thrown instanceof SheafError) return undefined;
    throw thrown;
  }
}

/**
 * Whether it is for the same identity of the same issuer, and from the authority that certifies us. Whether the log is to be
 * trusted is not asked: what does not count for a verifier is signed anew as soon as somebody takes it away.
 */
function isSame(other: Certificate, { certificate: own, chain }: CertifiedKey): boolean {
  const { x509 } = other;
  try {
    const [authority] = chain === '' ? [] : parseCertificates(Buffer.from(chain), 'the chain of the authority');
    if (authority === undefined ? x509.issuer !== own.x509.issuer : !x509.verify(authority.x509.publicKey))
      return false;
    const names = (one: Certificate): string => JSON.stringify(namesOf(one).identities.toSorted());
    return names(other) === names(own) && oidcIssuerOf(other) === oidcIssuerOf(own);
  } catch (thrown) {
    if (thrown instanceof SheafError) return false;
    throw thrown;
  }
}

function byteSigner({ key, leaf, chain, certificate }: CertifiedKey): ByteSigner {
  return {
    sign: (bytes) => signBytes(key, bytes),
    verifier: leaf,
    material: { $case: 'certificate', certificate: { rawBytes: certificate.x509.raw } },
    annotations: {
      [signatureAnnotations.certificate]: leaf,
      ...(chain === '' ? {} : { [signatureAnnotations.chain]: chain }),
    },
  };
}

function noClock(): UsageError {
  return new UsageError('a Rekor log of version 2 does not say when something was signed', {
    code: 'TIMESTAMP_AUTHORITY_MISSING',
    hint: 'Name a timestamp authority as well.',
  });
}
