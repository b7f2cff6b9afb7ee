/**
 * Whether the name that was signed is the one that was asked for.
 *
 * Source: containers-policy.json(5), "signedBy": `signedIdentity`; containers/image signature/policy_reference_match.go.
 */
import { SheafError } from '../../foundation/errors.ts';
import { formatReference, parseReference, type Reference, sameRepository } from '../../oci/reference.ts';
import type { IdentityRule } from './policy.ts';

/**
 * `intended`: what the user named, before any mirror; `undefined` for images without a name in a registry, which only the rules
 * with a name of their own can match. `signed`: as it stands in the claim.
 */
export function identityMatches(rule: IdentityRule, intended: Reference | undefined, signed: string): boolean {
  const said = parsedOrUndefined(signed);
  if (said === undefined) return false;
  switch (rule.type) {
    case 'exactReference':
      return isFull(said) && formatReference(said) === formatReference(parseReference(rule.reference));
    case 'exactRepository':
      return sameRepository(said, parseReference(rule.repository));
    case 'matchRepository':
      return intended !== undefined && sameRepository(said, intended);
    case 'matchExact':
      return intended !== undefined && isFull(intended) && isFull(said) && sameName(intended, said);
    case 'matchRepoDigestOrExact':
      return intended !== undefined && repoDigestOrExact(intended, said);
    case 'remapIdentity': {
      if (intended === undefined) return false;
      const remapped = remap(intended, rule.prefix, rule.signedPrefix);
      return remapped !== undefined && repoDigestOrExact(remapped, said);
    }
  }
}

function repoDigestOrExact(intended: Reference, said: Reference): boolean {
  if (!isFull(said)) return false;
  if (intended.tag !== undefined) return sameName(intended, said);
  return intended.digest !== undefined && sameRepository(intended, said);
}

/** A name with tag and digest is pulled by its digest, but the tag is what was asked for. */
function sameName(intended: Reference, said: Reference): boolean {
  const { digest, ...tagged } = intended;
  return (
    formatReference(intended.tag === undefined && digest !== undefined ? intended : tagged) === formatReference(said)
  );
}

function isFull({ tag, digest }: Reference): boolean {
  return tag !== undefined || digest !== undefined;
}

/** The prefix in the name replaced, once; a name that has it not stays as it is. */
function remap(intended: Reference, prefix: string, signedPrefix: string): Reference | undefined {
  const { registry, repository, ...rest } = intended;
  const name = formatReference({ registry, repository });
  if (name !== prefix && !name.startsWith(`${prefix}/`)) return intended;
  const renamed = parsedOrUndefined(`${signedPrefix}${name.slice(prefix.length)}`);
  return renamed === undefined || isFull(renamed) ? undefined : { ...renamed, ...rest };
}

function parsedOrUndefined(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (thrown) {
    if (thrown instanceof SheafError) return undefined;
    throw thrown;
  }
}
