/**
 * Whether a policy allows an image.
 *
 * Source: containers-policy.json(5), "Policy Requirements"; containers/image signature/policy_eval*.go.
 */
import type { PublicKey } from 'openpgp';
import { asError, IntegrityError, UsageError } from '../../foundation/errors.ts';
import { mostKeyBytes, readWholeFile } from '../../foundation/whole-file.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Reference } from '../../oci/reference.ts';
import { simpleSigningType } from '../attachments/attachment-store.ts';
import { checkAttachment, checkSimple, type Evidence, type Expectation } from '../check-signature.ts';
import type { ImageSignature } from '../signature.ts';
import { readKeyring } from '../simple/keyring.ts';
import type { AttachmentVerifier, SigstoreTrust } from './attachment-verifier.ts';
import { identityMatches } from './identities.ts';
import type { KeySource, Requirement, SigstoreKeys } from './policy.ts';

/** One manifest, as a policy sees it. */
export interface PolicySubject {
  /** For messages: `docker://...`. */
  readonly name: string;
  /** Of the manifest that is to be used: computed over its bytes. */
  readonly digest: Digest;
  /** What the user named; that of the list, for its instances. */
  readonly intended: Reference | undefined;
  /** Asked when a requirement looks at signatures, and not before. */
  signatures(): Promise<readonly ImageSignature[]>;
}

export interface PolicyTools {
  readonly verifier: AttachmentVerifier;
  readonly now: Date;
}

export interface PolicyVerdict {
  readonly accepted: boolean;
  /** Why not: of the first requirement that does not allow it. */
  readonly reason?: string;
  /** The signatures that were found good on the way. */
  readonly evidence: readonly Evidence[];
}

/** All requirements must allow it; of the signatures, one that fits a requirement is enough. Throws what `signatures()` throws. */
export async function evaluatePolicy(
  requirements: readonly Requirement[],
  subject: PolicySubject,
  tools: PolicyTools,
): Promise<PolicyVerdict> {
  const evidence: Evidence[] = [];
  for (const requirement of requirements) {
    const verdict = await evaluate(requirement, subject, tools);
    evidence.push(...verdict.evidence);
    if (!verdict.accepted) return { ...verdict, evidence };
  }
  return requirements.length > 0 ? { accepted: true, evidence } : { ...denied('the policy says nothing'), evidence };
}

function denied(reason: string): PolicyVerdict {
  return { accepted: false, reason, evidence: [] };
}

async function evaluate(requirement: Requirement, subject: PolicySubject, tools: PolicyTools): Promise<PolicyVerdict> {
  switch (requirement.type) {
    case 'insecureAcceptAnything':
      return { accepted: true, evidence: [] };
    case 'reject':
      return denied(`Running image ${subject.name} is rejected by policy.`);
    case 'signedBaseLayer':
      return denied('signedBaseLayer is not implemented, by anybody');
    case 'signedBy':
      return signedBy(requirement, subject, tools);
    case 'sigstoreSigned':
      return sigstoreSigned(requirement, subject, tools);
  }
}

type RequirementOf<T extends Requirement['type']> = Extract<Requirement, { type: T }>;

async function signedBy(
  { keyType, keys, identity }: RequirementOf<'signedBy'>,
  subject: PolicySubject,
  { now }: PolicyTools,
): Promise<PolicyVerdict> {
  if (keyType !== 'GPGKeys') return denied(`the keyType "${keyType}" is not implemented, by anybody`);
  const signatures = (await subject.signatures()).filter((one) => one.kind === 'simple');
  if (signatures.length === 0) return denied('A signature was required, but no signature exists');
  const expected = expectation(subject, identity, now);
  const ring = once(async (): Promise<readonly PublicKey[]> => {
    const rings = await Promise.all(keys.map(async (key) => readKeyring(await bytesOf(key), nameOf(key))));
    return rings.flat();
  });
  return oneOf(signatures.map((signature) => async () => checkSimple(signature, await ring(), expected)));
}

async function sigstoreSigned(
  { trust, identity }: RequirementOf<'sigstoreSigned'>,
  subject: PolicySubject,
  { verifier, now }: PolicyTools,
): Promise<PolicyVerdict> {
  const all = await subject.signatures();
  const attachments = all.filter((one) => one.kind === 'attachment');
  const signatures = attachments.filter(({ mediaType }) => mediaType === simpleSigningType);
  if (signatures.length === 0) {
    const others = `${all.length - attachments.length} non-sigstore signatures, ${attachments.length} sigstore non-signature attachments`;
    return denied(`A signature was required, but no signature exists${all.length === 0 ? '' : ` (${others})`}`);
  }
  const expected = expectation(subject, identity, now);
  const trusted = once(() => trustOf(trust));
  return oneOf(
    signatures.map((signature) => async () => checkAttachment(signature, verifier, await trusted(), expected)),
  );
}

/** The first that is good decides; without one, all reasons are told, each once: thousands may be bad in the same way. */
async function oneOf(checks: ReadonlyArray<() => Promise<Evidence>>): Promise<PolicyVerdict> {
  const reasons = new Set<string>();
  for (const check of checks) {
    try {
      return { accepted: true, evidence: [await check()] };
    } catch (thrown) {
      // what cannot be decided is not allowed either
      if (!(thrown instanceof IntegrityError || thrown instanceof UsageError)) throw thrown;
      reasons.add(thrown.message);
    }
  }
  const all = [...reasons].join('; ');
  return denied(checks.length === 1 ? all : `None of the signatures were accepted, reasons: ${all}`);
}

function expectation(subject: PolicySubject, rule: Parameters<typeof identityMatches>[0], now: Date): Expectation {
  return {
    digest: subject.digest,
    accepts: (identity) => identityMatches(rule, subject.intended, identity),
    now,
  };
}

async function trustOf(trust: SigstoreKeys): Promise<SigstoreTrust> {
  const all = (sources: readonly KeySource[]): Promise<Uint8Array[]> => Promise.all(sources.map(bytesOf));
  switch (trust.kind) {
    case 'keys': {
      const rekorKeys = await all(trust.rekorKeys);
      return { kind: 'keys', keys: await all(trust.keys), ...(rekorKeys.length === 0 ? {} : { rekorKeys }) };
    }
    case 'fulcio': {
      const [authorities, rekorKeys] = await Promise.all([bytesOf(trust.authorities), all(trust.rekorKeys)]);
      return { ...trust, authorities, rekorKeys };
    }
    case 'pki': {
      const { intermediates, ...rest } = trust;
      const between = intermediates === undefined ? undefined : await bytesOf(intermediates);
      return {
        ...rest,
        roots: await bytesOf(trust.roots),
        ...(between === undefined ? {} : { intermediates: between }),
      };
    }
  }
}

async function bytesOf(source: KeySource): Promise<Uint8Array> {
  if ('data' in source) return source.data;
  try {
    return await readWholeFile(source.path, mostKeyBytes);
  } catch (thrown) {
    throw new UsageError(`the policy names ${source.path}, which cannot be read: ${asError(thrown).message}`, {
      code: 'POLICY_KEY_UNREADABLE',
      cause: thrown,
    });
  }
}

function nameOf(source: KeySource): string {
  return 'path' in source ? source.path : 'the keyData of the policy';
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}
