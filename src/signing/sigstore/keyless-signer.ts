/** Signs with a key of this moment and a certificate for who we are, which a log keeps. */
import { UsageError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import type { ImageSigner } from '../signer.ts';
import { signatureAnnotations } from './annotations.ts';
import { type CertifiedKey, certifyKey } from './fulcio.ts';
import { signBytes } from './keys.ts';
import { type ByteSigner, type ProduceOptions, produceSignatures } from './produce.ts';
import { noPromise, serviceUrl } from './services.ts';

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
      certified = options.token(session).then((token) => certifyKey(session, fulcioUrl, token));
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
    describe: () => `sigstore identity, certified by ${fulcioUrl}, logged at ${rekorUrl}`,
    async sign(session, claim) {
      return await produceSignatures(session, byteSigner(await current(session)), claim, options);
    },
    // who we are is known only after somebody was asked, and whether a log is to be trusted not at all
    isMine: async () => false,
  };
}

function byteSigner({ key, leaf, chain, certificate }: CertifiedKey): ByteSigner {
  return {
    sign: (bytes, rule) => signBytes(key, bytes, rule),
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
