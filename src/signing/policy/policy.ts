/**
 * policy.json as data: which images may be used, by which signatures.
 *
 * Source: containers-policy.json(5).
 */

/** Files are read when a signature is evaluated, and not before. */
export type KeySource = { readonly path: string } | { readonly data: Uint8Array };

/** How the name that was signed is to agree with the name that was asked for. */
export type IdentityRule =
  | { readonly type: 'matchExact' | 'matchRepoDigestOrExact' | 'matchRepository' }
  | { readonly type: 'exactReference'; readonly reference: string }
  | { readonly type: 'exactRepository'; readonly repository: string }
  | { readonly type: 'remapIdentity'; readonly prefix: string; readonly signedPrefix: string };

export type SigstoreKeys =
  | { readonly kind: 'keys'; readonly keys: readonly KeySource[]; readonly rekorKeys: readonly KeySource[] }
  | {
      readonly kind: 'fulcio';
      readonly authorities: KeySource;
      readonly oidcIssuer: string;
      readonly subjectEmail: string;
      readonly rekorKeys: readonly KeySource[];
    }
  | {
      readonly kind: 'pki';
      readonly roots: KeySource;
      readonly intermediates?: KeySource;
      readonly subjectEmail?: string;
      readonly subjectHostname?: string;
    };

export type Requirement =
  | { readonly type: 'insecureAcceptAnything' | 'reject' | 'signedBaseLayer' }
  | {
      readonly type: 'signedBy';
      readonly keyType: string;
      readonly keys: readonly KeySource[];
      readonly identity: IdentityRule;
    }
  | { readonly type: 'sigstoreSigned'; readonly trust: SigstoreKeys; readonly identity: IdentityRule };

export interface Policy {
  readonly default: readonly Requirement[];
  /** Transport, then scope; the empty scope is the transport's own default. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly Requirement[]>>;
}

/** What holds for an image: the first of `scopes` that the transport has, the transport's default, the default of all. */
export function requirementsFor(policy: Policy, transport: string, scopes: readonly string[]): readonly Requirement[] {
  const known = policy.transports.get(transport);
  for (const scope of [...scopes, '']) {
    const requirements = known?.get(scope);
    if (requirements !== undefined) return requirements;
  }
  return policy.default;
}
