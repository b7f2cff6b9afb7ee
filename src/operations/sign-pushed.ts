/** Signs what a push or a copy brings to its destination, before the tag moves: nobody sees a tag of something unsigned. */
import type { MadeManifests } from '../copy/execute-plan.ts';
import type { RawManifest } from '../oci/descriptor.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import { signManifests } from '../signing/sign-manifests.ts';
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
  registriesD(): Promise<RegistriesD>;
}

/** The two moments at which signatures may be written. */
export interface PushSigning {
  /** For {@link executePlan}. */
  readonly beforeTag?: (made: MadeManifests) => Promise<void>;
  /** After it, with what it has pushed: for places that hold signatures only beside an image that stands. */
  afterwards(root: RawManifest): Promise<void>;
  readonly signers: readonly string[];
  readonly identity: string;
}

/**
 * Checks what can be checked before anything is sent.
 *
 * @throws UsageError NO_IDENTITY, BAD_IDENTITY, NO_SIGNATURE_STORE; UnsupportedError NO_SIGNATURES
 */
export async function signPushed(
  env: Env,
  location: ImageLocation,
  { signing, carried, registriesD }: PushedSignatures,
  original: RawManifest,
): Promise<PushSigning> {
  const { signers, stores: asked } = (await signing?.chosen) ?? { signers: [], stores: new Set<SignatureStoreName>() };
  const identity = signing === undefined ? '' : signIdentity(location, signing.identity);
  const only = new Set([...asked, ...storesFor(carried)]);
  const options = { only, registriesD, reading: false } as const;
  await signatureStores(env, location, original.digest, options);
  expectKept(location, signers);
  const sign = async ({ root, getManifest }: MadeManifests): Promise<void> => {
    const reader = {
      location,
      getManifest: (digest?: typeof root.digest) =>
        digest === undefined ? Promise.resolve(root) : getManifest(digest),
    };
    const manifests = await signedManifests(reader, root);
    const stores = await signatureStores(env, location, root.digest, options);
    await signManifests(env.session, { manifests, identity, signers, stores, carried });
  };
  const described = { signers: signers.map((signer) => signer.describe()), identity };
  if (location.transport === 'docker') return { ...described, beforeTag: sign, afterwards: async () => {} };
  return {
    ...described,
    async afterwards(root) {
      await using source = await location.openSource(env);
      await sign({ root, getManifest: (digest) => source.getManifest(digest) });
    },
  };
}
