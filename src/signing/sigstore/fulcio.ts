/**
 * A certificate for a key of this moment, from an authority that takes an identity token for it.
 *
 * Source: Fulcio API v2, `POST /api/v2/signingCert`.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { AuthError, RegistryError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import { isJsonObject, type JsonValue } from '../../oci/json.ts';
import { type Certificate, parseCertificates } from './certificate.ts';
import { askAgain, fetchJson, type ServiceConnections } from './fetch-json.ts';
import { subjectOfToken } from './identity-token.ts';
import { encodePublicKey, spkiOf } from './keys.ts';
import { asked } from './services.ts';

export interface CertifiedKey {
  readonly key: KeyObject;
  /** PEM. */
  readonly leaf: string;
  /** PEM of everything above the leaf, root last; may be empty. */
  readonly chain: string;
  readonly certificate: Certificate;
}

/** Throws AuthError BAD_IDENTITY_TOKEN, IDENTITY_REFUSED; RegistryError SIGSTORE_SERVICE; CancelledError. */
export async function certifyKey(
  session: Session,
  fulcioUrl: string,
  token: string,
  connections?: ServiceConnections,
): Promise<CertifiedKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const proof = sign('sha256', Buffer.from(subjectOfToken(token)), { key: privateKey, dsaEncoding: 'der' });
  const request = {
    credentials: { oidcIdentityToken: token },
    publicKeyRequest: {
      publicKey: { algorithm: 'ECDSA', content: encodePublicKey(publicKey) },
      proofOfPossession: proof.toString('base64'),
    },
  };
  const what = 'the certificate authority';
  const answer = await asked(what, fulcioUrl, async (url) => {
    // the token may be of somebody who would have to sign in anew
    const { status, body } = await askAgain(session, () =>
      fetchJson(session, `${url}/api/v2/signingCert`, what, {
        method: 'POST',
        connections,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      }),
    );
    if (status === 401 || status === 403 || status === 400) throw refused(url, status, body);
    if (status < 200 || status > 299) throw failed(url, `it answered with HTTP status ${status}`, status);
    return body;
  });
  return certifiedKey(privateKey, chainOf(answer, fulcioUrl), fulcioUrl);
}

function certifiedKey(key: KeyObject, pems: readonly string[], url: string): CertifiedKey {
  const [leaf = '', ...above] = pems.map((pem) => `${pem.trim()}\n`);
  const [certificate] = parseCertificates(Buffer.from(leaf), 'the certificate from the authority');
  if (certificate === undefined || !Buffer.from(spkiOf(certificate.x509.publicKey)).equals(spkiOf(key))) {
    throw failed(url, 'it sent a certificate for another key');
  }
  return { key, leaf, chain: above.join(''), certificate };
}

function chainOf(answer: JsonValue, url: string): string[] {
  const holder = isJsonObject(answer)
    ? (answer['signedCertificateEmbeddedSct'] ?? answer['signedCertificateDetachedSct'])
    : undefined;
  const chain = isJsonObject(holder) ? holder['chain'] : undefined;
  const certificates = isJsonObject(chain) ? chain['certificates'] : undefined;
  const pems = Array.isArray(certificates) ? certificates.filter((pem) => typeof pem === 'string') : [];
  if (pems.length === 0) throw failed(url, 'it sent no certificate');
  return pems;
}

function refused(url: string, status: number, body: JsonValue): AuthError {
  const said = isJsonObject(body) && typeof body['message'] === 'string' ? `: ${body['message'].slice(0, 300)}` : '';
  return new AuthError(`the certificate authority at ${url} does not take the identity token (HTTP ${status})${said}`, {
    code: 'IDENTITY_REFUSED',
    hint: 'See that the token is for the audience "sigstore", is not expired, and comes from an issuer that the authority knows.',
  });
}

function failed(url: string, why: string, status?: number): RegistryError {
  return new RegistryError(`the certificate authority at ${url} failed: ${why}`, {
    code: 'SIGSTORE_SERVICE',
    ...(status === undefined ? {} : { status }),
  });
}
