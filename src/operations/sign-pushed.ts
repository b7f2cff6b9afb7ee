/** Signs what a push or a copy brings to its destination, before the tag moves: nobody sees a tag of something unsigned. */
import type { MadeManifests } from '../copy/execute-plan.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import { formatReference } from '../oci/reference.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import { planSignatures, signManifests } from '../signing/sign-manifests.ts';
import type { SignatureStoreName } from '../signing/signature-store.ts';
import type { ImageSigner } from '../signing/signer.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { type CarriedSignatures, storesFor } from './carried-signatures.ts';
import type { Env } from './environment.ts';
import { signIdentity } from './sign-image.ts';
import { expectKept, signatureStores } from './signature-stores.ts';
import { signedManifests } from './signed-manifests.ts';

/** Who signs, and where signatures go. */
export interface Signing {
  /** At least one. */
  readonly signers: readonly ImageSigner[];
  readonly stores: ReadonlySet<SignatureStoreName>;
}

export interface SigningRequest {
  /** Keys are opened while the copy is planned: both take their time. Handled by whoever makes it, should nobody wait for it. */
  readonly chosen: Promise<Signing>;
  /** The name to sign, in place of the destination's. */
  readonly identity?: string | undefined;
  registriesD(): Promise<RegistriesD>;
}

/** What comes along from the source, and what is signed anew; one of them is there. */
export interface PushedSignatures {
  readonly signing: SigningRequest | undefined;
  readonly carried: CarriedSignatures;
  /** Those that the root gets beside the destination's own. */
  readonly tags: readonly string[];
  registriesD(): Promise<RegistriesD>;
}

/** What signing would do, and the two moments at which signatures may be written. */
export interface PushSigning {
  /**
   * How many signatures {@link beforeTag} or {@link afterwards} would add, found by looking only. Throws as `planSignatures` does.
   */
  plan(made: MadeManifests): Promise<number>;
  /** For {@link executePlan}. */
  readonly beforeTag?: (made: MadeManifests) => Promise<void>;
  /**
   * After it, with what it has pushed: for places that hold signatures only beside an image that stands. Gives the number of
   * signatures that were added, then or before.
   */
  afterwards(root: RawManifest): Promise<number>;
  readonly signers: readonly string[];
  /** The name of the destination, or the one that was given in its place. */
  readonly identity: string;
  /** The names by further tags, which are signed too; absent where there are none. */
  readonly alsoAs?: readonly string[];
}

/**
 * Checks what can be checked before anything is sent.
 *
 * @throws UsageError NO_IDENTITY, BAD_IDENTITY, NO_SIGNATURE_STORE; UnsupportedError NO_SIGNATURES
 */
export async function signPushed(
  env: Env,
  location: ImageLocation,
  { signing, carried, tags, registriesD }: PushedSignatures,
  original: RawManifest,
): Promise<PushSigning> {
  const { signers, stores: asked } = (await signing?.chosen) ?? { signers: [], stores: new Set<SignatureStoreName>() };
  const identity = signing === undefined ? '' : signIdentity(location, signing.identity);
  const byTags = signing === undefined || signing.identity !== undefined ? [] : namesByTags(location, tags);
  const alsoAs = [...new Set(byTags)].filter((name) => name !== identity);
  const only = new Set([...asked, ...storesFor(carried)]);
  const options = { only, registriesD, reading: false } as const;
  await signatureStores(env, location, original.digest, options);
  expectKept(location, signers);
  const each = async ({ root, getManifest }: MadeManifests, work: typeof signManifests): Promise<number> => {
    const reader = {
      location,
      getManifest: (digest?: typeof root.digest) =>
        digest === undefined ? Promise.resolve(root) : getManifest(digest),
    };
    const manifests = await signedManifests(reader, root);
    let sum = 0;
    for (const [at, name] of [identity, ...alsoAs].entries()) {
      // anew for each name, for a place remembers what it has seen
      const stores = await signatureStores(env, location, root.digest, options);
      const along = at === 0 ? { carried } : {};
      sum += (await work(env.session, { manifests, identity: name, signers, stores, ...along })).added;
    }
    return sum;
  };
  let added = 0;
  const sign = async (made: MadeManifests): Promise<void> => {
    added = await each(made, signManifests);
  };
  const described = {
    plan: (made: MadeManifests) => each(made, planSignatures),
    signers: signers.map((signer) => signer.describe()),
    identity,
    ...(alsoAs.length === 0 ? {} : { alsoAs }),
  };
  if (location.transport === 'docker') return { ...described, beforeTag: sign, afterwards: async () => added };
  return {
    ...described,
    async afterwards(root) {
      await using source = await location.openSource(env);
      await sign({ root, getManifest: (digest) => source.getManifest(digest) });
      return added;
    },
  };
}

/** What else the image will be called: who asks for it by such a name looks for a signature of that name. */
function namesByTags({ reference }: ImageLocation, tags: readonly string[]): string[] {
  if (reference === undefined) return [];
  const { registry, repository } = reference;
  return tags.map((tag) => formatReference({ registry, repository, tag }));
}
