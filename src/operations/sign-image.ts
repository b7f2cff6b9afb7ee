/** Signs an image that stands already: itself and, of an index, every instance. */
import { UsageError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import { planSignatures, type SignReport, signManifests } from '../signing/sign-manifests.ts';
import type { SignatureStoreName } from '../signing/signature-store.ts';
import type { ImageSigner } from '../signing/signer.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';
import { expectKept, expectSignable, identityOf, signatureStores } from './signature-stores.ts';
import { type ManifestOfImage, signedManifests } from './signed-manifests.ts';

export interface SignImageRequest {
  readonly location: ImageLocation;
  /** At least one. */
  readonly signers: readonly ImageSigner[];
  /** Where signatures go, in a registry. */
  readonly stores: ReadonlySet<SignatureStoreName>;
  /** The name to sign, in place of the one that the image has. */
  readonly identity?: string | undefined;
  registriesD(): Promise<RegistriesD>;
  /** Reads and looks, and signs nothing. */
  readonly dryRun?: boolean;
}

export interface SignImageResult {
  readonly image: string;
  readonly digest: Digest;
  readonly identity: string;
  readonly signers: readonly string[];
  readonly manifests: readonly ManifestOfImage[];
  /** Of a dry run: what would be added. */
  readonly report: SignReport;
}

/**
 * What is signed already by the same signer and says the same is not signed again.
 *
 * @throws UsageError NO_SIGNERS, NO_IDENTITY, BAD_IDENTITY, NO_SIGNATURE_STORE; UnsupportedError NO_SIGNATURES; what reading the image, signers
 * and stores throw
 */
export async function signImage(env: Env, request: SignImageRequest): Promise<SignImageResult> {
  const { location, signers } = request;
  if (signers.length === 0) {
    throw new UsageError(`there is nobody to sign ${location.format()}`, {
      code: 'NO_SIGNERS',
      hint: 'Put at least one signer into "signers".',
    });
  }
  expectSignable(location);
  const identity = signIdentity(location, request.identity);
  await using source = await openVerifiedSource(location, env);
  const root = await source.getManifest();
  const manifests = await signedManifests(source, root);
  const stores = await signatureStores(env, location, root.digest, {
    only: request.stores,
    registriesD: request.registriesD,
    reading: false,
  });
  expectKept(location, signers);
  const result = {
    image: location.format(),
    digest: root.digest,
    identity,
    signers: signers.map((signer) => signer.describe()),
    manifests,
  };
  const work = request.dryRun === true ? planSignatures : signManifests;
  return { ...result, report: await work(env.session, { manifests, identity, signers, stores }) };
}

/**
 * The name to sign: `given`, or that of the location.
 *
 * @throws UsageError NO_IDENTITY, BAD_IDENTITY
 */
export function signIdentity(location: ImageLocation, given: string | undefined): string {
  if (given !== undefined) {
    const reference = parseReference(given);
    if (reference.tag !== undefined || reference.digest !== undefined) return formatReference(reference);
    throw new UsageError(`the identity "${given}" has neither tag nor digest`, {
      code: 'BAD_IDENTITY',
      hint: 'Write it in full: registry/repository:tag.',
    });
  }
  if (location.reference !== undefined) return identityOf(location.reference);
  throw new UsageError(`${location.format()} has no name that could be signed`, {
    code: 'NO_IDENTITY',
    hint: 'Give the name under which it will be used: --sign-identity registry/repository:tag.',
  });
}
