/**
 * The signatures that an image has and that go along with a copy of it, as skopeo and podman have it: those in lookasides and
 * `dir:` folders, and attachments where registries.d says that they are used.
 *
 * Source: containers/image copy/ (what it carries, and what it refuses).
 */
import { type CopyPlan, plannedDigest } from '../copy/plan.ts';
import { ConflictError, IntegrityError, UnsupportedError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import type { SignaturesAlong } from '../signing/sign-manifests.ts';
import type { ImageSignature } from '../signing/signature.ts';
import { type TakeMemory, withSignatureMemory } from '../signing/signature-memory.ts';
import { type SignatureStoreName, type SignedManifest, signatureBytes } from '../signing/signature-store.ts';
import type { ImageLocation } from '../transports/transport.ts';
import type { Env } from './environment.ts';
import { type AttachmentUse, keptAt, signatureStores } from './signature-stores.ts';

/** By the digest of the manifest in the source; only manifests that have some. */
export type CarriedSignatures = ReadonlyMap<Digest, SignaturesAlong>;

/** Bytes of the signatures of one manifest that stay in memory until they are written; more are read again then. */
const keptBytes = 64 << 10;

export interface SignedSource {
  readonly location: ImageLocation;
  /** The digest of what the location names. */
  readonly root: Digest;
  /** Those that are copied. */
  readonly manifests: readonly SignedManifest[];
  registriesD(): Promise<RegistriesD>;
  readonly attachments: AttachmentUse;
}

/** Throws what reading throws: what cannot be listed is not left behind unsaid. */
export async function readCarried(env: Env, source: SignedSource): Promise<CarriedSignatures> {
  const { location, root, manifests, registriesD, attachments } = source;
  if (location.transport !== 'docker' && location.transport !== 'dir') return new Map();
  const only = new Set<SignatureStoreName>(['lookaside', 'attachment', 'dir']);
  const stores = await signatureStores(env, location, root, { only, registriesD, reading: true, attachments });
  const read = async (manifest: SignedManifest, take: TakeMemory): Promise<readonly ImageSignature[]> => {
    const kept = await Promise.all(stores.map((store) => store.open(manifest, take)));
    const [problem] = kept.flatMap(({ problems }) => problems);
    if (problem !== undefined) throw unreadable(location, problem);
    return kept.flatMap(({ signatures }) => signatures);
  };
  const found = await Promise.all(
    manifests.map(async (manifest) => {
      const along = await withSignatureMemory(async (take) => {
        const signatures = await read(manifest, take);
        const whole = signaturesAlong(signatures);
        const bytes = signatures.reduce((sum, one) => sum + signatureBytes(one), 0);
        return bytes <= keptBytes ? whole : { ...whole, read: (again: TakeMemory) => read(manifest, again) };
      });
      return [manifest.digest, along] as const;
    }),
  );
  return new Map(found.filter(([, { count }]) => count > 0));
}

/** What is in memory already. */
export function signaturesAlong(signatures: readonly ImageSignature[]): SignaturesAlong {
  return {
    kinds: new Set(signatures.map(({ kind }) => kind)),
    count: signatures.length,
    read: async () => signatures,
  };
}

/**
 * Throws ConflictError SIGNATURES_WOULD_BREAK where a signed manifest changes its digest; UnsupportedError
 * SIGNATURES_NOT_SUPPORTED where the destination keeps no such signatures.
 */
export function checkCarried(plan: CopyPlan, to: ImageLocation, carried: CarriedSignatures): void {
  // what an earlier run has made of it is known by its root alone
  const remembered = plan.changed.length === 0 && plannedDigest(plan) !== plan.original.digest;
  const broken = [...carried.keys()].find((digest) => remembered || plan.changed.includes(digest));
  if (broken !== undefined) {
    throw new ConflictError(`${plan.source} is signed, and the digest ${broken} that was signed would change`, {
      code: 'SIGNATURES_WOULD_BREAK',
      hint: 'Copy without what changes it, or leave the signatures behind: --remove-signatures.',
    });
  }
  const kinds = kindsOf(carried);
  const kept = keptAt(to);
  const homeless = kinds.find((kind) => !kept.has(kind));
  if (homeless === undefined) return;
  const what = homeless === 'simple' ? 'GPG signatures' : 'sigstore signatures';
  throw new UnsupportedError(`the ${what} of ${plan.source} cannot go along: ${to.format()} keeps none`, {
    code: 'SIGNATURES_NOT_SUPPORTED',
    side: 'destination',
    hint: 'Leave them behind with --remove-signatures, or copy to a registry (docker://) or a folder (dir:).',
  });
}

/** The places at the destination that what is carried needs. */
export function storesFor(carried: CarriedSignatures): readonly SignatureStoreName[] {
  return kindsOf(carried).map((kind) => (kind === 'simple' ? 'lookaside' : 'attachment'));
}

export function countCarried(carried: CarriedSignatures): number {
  return [...carried.values()].reduce((sum, { count }) => sum + count, 0);
}

function kindsOf(carried: CarriedSignatures): Array<ImageSignature['kind']> {
  return [...new Set([...carried.values()].flatMap(({ kinds }) => [...kinds]))];
}

function unreadable(location: ImageLocation, problem: string): IntegrityError {
  return new IntegrityError(`a signature of ${location.format()} cannot be read, so it cannot go along: ${problem}`, {
    code: 'BAD_SIGNATURE',
    side: 'source',
    hint: 'Leave the signatures behind with --remove-signatures.',
  });
}
