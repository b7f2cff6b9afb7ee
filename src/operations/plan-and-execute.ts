/** What every copy does once both sides are open: plan, execute, and sign on the way. */
import type { CopyRequest } from '../copy/copy-request.ts';
import { readDigestPairs, writeDigestPairs } from '../copy/digest-pairs.ts';
import { type CopyResult, executePlan } from '../copy/execute-plan.ts';
import type { CopyPlan } from '../copy/plan.ts';
import { planCopy } from '../copy/plan-copy.ts';
import type { Env } from './environment.ts';
import type { SigningRequest } from './sign-pushed.ts';

export interface ExecuteRequest {
  /** Plans and signs nothing, sends nothing. */
  readonly dryRun: boolean;
  readonly signing?: SigningRequest;
  /** A file of what layers became, which is read before and written after. */
  readonly digestPairs?: string;
}

/** A plan and, unless it was a dry run, what came of it. */
export interface PlannedCopy {
  readonly plan: CopyPlan;
  /** Who signs, under which name; `undefined` where nobody does. */
  readonly signed?: { readonly signers: readonly string[]; readonly identity: string };
  /** How many signatures of the source go along; `undefined` where there are none. */
  readonly carried?: number;
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
  { dryRun, signing }: ExecuteRequest,
): Promise<PlannedCopy> {
  const { source, destination, location, store, pairs } = copy;
  const plan = await planCopy(signing === undefined ? copy : { ...copy, needsRoot: true });
  const kept = { ...(store === undefined ? {} : { store }), ...(pairs === undefined ? {} : { pairs }) };
  if (signing === undefined) {
    return dryRun ? { plan } : { plan, result: await executePlan(env.session, plan, source, destination, kept) };
  }
  const { signPushed } = await import('./sign-pushed.ts');
  const push = await signPushed(env, location, signing, plan.original);
  const signed = { signers: push.signers, identity: push.identity };
  if (dryRun) return { plan, signed };
  const { beforeTag } = push;
  const result = await executePlan(env.session, plan, source, destination, {
    ...kept,
    ...(beforeTag === undefined ? {} : { beforeTag }),
  });
  await push.afterwards(result.root);
  return { plan, signed, result };
}
