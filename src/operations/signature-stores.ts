/** Where the signatures of an image are, by its location. */
import { UnsupportedError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import { createAbsence } from '../signing/absent-repository.ts';
import { createAttachmentStore } from '../signing/attachments/attachment-store.ts';
import { createDirStore } from '../signing/lookaside/dir-store.ts';
import { createLookasideStore } from '../signing/lookaside/lookaside-store.ts';
import { createBundleStore } from '../signing/referrers/bundle-store.ts';
import type { SignatureStore, SignatureStoreName } from '../signing/signature-store.ts';
import { pushEndpoint } from '../transports/docker/endpoints.ts';
import type { ImageLocation } from '../transports/transport.ts';
import type { Env } from './environment.ts';

export interface StoreOptions {
  /** Those wanted; `undefined` for all that the image can have. */
  readonly only?: ReadonlySet<SignatureStoreName> | undefined;
  /** registries.d of this machine, read when it is needed. */
  registriesD(): Promise<RegistriesD>;
  readonly reading: boolean;
  /** Leaves out attachments where registries.d says that they are not used. */
  readonly asConfigured?: boolean;
}

/**
 * `root`: the digest of what `location` names. Signatures are kept in the registry that the name says, mirrors have none.
 *
 * @throws UnsupportedError NO_SIGNATURES where images cannot have any; what reading the configuration throws
 */
export async function signatureStores(
  env: Env,
  location: ImageLocation,
  root: Digest,
  options: StoreOptions,
): Promise<readonly SignatureStore[]> {
  const { only } = options;
  const folder = folderOfDir(location);
  if (folder !== undefined) return [createDirStore(folder, root)];
  if (location.transport !== 'docker' || location.reference === undefined) {
    throw new UnsupportedError(`signatures of ${location.format()} cannot be kept anywhere`, {
      code: 'NO_SIGNATURES',
      hint: 'Images in registries (docker://) and in folders (dir:) have signatures; copy it there.',
    });
  }
  const { reference, access } = await pushEndpoint(location.reference, env);
  const use = options.reading ? 'pull' : 'push';
  const repository = env.registries.client(reference.registry, access).repository(reference.repository, use);
  const wanted = (name: SignatureStoreName): boolean => only?.has(name) ?? true;
  const stores: SignatureStore[] = [];
  const configured = wanted('lookaside') || options.asConfigured === true;
  const places = configured ? (await options.registriesD()).places(location.reference) : undefined;
  if (wanted('lookaside') && places !== undefined) {
    stores.push(createLookasideStore(repository, location.reference.repository, places));
  }
  const refused = options.asConfigured === true && places?.attachments === false;
  const absence = createAbsence(repository);
  if (wanted('attachment') && !refused) stores.push(createAttachmentStore(repository, absence));
  if (wanted('bundle')) stores.push(createBundleStore(repository, env.session, absence));
  return stores;
}

/** The folder of a `dir:` image. */
export function folderOfDir(location: ImageLocation): string | undefined {
  if (location.transport !== 'dir') return undefined;
  return location
    .format()
    .slice('dir:'.length)
    .replace(/@sha(?:256|512):[0-9a-f]+$/, '');
}

/** The name that signatures of an image have, in full form: by its tag, or by its digest where it has none. */
export function identityOf(reference: Reference): string {
  const { digest, ...tagged } = reference;
  return formatReference(reference.tag === undefined && digest !== undefined ? reference : tagged);
}
