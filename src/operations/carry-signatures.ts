/**
 * Takes the signatures of an image along to where it is copied, as skopeo does: from and to `dir:` folders and registries
 * (the lookaside, and attachments where registries.d says that they are used). What cannot go along is told in the plan.
 */
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { MadeManifests } from '../copy/execute-plan.ts';
import { type CopyPlan, isNothingToDo, plannedDigest } from '../copy/plan.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import type { ImageSignature } from '../signing/signature.ts';
import type { SignatureStore, SignatureStoreName, SignedManifest } from '../signing/signature-store.ts';
import type { ImageLocation } from '../transports/transport.ts';
import type { VerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';
import { signedManifests } from './signed-manifests.ts';

export interface CarryRequest {
  readonly source: VerifiedSource;
  /** How the source is reached. */
  readonly from: Env;
  readonly destination: ImageLocation;
  /** How the destination is reached. */
  readonly to: Env;
  /** Attachments go along as referrers. */
  readonly referrers: boolean;
  registriesD(): Promise<RegistriesD>;
}

export interface CarriedSignatures {
  /** For the plan. */
  readonly notes: readonly string[];
  /** For `executePlan`. */
  readonly beforeTag?: (made: MadeManifests) => Promise<void>;
  /** After it, with what the destination names then. */
  afterwards(root: RawManifest): Promise<void>;
}

interface Signed {
  readonly manifest: SignedManifest;
  readonly signatures: readonly ImageSignature[];
}

const nothing: CarriedSignatures = { notes: [], afterwards: async () => {} };

/** Only reads. Throws what reading signatures throws: it is not known then whether there are any. */
export async function carrySignatures(request: CarryRequest, plan: CopyPlan): Promise<CarriedSignatures> {
  const { source, destination, to } = request;
  const stores = await sourceStores(request, plan);
  if (stores.length === 0) return nothing;
  const going = digestsOf(plan);
  const signed: Signed[] = [];
  const notes: string[] = [];
  for (const manifest of await signedManifests(source, plan.original)) {
    const signatures: ImageSignature[] = [];
    for (const store of stores) {
      const kept = await store.open(manifest);
      signatures.push(...kept.signatures);
      notes.push(...kept.problems.map((problem) => `a signature stays behind: ${problem}`));
    }
    if (signatures.length === 0) continue;
    if (going === undefined || going.has(manifest.digest)) signed.push({ manifest, signatures });
    else notes.push(`${count(signatures)} of ${manifest.digest} cannot go along: it is changed or left out`);
  }
  if (signed.length === 0) return { ...nothing, notes };
  if (destination.transport !== 'docker' && destination.transport !== 'dir') {
    const all = signed.flatMap(({ signatures }) => signatures);
    notes.push(`${count(all)} cannot go along: ${destination.transport}: keeps no signatures`);
    return { ...nothing, notes };
  }
  const add = async (root: Digest): Promise<void> => {
    const only = new Set(signed.flatMap(({ signatures }) => signatures.map(storeOf)));
    const { registriesD } = request;
    const { signatureStores } = await import('./signature-stores.ts');
    const places = await signatureStores(to, destination, root, {
      only,
      registriesD,
      reading: false,
      asConfigured: true,
    });
    for (const { manifest, signatures } of signed) {
      for (const place of places) {
        const fitting = signatures.filter(({ kind }) => place.keeps.has(kind));
        if (fitting.length > 0) await (await place.open(manifest)).add(fitting);
      }
    }
  };
  return destination.transport === 'docker'
    ? { ...nothing, notes, beforeTag: ({ root }) => add(root.digest) }
    : { notes, afterwards: (root) => add(root.digest) };
}

/** Where the source has signatures that somebody would look for. */
async function sourceStores(request: CarryRequest, plan: CopyPlan): Promise<readonly SignatureStore[]> {
  const { source, from, destination, registriesD } = request;
  const { location } = source;
  const stores = () => import('./signature-stores.ts');
  if (location.transport === 'dir') {
    const { folderOfDir, signatureStores } = await stores();
    const folder = folderOfDir(location) ?? '';
    // the folder's own signatures are those of what it is, whichever of its manifests is meant
    await using whole = await from.locate(`dir:${folder}`).openSource(from);
    const { digest } = await whole.getManifest();
    return signatureStores(from, location, digest, { registriesD, reading: true });
  }
  const { reference } = location;
  if (location.transport !== 'docker' || reference === undefined) return [];
  if (destination.transport !== 'docker' && destination.transport !== 'dir') return [];
  const { read, given, attachments } = (await registriesD()).places(reference);
  const only = new Set<SignatureStoreName>();
  if (given || (await isThere(read))) only.add('lookaside');
  if (attachments === true && !request.referrers) only.add('attachment');
  if (only.size === 0) return [];
  const { signatureStores } = await stores();
  return signatureStores(from, location, plan.original.digest, { only, registriesD, reading: true });
}

async function isThere(base: string): Promise<boolean> {
  if (!base.startsWith('file:///')) return true;
  return (await stat(fileURLToPath(base)).catch(() => undefined)) !== undefined;
}

/** What of the source goes along as it is; `undefined` for everything. */
function digestsOf(plan: CopyPlan): ReadonlySet<Digest> | undefined {
  if (plannedDigest(plan) === plan.original.digest && isNothingToDo(plan)) return undefined;
  return new Set(
    plan.steps.flatMap((step) => ('manifest' in step && 'digest' in step.manifest ? [step.manifest.digest] : [])),
  );
}

function storeOf({ kind }: ImageSignature): SignatureStoreName {
  return kind === 'simple' ? 'lookaside' : kind;
}

function count(signatures: readonly ImageSignature[]): string {
  return signatures.length === 1 ? 'a signature' : `${signatures.length} signatures`;
}
