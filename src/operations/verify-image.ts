/** Verifies the signatures of an image: of itself and, of an index, of every instance. Nothing is taken for good in doubt. */
import { IntegrityError, UsageError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { parseReference, type Reference } from '../oci/reference.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import {
  checkAttachment,
  checkBundle,
  checkSimple,
  type Evidence,
  type Expectation,
} from '../signing/check-signature.ts';
import type { AttachmentVerifier, SigstoreTrust } from '../signing/policy/attachment-verifier.ts';
import { evaluatePolicy } from '../signing/policy/evaluate.ts';
import { identityMatches } from '../signing/policy/identities.ts';
import { type Policy, requirementsFor } from '../signing/policy/policy.ts';
import type { ImageSignature } from '../signing/signature.ts';
import { type TakeMemory, withSignatureMemory } from '../signing/signature-memory.ts';
import type { SignatureStore, SignatureStoreName } from '../signing/signature-store.ts';
import type { GpgPublicKey } from '../signing/simple/keyring.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource } from '../transports/verified-source.ts';
import { scopesOf } from './enforce-policy.ts';
import type { Env } from './environment.ts';
import { signatureStores } from './signature-stores.ts';
import { type ManifestOfImage, signedManifests } from './signed-manifests.ts';

/** Who is trusted: keys and people, or what a policy says. */
export type VerifyTrust =
  | {
      readonly kind: 'keys';
      readonly gpgKeys: readonly GpgPublicKey[];
      readonly sigstore: readonly SigstoreTrust[];
      /** The name that must be signed, in place of the image's own; without tag and digest, any of the repository. */
      readonly identity?: string | undefined;
    }
  | { readonly kind: 'policy'; readonly policy: Policy };

/** What must be signed of an index. */
export type Required = 'index' | 'instances' | 'both';

export interface VerifyImageRequest {
  readonly location: ImageLocation;
  readonly trust: VerifyTrust;
  readonly verifier: AttachmentVerifier;
  readonly require: Required;
  /** Where to look; everywhere without it. */
  readonly stores?: ReadonlySet<SignatureStoreName> | undefined;
  registriesD(): Promise<RegistriesD>;
}

export interface SignatureVerdict extends Partial<Evidence> {
  readonly format: Evidence['format'];
  readonly store: SignatureStoreName;
  /** `unchecked`: no key was given for signatures of this kind. */
  readonly verdict: 'good' | 'rejected' | 'unchecked';
  readonly reason?: string;
}

export interface ManifestVerdict extends ManifestOfImage {
  /** Whether the image as a whole needs this one to be verified. */
  readonly required: boolean;
  readonly verdict: 'verified' | 'unsigned' | 'rejected';
  readonly signatures: readonly SignatureVerdict[];
  /** What was found and could not be read, and why a policy does not allow it. */
  readonly problems: readonly string[];
}

export interface VerifyImageResult {
  readonly image: string;
  readonly digest: Digest;
  readonly verified: boolean;
  readonly require: Required;
  readonly manifests: readonly ManifestVerdict[];
}

/**
 * That an image is not verified is a result and no error.
 *
 * @throws UsageError NO_TRUST where the policy asks for no signature; what reading the image and its signatures throws: what
 * cannot be listed is not taken for nothing
 */
export async function verifyImage(env: Env, request: VerifyImageRequest): Promise<VerifyImageResult> {
  const { location, require } = request;
  await requireTrust(request);
  const { root, all, stores, reference } = await whatIsSigned(env, request);
  const manifests = await Promise.all(
    all.map(async (manifest): Promise<ManifestVerdict> => {
      const required = isRequired(manifest, manifest.digest === root, require);
      const verdict = await withSignatureMemory((take) =>
        verifyOne(env, { ...request, reference }, stores, manifest, take),
      );
      return { ...manifest, required, ...verdict };
    }),
  );
  const needed = manifests.filter((one) => one.required);
  const verified = needed.length > 0 && needed.every(({ verdict }) => verdict === 'verified');
  return { image: location.format(), digest: root, verified, require, manifests };
}

interface Signed {
  readonly root: Digest;
  readonly all: readonly ManifestOfImage[];
  readonly stores: readonly SignatureStore[];
  /** The name that was asked for. */
  readonly reference: Reference | undefined;
}

/** An image of a local storage is looked at as it was pulled: that is what somebody has signed. */
async function whatIsSigned(env: Env, { location, stores: only, registriesD }: VerifyImageRequest): Promise<Signed> {
  if (location.transport === 'containers-storage') {
    const { storedImage } = await import('./storage-signatures.ts');
    return storedImage(location);
  }
  await using source = await openVerifiedSource(location, env);
  const root = await source.getManifest();
  const all = await signedManifests(source, root);
  const stores = await signatureStores(env, location, root.digest, {
    only,
    registriesD,
    reading: true,
    attachments: only === undefined ? 'unless-refused' : 'always',
  });
  return { root: root.digest, all, stores, reference: location.reference };
}

/** With the name that was asked for. */
type Asked = VerifyImageRequest & Pick<Signed, 'reference'>;

/** A policy that lets everything in says of nobody that they are trusted: whatever it allows is not verified by that. */
async function requireTrust({ location, trust }: VerifyImageRequest): Promise<void> {
  if (trust.kind !== 'policy') return;
  const requirements = requirementsFor(trust.policy, location.transport, await scopesOf(location));
  if (requirements.some(({ type }) => type !== 'insecureAcceptAnything')) return;
  throw new UsageError(`nobody is trusted: the policy takes ${location.format()} without any signature`, {
    code: 'NO_TRUST',
    hint: 'Give --key FILE, --certificate-identity with --certificate-oidc-issuer and --trusted-root, or a policy that asks for signatures of this image.',
  });
}

function isRequired({ role }: ManifestOfImage, isRoot: boolean, require: Required): boolean {
  if (role === 'image' || require === 'both') return true;
  return require === 'index' ? isRoot : role === 'instance';
}

interface Found {
  store: SignatureStoreName;
  signature: ImageSignature;
}

type OneVerdict = Pick<ManifestVerdict, 'verdict' | 'signatures' | 'problems'>;

async function verifyOne(
  env: Env,
  request: Asked,
  stores: readonly SignatureStore[],
  manifest: ManifestOfImage,
  take: TakeMemory,
): Promise<OneVerdict> {
  const { trust } = request;
  const kept = await Promise.all(
    stores.map(async (store) => ({ store: store.name, ...(await store.open(manifest, take)) })),
  );
  const found = kept.flatMap(({ store, signatures }) => signatures.map((signature): Found => ({ store, signature })));
  const problems = kept.flatMap((one) => one.problems);
  const now = new Date(env.session.clock.now());
  if (trust.kind === 'policy') return byPolicy(request, trust, manifest, { found, problems, now });
  const signatures = await Promise.all(found.map((one) => verdictOf(one, request, trust, manifest.digest, now)));
  const good = signatures.some(({ verdict }) => verdict === 'good');
  const nothing = signatures.length === 0 && problems.length === 0;
  return { verdict: good ? 'verified' : nothing ? 'unsigned' : 'rejected', signatures, problems };
}

type KeyTrust = Extract<VerifyTrust, { kind: 'keys' }>;

async function verdictOf(
  { store, signature }: Found,
  { reference, verifier }: Asked,
  trust: KeyTrust,
  digest: Digest,
  now: Date,
): Promise<SignatureVerdict> {
  const expected: Expectation = {
    digest,
    now,
    accepts: (identity) => accepts(reference, trust.identity, identity, signature.kind),
  };
  const about = { format: signature.kind, store };
  const checks =
    signature.kind === 'simple'
      ? trust.gpgKeys.length === 0
        ? []
        : [() => checkSimple(signature, trust.gpgKeys, expected)]
      : trust.sigstore.map(
          (one) => () =>
            signature.kind === 'bundle'
              ? checkBundle(signature, verifier, one, expected)
              : checkAttachment(signature, verifier, one, expected),
        );
  if (checks.length === 0) return { ...about, verdict: 'unchecked', reason: 'no key for it was given' };
  const reasons: string[] = [];
  for (const check of checks) {
    try {
      return { ...about, ...(await check()), verdict: 'good' };
    } catch (thrown) {
      if (!(thrown instanceof IntegrityError)) throw thrown;
      reasons.push(thrown.message);
    }
  }
  return { ...about, verdict: 'rejected', reason: [...new Set(reasons)].join('; ') };
}

/**
 * Without a name to compare with, that of a folder's image is shown and not judged. cosign signs repositories without a tag: as
 * much as that must fit.
 */
function accepts(
  reference: Reference | undefined,
  wanted: string | undefined,
  signed: string,
  kind: ImageSignature['kind'],
): boolean {
  if (wanted !== undefined) {
    const { tag, digest } = parseReference(wanted);
    return tag === undefined && digest === undefined
      ? identityMatches({ type: 'exactRepository', repository: wanted }, reference, signed)
      : identityMatches({ type: 'exactReference', reference: wanted }, reference, signed);
  }
  if (reference === undefined) return true;
  if (identityMatches({ type: 'matchRepoDigestOrExact' }, reference, signed)) return true;
  const bare = !/[:@]/.test(signed.slice(signed.lastIndexOf('/')));
  return kind === 'attachment' && bare && identityMatches({ type: 'matchRepository' }, reference, signed);
}

async function byPolicy(
  { location, reference, verifier }: Asked,
  { policy }: Extract<VerifyTrust, { kind: 'policy' }>,
  { digest }: ManifestOfImage,
  { found, problems, now }: { found: readonly Found[]; problems: readonly string[]; now: Date },
): Promise<OneVerdict> {
  const requirements = requirementsFor(policy, location.transport, await scopesOf(location));
  const subject = {
    name: location.format(),
    digest,
    intended: reference,
    signatures: async () => found.map(({ signature }) => signature),
  };
  const { accepted, reason, evidence } = await evaluatePolicy(requirements, subject, { verifier, now });
  const signatures = evidence.map((one): SignatureVerdict => {
    const store = one.format === 'simple' ? 'lookaside' : one.format;
    return { ...one, store, verdict: 'good' };
  });
  return {
    verdict: accepted ? 'verified' : found.length === 0 && problems.length === 0 ? 'unsigned' : 'rejected',
    signatures,
    problems: reason === undefined ? problems : [reason, ...problems],
  };
}
