/**
 * Signs manifests and keeps the signatures: what `sign` does with an image that stands, and what a push does before the tag
 * moves.
 *
 * Everything goes on side by side; the limiter of the registries says how much at once. What is signed already by the same
 * signer is not signed again, so that a run that was stopped can be run again.
 */
import { asError, BugError, UsageError } from '../foundation/errors.ts';
import { createSemaphore, type Semaphore } from '../foundation/semaphore.ts';
import type { Session } from '../foundation/session.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageSignature, SigningClaim } from './signature.ts';
import { type TakeMemory, withSignatureMemory } from './signature-memory.ts';
import { type KeptSignatures, type SignatureStore, type SignedManifest, withoutKnown } from './signature-store.ts';
import type { ImageSigner } from './signer.ts';

export interface SignRequest {
  /** All of one image: its instances, and the index. */
  readonly manifests: readonly SignedManifest[];
  /** The name that all of them are signed under, in full form with tag or digest: that of the list. */
  readonly identity: string;
  readonly signers: readonly ImageSigner[];
  readonly stores: readonly SignatureStore[];
  /** Signatures from elsewhere that are to be kept too, by the digest of their manifest; they come before new ones. */
  readonly carried?: ReadonlyMap<Digest, SignaturesAlong>;
}

/** Signatures of one manifest, from elsewhere. */
export interface SignaturesAlong {
  readonly kinds: ReadonlySet<ImageSignature['kind']>;
  readonly count: number;
  /** Throws what reading throws, where they were too large to be kept. */
  read(take: TakeMemory): Promise<readonly ImageSignature[]>;
}

export interface SignReport {
  /** Signatures that were made and kept; in a plan, those that would be. */
  readonly added: number;
  /** Signatures that were there already. */
  readonly kept: number;
  readonly manifests: ReadonlyArray<{
    readonly digest: SignedManifest['digest'];
    readonly added: number;
    readonly kept: number;
  }>;
}

/**
 * Manifests that are looked at, signed or written at once: enough to fill the line, few enough that what is read of a tag and
 * written after is not kept waiting in between.
 */
const atOnce = { looking: 16, signing: 16, writing: 32 } as const;

/** What all manifests of a run share. */
interface Turns {
  readonly looking: Semaphore;
  /** One for each signer, by their order: a slow one is not to keep the others. */
  readonly signing: readonly Semaphore[];
  readonly writing: Semaphore;
  /** After a failure nothing is begun any more: half of the signatures are of no use. */
  failed: boolean;
}

/**
 * When it returns, every manifest has a signature of every signer, in every store that keeps its kind. A manifest need not be
 * in the registry yet: its digest is all that is signed. A store is given what is for it as soon as that is made, whoever else
 * is still at work.
 *
 * @throws UsageError NO_SIGNATURE_STORE when a signer makes what no store keeps, before anything is signed; what signers and
 * stores throw, after everything that was under way has ended: the first failure by the order of the manifests
 */
export async function signManifests(session: Session, request: SignRequest): Promise<SignReport> {
  checkStores(request);
  const timestamp = Math.trunc(session.clock.now() / 1000);
  const unique = [...new Map(request.manifests.map((manifest) => [manifest.digest, manifest])).values()];
  for (const store of request.stores) store.expect?.(unique.length);
  const turns: Turns = {
    looking: createSemaphore(atOnce.looking),
    signing: request.signers.map(() => createSemaphore(atOnce.signing)),
    writing: createSemaphore(atOnce.writing),
    failed: false,
  };
  const manifests = await all(
    unique.map(async (manifest) => {
      const claim = { digest: manifest.digest, identity: request.identity, timestamp };
      const signed = await withSignatureMemory((take) => signOne(session, request, manifest, claim, turns, take));
      return { digest: manifest.digest, ...signed };
    }),
  );
  await all(request.stores.map(async (store) => store.confirm?.()));
  return report(manifests);
}

/**
 * What {@link signManifests} would add, found by looking only. A signer of whom others must be asked who it is counts as one that
 * has signed nothing: to ask is to be certified.
 *
 * @throws as signManifests, but for what is thrown by signing; of writing what can be told before
 */
export async function planSignatures(session: Session, request: SignRequest): Promise<SignReport> {
  checkStores(request);
  const looking = createSemaphore(atOnce.looking);
  const unique = [...new Map(request.manifests.map((manifest) => [manifest.digest, manifest])).values()];
  const manifests = await all(
    unique.map((manifest) =>
      withSignatureMemory(async (take) => {
        const claim = { digest: manifest.digest, identity: request.identity, timestamp: 0 };
        if (isNothingFor(request, manifest)) return { digest: manifest.digest, added: 0, kept: 0 };
        const places = await looking.run(() => lookAt(request, manifest, take));
        const along = await all(places.map(freshAlong));
        const missing = await all(
          request.signers.flatMap((signer) =>
            places.map(async (place) => {
              const here = signer.isAskedFor ? withoutContent(place) : place;
              return missingKinds(session, here, signer, claim);
            }),
          ),
        );
        const brought = along.reduce((total, count) => total + count, 0);
        const added = missing.reduce((total, { kinds }) => total + kinds.size, brought);
        return { digest: manifest.digest, added, kept: missing.filter(({ found }) => found).length };
      }),
    ),
  );
  return report(manifests);
}

/** Whoever only brings signatures along need not look where none are. */
function isNothingFor({ signers, carried }: SignRequest, { digest }: SignedManifest): boolean {
  return signers.length === 0 && !carried?.get(digest)?.count;
}

/** How many signatures that are brought along the place does not have yet. */
async function freshAlong({ content, along }: Place): Promise<number> {
  const fresh = withoutKnown(along, content.signatures).length;
  if (fresh > 0) await content.expectWritable?.();
  return fresh;
}

function withoutContent(place: Place): Place {
  return { ...place, content: { ...place.content, signatures: [] }, along: [] };
}

function report(manifests: SignReport['manifests']): SignReport {
  const sum = (key: 'added' | 'kept'): number => manifests.reduce((total, one) => total + one[key], 0);
  return { added: sum('added'), kept: sum('kept'), manifests };
}

/** What every place has of `manifest`, and what is brought along to it. */
async function lookAt({ stores, carried }: SignRequest, manifest: SignedManifest, take: TakeMemory): Promise<Place[]> {
  const brought = (await carried?.get(manifest.digest)?.read(take)) ?? [];
  return all(
    stores.map(async (store): Promise<Place> => {
      const content = await store.open(manifest, take);
      return { store, content, along: brought.filter(({ kind }) => store.keeps.has(kind)) };
    }),
  );
}

async function signOne(
  session: Session,
  request: SignRequest,
  manifest: SignedManifest,
  claim: SigningClaim,
  turns: Turns,
  take: TakeMemory,
): Promise<{ added: number; kept: number }> {
  const { signers } = request;
  if (isNothingFor(request, manifest)) return { added: 0, kept: 0 };
  const begin = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    if (turns.failed) return otherwise;
    try {
      return await work();
    } catch (thrown) {
      turns.failed = true;
      throw thrown;
    }
  };
  const places = await turns.looking.run(() => begin(() => lookAt(request, manifest, take), []));
  const sign = async (signer: ImageSigner): Promise<Signed> => {
    const missing = await all(places.map((place) => missingKinds(session, place, signer, claim)));
    const kept = missing.filter(({ found }) => found).length;
    if (missing.every(({ kinds }) => kinds.size === 0)) return { kept, made: [], missing };
    return { kept, made: await signer.sign(session, claim), missing };
  };
  const nothing: Signed = { kept: 0, made: [], missing: [] };
  const signing = signers.map((signer, at) => {
    const work = (): Promise<Signed> => begin(() => sign(signer), nothing);
    return { signer, signed: turns.signing[at]?.run(work) ?? work() };
  });
  const add = async ({ store, content, along }: Place, at: number): Promise<number> => {
    // all that the store is to keep at once: it would be in each other's way one after the other
    const here = signing.filter(({ signer }) => signer.makes?.some((kind) => store.keeps.has(kind)) ?? true);
    const signed = await all(here.map((one) => one.signed));
    const made = signed.flatMap((one) => one.made.filter(({ kind }) => one.missing[at]?.kinds.has(kind)));
    const fresh = [...along, ...made];
    return fresh.length === 0 ? 0 : turns.writing.run(() => begin(() => content.add(fresh), 0));
  };
  const [adding, signed] = [all(places.map(add)), all(signing.map((one) => one.signed))];
  await Promise.allSettled([adding, signed]);
  const kept = (await signed).reduce((total, one) => total + one.kept, 0);
  return { added: (await adding).reduce((total, one) => total + one, 0), kept };
}

/** Like `Promise.all`, but nothing goes on behind its back when it fails. */
async function all<T>(work: ReadonlyArray<Promise<T>>): Promise<T[]> {
  const outcomes = await Promise.allSettled(work);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw asError(outcome.reason);
    return outcome.value;
  });
}

interface Place {
  readonly store: SignatureStore;
  readonly content: KeptSignatures;
  /** What is brought along and can be kept here. */
  readonly along: readonly ImageSignature[];
}

/** What came of one signer. */
interface Signed {
  readonly made: readonly ImageSignature[];
  /** Places that had something of this signer's. */
  readonly kept: number;
  /** By the order of the places. */
  readonly missing: readonly Missing[];
}

interface Missing {
  /** Of what the signer makes, what this place keeps and does not have yet. */
  kinds: ReadonlySet<ImageSignature['kind']>;
  /** Whether something of this signer's was there. */
  found: boolean;
}

/** Throws where what is missing could not be written: nobody is to sign for nothing. */
async function missingKinds(
  session: Session,
  { store, content, along }: Place,
  signer: ImageSigner,
  claim: SigningClaim,
): Promise<Missing> {
  const candidates = [...content.signatures, ...along].filter(({ kind }) => signer.makes?.includes(kind) ?? true);
  const mine = await Promise.all(candidates.map((existing) => signer.isMine(existing, claim, session)));
  const there = new Set(candidates.filter((_, at) => mine[at]).map(({ kind }) => kind));
  if (signer.makes === undefined && there.size > 0) return { kinds: new Set(), found: true };
  const wanted = [...store.keeps].filter((kind) => (signer.makes?.includes(kind) ?? true) && !there.has(kind));
  if (wanted.length > 0) await content.expectWritable?.();
  return { kinds: new Set(wanted), found: there.size > 0 };
}

function checkStores({ signers, stores, identity }: SignRequest): void {
  if (identity === '' && signers.length > 0) throw new BugError('signing without an identity');
  const kept = new Set(stores.flatMap(({ keeps }) => [...keeps]));
  for (const signer of signers) {
    const homeless = signer.makes?.find((kind) => !kept.has(kind));
    if (homeless === undefined) continue;
    throw new UsageError(`no place was chosen that keeps what the ${signer.describe()} makes`, {
      code: 'NO_SIGNATURE_STORE',
      hint:
        homeless === 'simple'
          ? 'GPG signatures go to a lookaside: leave --signature-store away or add --signature-store lookaside.'
          : `Add --signature-store ${homeless}, or leave it away.`,
    });
  }
}
