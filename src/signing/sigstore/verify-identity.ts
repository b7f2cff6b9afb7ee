/**
 * Verification under a sigstore trusted root, by the sigstore project's own verifier, and the checks that it leaves to others:
 * who the certificate names, and what it is for.
 *
 * Source: sigstore client specification, "Verification".
 */
import type { KeyObject } from 'node:crypto';
import type { TrustedRoot } from '@sigstore/protobuf-specs';
import type { SignedEntity, TrustMaterial } from '@sigstore/verify';
import { UsageError } from '../../foundation/errors.ts';
import { parseJson } from '../../oci/json.ts';
import type { SignedBy, TextRule } from '../policy/attachment-verifier.ts';
import { isForCodeSigning, namesOf, oidcIssuerOf, parseCertificate } from './certificate.ts';
import { keyId, spkiOf } from './keys.ts';
import { asRejection, rejected } from './rejection.ts';

/** Whose certificate it may be. */
export interface IdentityRule {
  readonly subject: TextRule;
  readonly issuer: TextRule;
}

/** Throws UsageError BAD_TRUSTED_ROOT. */
export async function parseTrustedRoot(json: Uint8Array): Promise<TrustedRoot> {
  const { TrustedRoot: root } = await import('./packages/protobuf-specs.ts');
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
    throw badTrustedRoot(cause);
  }
}

function badTrustedRoot(cause: unknown): UsageError {
  return new UsageError('cannot read the trusted root', {
    code: 'BAD_TRUSTED_ROOT',
    hint: 'Give a file in the JSON form of sigstore trusted roots, as "cosign trusted-root create" writes it.',
    cause,
  });
}

/** A trusted root of these logs alone. */
async function trustedRootOf(logs: readonly KeyObject[]): Promise<TrustedRoot> {
  const { TrustedRoot: root } = await import('./packages/protobuf-specs.ts');
  return root.fromJSON({
    tlogs: logs.map((key) => ({
      hashAlgorithm: 'SHA2_256',
      logId: { keyId: base64(keyId(key)) },
      publicKey: { rawBytes: base64(spkiOf(key)), keyDetails: 'PKIX_ECDSA_P256_SHA_256' },
    })),
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

export type EntityRules =
  /** Signature by a certificate of the root, which a log of certificates has seen; in a log; and at a time somebody vouches for. */
  | { readonly root: TrustedRoot }
  /** Signature by this key, in one of these logs. */
  | { readonly key: KeyObject; readonly logs: readonly KeyObject[] };

/**
 * Signature, certificate, log entries and timestamps.
 * @returns when it was signed, and the log that holds it, as far as these are vouched for
 * @throws IntegrityError SIGNATURE_REJECTED
 */
export async function verifyEntity(entity: SignedEntity, rules: EntityRules): Promise<Pick<SignedBy, 'time' | 'log'>> {
  const { Verifier } = await import('./packages/verify.ts');
  const byKey = 'key' in rules;
  const material = byKey ? await keyMaterial(entity, rules.key, rules.logs) : await rootMaterial(rules.root);
  try {
    new Verifier(material, {
      tlogThreshold: 1,
      ctlogThreshold: byKey ? 0 : 1,
      timestampThreshold: byKey ? 0 : 1,
    }).verify(entity);
  } catch (thrown) {
    throw asRejection(thrown, 'cryptographic signature verification failed');
  }
  return witnessed(entity);
}

async function rootMaterial(root: TrustedRoot): Promise<TrustMaterial> {
  const { toTrustMaterial } = await import('./packages/verify.ts');
  try {
    return toTrustMaterial(root, () => {
      throw rejected('the bundle has no certificate');
    });
  } catch (thrown) {
    throw badTrustedRoot(thrown);
  }
}

async function keyMaterial(entity: SignedEntity, key: KeyObject, logs: readonly KeyObject[]): Promise<TrustMaterial> {
  const { toTrustMaterial } = await import('./packages/verify.ts');
  const material = toTrustMaterial(await trustedRootOf(logs), () => ({ publicKey: key, validFor: () => true }));
  // the verifier looks for the name under which a log signs, which whoever made the bundle may choose, in the address of a trusted
  // log; here the logs have keys and no addresses
  const names = entity.tlogEntries.map(({ inclusionProof }) => inclusionProof?.checkpoint?.envelope ?? '').join('\n');
  return { ...material, tlogs: material.tlogs.map((log) => ({ ...log, baseURL: names })) };
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
  const flags = rule.pattern.flags.replaceAll(/[gmy]/g, '');
  return new RegExp(`^(?:${rule.pattern.source})$`, flags).test(text);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
