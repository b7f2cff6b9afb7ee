/** What every copy does once both sides are open: plan, execute, and sign on the way. */
import type { CopyRequest } from '../copy/copy-request.ts';
import { readDigestPairs, writeDigestPairs } from '../copy/digest-pairs.ts';
import { isDraft } from '../copy/draft.ts';
import { type CopyResult, executePlan, type MadeManifests } from '../copy/execute-plan.ts';
import type { CopyPlan } from '../copy/plan.ts';
import { planCopy } from '../copy/plan-copy.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import type { VerifiedSource } from '../transports/verified-source.ts';
import type { CarriedSignatures } from './carried-signatures.ts';
import type { Env } from './environment.ts';
import type { PushSigning, SigningRequest } from './sign-pushed.ts';

export interface ExecuteRequest {
  /** Plans and signs nothing, sends nothing. */
  readonly dryRun: boolean;
  readonly signing?: SigningRequest | undefined;
  /** A file of what layers became, which is read before and written after. */
  readonly digestPairs?: string | undefined;
  /** Reads the signatures that go along. */
  readonly carry?: CarryRequest | undefined;
}

export interface CarryRequest {
  read(): Promise<CarriedSignatures>;
  registriesD(): Promise<RegistriesD>;
}

/** A plan and, unless it was a dry run, what came of it. */
export interface PlannedCopy {
  readonly plan: CopyPlan;
  /** Who signs, under which name or names; `undefined` where nobody does. */
  readonly signed?: Pick<PushSigning, 'signers' | 'identity' | 'alsoAs'>;
  /** How many signatures of the source go along; `undefined` where there are none. */
  readonly carried?: number;
  /**
   * How many signatures were added, or after a dry run: would be; `null` where that depends on layers that are yet to be made,
   * `undefined` where nobody signs and none go along.
   */
  readonly signaturesAdded?: number | null;
  /** `undefined` after a dry run. */
  readonly result?: CopyResult;
}

/** `env`: how the destination is reached. Throws whatever planning, executing and signing throw. */
export async function planAndExecute(env: Env, copy: CopyRequest, request: ExecuteRequest): Promise<PlannedCopy> {
  const { digestPairs } = request;
  if (digestPairs === undefined) return planExecuteAndSign(env, copy, request);
  const pairs = await readDigestPairs(digestPairs);
  const planned = await planExecuteAndSign(env, { ...copy, pairs }, request);
  if (planned.result !== undefined) await writeDigestPairs(digestPairs, pairs);
  return planned;
}

async function planExecuteAndSign(
  env: Env,
  copy: CopyRequest,
  { dryRun, signing, carry }: ExecuteRequest,
): Promise<PlannedCopy> {
  const { source, destination, location, tags = [], store, pairs, encryption } = copy;
  const planned = planCopy(signing === undefined ? copy : { ...copy, needsRoot: true });
  // a key that cannot be used is told at once, whatever else there is to say
  const [plan, carried = new Map()] = await Promise.all([planned, carry?.read(), signing?.chosen]);
  const kept = {
    ...(store === undefined ? {} : { store }),
    ...(pairs === undefined ? {} : { pairs }),
    ...(encryption === undefined ? {} : { encryption }),
  };
  const registriesD = signing?.registriesD ?? carry?.registriesD;
  if (registriesD === undefined || (signing === undefined && carried.size === 0)) {
    return dryRun ? { plan } : { plan, result: await executePlan(env.session, plan, source, destination, kept) };
  }
  const [{ signPushed }, { checkCarried, countCarried }] = await Promise.all([
    import('./sign-pushed.ts'),
    import('./carried-signatures.ts'),
  ]);
  checkCarried(plan, location, carried);
  const signatures = { signing, carried, tags, registriesD };
  const {
    beforeTag,
    afterwards,
    plan: planSigning,
    ...described
  } = await signPushed(env, location, signatures, plan.original);
  const told = {
    ...(signing === undefined ? {} : { signed: described }),
    ...(carried.size === 0 ? {} : { carried: countCarried(carried) }),
  };
  if (dryRun) {
    const added = await planSigning(manifestsOf(plan, source));
    return { plan, ...told, signaturesAdded: isDraft(plan.root) ? null : added };
  }
  const result = await executePlan(env.session, plan, source, destination, {
    ...kept,
    ...(beforeTag === undefined ? {} : { beforeTag }),
  });
  return { plan, ...told, signaturesAdded: await afterwards(result.root), result };
}

/**
 * What would be signed. Where that depends on layers that are yet to be made, the source's own: where signatures go can be
 * looked at all the same.
 */
function manifestsOf({ root, original, steps }: CopyPlan, source: VerifiedSource): MadeManifests {
  if (isDraft(root)) return { root: original, getManifest: (digest) => source.getManifest(digest) };
  const made = new Map<Digest, RawManifest>();
  for (const step of steps) {
    if ('manifest' in step && !isDraft(step.manifest) && step.manifest.bytes.length > 0) {
      made.set(step.manifest.digest, step.manifest);
    }
  }
  return { root, getManifest: async (digest) => made.get(digest) ?? source.getManifest(digest) };
}
