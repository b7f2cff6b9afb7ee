/**
 * Verification under a sigstore trusted root, by the sigstore project's own verifier, and the checks that it leaves to others:
 * who the certificate names, and what it is for.
 *
 * Source: sigstore client specification, "Verification".
 */
import type { KeyObject } from 'node:crypto';
import type { TrustedRoot } from '@sigstore/protobuf-specs';
import type { SignedEntity } from '@sigstore/verify';
import { UsageError } from '../../foundation/errors.ts';
import { parseJson } from '../../oci/json.ts';
import type { SignedBy, TextRule } from '../policy/attachment-verifier.ts';
import { isForCodeSigning, namesOf, oidcIssuerOf, parseCertificate, parseTrusted } from './certificate.ts';
import { keyId, spkiOf } from './keys.ts';
import { asRejection, rejected } from './rejection.ts';

/** Whose certificate it may be. */
export interface IdentityRule {
  readonly subject: TextRule;
  readonly issuer: TextRule;
}

/** Throws UsageError BAD_TRUSTED_ROOT. */
export async function parseTrustedRoot(json: Uint8Array): Promise<TrustedRoot> {
  const { TrustedRoot: root } = await import('@sigstore/protobuf-specs');
  try {
    parseJson(json, 'the trusted root');
    const parsed = root.fromJSON(JSON.parse(new TextDecoder().decode(json)));
    if (
      !/^application\/vnd\.dev\.sigstore\.trustedroot(\+json;version=0\.[12]|\.v0\.[12]\+json)$/.test(parsed.mediaType)
    ) {
      throw new Error(`its media type is ${JSON.stringify(parsed.mediaType.slice(0, 100))}`);
    }
    return parsed;
  } catch (cause) {
    throw new UsageError('cannot read the trusted root', {
      code: 'BAD_TRUSTED_ROOT',
      hint: 'Give a file in the JSON form of sigstore trusted roots, as "cosign trusted-root create" writes it.',
      cause,
    });
  }
}

/** A trusted root of authorities and logs alone, for whoever names these without one. Throws UsageError BAD_CERTIFICATE. */
export async function trustedRootOf(
  authorities: Uint8Array | undefined,
  logs: readonly KeyObject[],
): Promise<TrustedRoot> {
  const { TrustedRoot: root } = await import('@sigstore/protobuf-specs');
  const certificates = authorities === undefined ? [] : parseTrusted(authorities, 'the certificates of the authority');
  const chain = certificates.map(({ x509 }) => ({ rawBytes: x509.raw.toString('base64') }));
  return root.fromJSON({
    tlogs: logs.map((key) => ({
      hashAlgorithm: 'SHA2_256',
      logId: { keyId: base64(keyId(key)) },
      publicKey: { rawBytes: base64(spkiOf(key)), keyDetails: 'PKIX_ECDSA_P256_SHA_256' },
    })),
    certificateAuthorities: chain.length === 0 ? [] : [{ certChain: { certificates: chain } }],
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

export interface EntityRules {
  readonly root: TrustedRoot;
  /** The key of a signature without a certificate. */
  readonly key?: KeyObject;
  /** How many logs of certificates must have seen the certificate. */
  readonly certificateLogs: number;
  /** How many logs must have seen the signature, and how many clocks vouch for its time. */
  readonly logs: number;
  readonly clocks: number;
  /** The logs are known by their keys alone, without the names that they go by. */
  readonly namelessLogs?: boolean;
}

/**
 * Signature, certificate, log entries and timestamps.
 * @returns when it was signed, and the log that holds it, as far as these are vouched for
 * @throws IntegrityError SIGNATURE_REJECTED
 */
export async function verifyEntity(entity: SignedEntity, rules: EntityRules): Promise<Pick<SignedBy, 'time' | 'log'>> {
  const { toTrustMaterial, Verifier } = await import('@sigstore/verify');
  try {
    const { key } = rules;
    const material = toTrustMaterial(rules.root, () => {
      if (key === undefined) throw rejected('the bundle has no certificate');
      return { publicKey: key, validFor: () => true };
    });
    if (rules.namelessLogs === true) {
      // the verifier looks for the name of the log, which a signature may choose freely, in the address of a trusted log;
      // here the key alone says which log it is
      const names = entity.tlogEntries
        .map(({ inclusionProof }) => inclusionProof?.checkpoint?.envelope ?? '')
        .join('\n');
      material.tlogs = material.tlogs.map((log) => ({ ...log, baseURL: names }));
    }
    new Verifier(material, {
      ctlogThreshold: rules.certificateLogs,
      tlogThreshold: rules.logs,
      timestampThreshold: rules.clocks,
    }).verify(entity);
  } catch (thrown) {
    throw asRejection(thrown, 'cryptographic signature verification failed');
  }
  return witnessed(entity);
}

/** What an entity that is verified says of when and where. */
function witnessed({ timestamps, tlogEntries }: SignedEntity): Pick<SignedBy, 'time' | 'log'> {
  const times = timestamps.flatMap((stamp) => {
    if (stamp.$case === 'timestamp-authority') return [stamp.timestamp.signingTime.getTime()];
    // without the promise of the log nobody has signed the time
    return stamp.tlogEntry.inclusionPromise === undefined ? [] : [Number(stamp.tlogEntry.integratedTime) * 1000];
  });
  const [entry] = tlogEntries;
  return {
    ...(times.length === 0 ? {} : { time: new Date(Math.min(...times)) }),
    ...(entry === undefined
      ? {}
      : { log: `Rekor log ${entry.logId.keyId.toString('hex').slice(0, 16)}, index ${entry.logIndex}` }),
  };
}

/** That a certificate, which is verified, is somebody's who may sign. Throws IntegrityError SIGNATURE_REJECTED. */
export function checkIdentity(der: Uint8Array, rule: IdentityRule): string {
  const certificate = parseCertificate(der);
  if (!isForCodeSigning(certificate)) throw rejected('the certificate of the signer is not for code signing');
  const issuer = oidcIssuerOf(certificate);
  if (!matches(rule.issuer, issuer))
    throw rejected(`the identity was issued by ${quoted(issuer)}, who is not accepted`);
  const { identities } = namesOf(certificate);
  const subject = identities.find((name) => matches(rule.subject, name));
  if (subject === undefined) {
    throw rejected(`the certificate is for ${identities.map(quoted).join(', ') || 'nobody'}, who is not accepted`);
  }
  return `${subject} (${issuer})`;
}

function matches(rule: TextRule, text: string): boolean {
  if ('exact' in rule) return rule.exact === text;
  const flags = rule.pattern.flags.replaceAll(/[gy]/g, '');
  return new RegExp(`^(?:${rule.pattern.source})$`, flags).test(text);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
