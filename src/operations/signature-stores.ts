/** Where the signatures of an image are, by its location. */
import { BugError, CancelledError, SheafError, UnsupportedError, UsageError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import { createAbsence } from '../signing/absent-repository.ts';
import { createAttachmentStore } from '../signing/attachments/attachment-store.ts';
import { createDirStore } from '../signing/lookaside/dir-store.ts';
import { createLookasideStore } from '../signing/lookaside/lookaside-store.ts';
import { createBundleStore } from '../signing/referrers/bundle-store.ts';
import type { ImageSignature } from '../signing/signature.ts';
import type { SignatureStore, SignatureStoreName } from '../signing/signature-store.ts';
import type { ImageSigner } from '../signing/signer.ts';
import { type Endpoint, pullEndpoints, pushEndpoint } from '../transports/docker/endpoints.ts';
import { type LayoutPlace, parseFolderPlace } from '../transports/oci/location.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';

export interface StoreOptions {
  /** Those wanted; `undefined` for all that the image can have. */
  readonly only?: ReadonlySet<SignatureStoreName> | undefined;
  /** registries.d of this machine, read when it is needed. */
  registriesD(): Promise<RegistriesD>;
  readonly reading: boolean;
  /** Default `always`. */
  readonly attachments?: AttachmentUse;
}

/** Whether attachments are looked at: whatever registries.d says, unless it rules them out, or only where it asks for them. */
export type AttachmentUse = 'always' | 'unless-refused' | 'if-asked' | 'never';

/** The kinds of signatures that images at a location can have. */
export function keptAt({ transport }: ImageLocation): ReadonlySet<ImageSignature['kind']> {
  if (transport === 'docker') return new Set(['simple', 'attachment', 'bundle']);
  if (transport === 'dir') return new Set(['simple', 'attachment']);
  return new Set(transport === 'oci' ? ['attachment', 'bundle'] : []);
}

/** @throws UnsupportedError NO_SIGNATURES where images cannot have any */
export function expectSignable(location: ImageLocation): void {
  if (keptAt(location).size > 0) return;
  throw new UnsupportedError(`signatures of ${location.format()} cannot be kept anywhere`, {
    code: 'NO_SIGNATURES',
    hint: 'Images in registries (docker://), in layouts (oci:) and in folders (dir:) have signatures; copy it there.',
  });
}

const kindsInWords = { simple: 'GPG signatures', attachment: 'attachments', bundle: 'bundles' } as const;

/**
 * That images at `location` can have what the signers make, whatever places were asked for.
 * @throws UsageError NO_SIGNATURE_STORE
 */
export function expectKept(location: ImageLocation, signers: readonly ImageSigner[]): void {
  const kept = keptAt(location);
  for (const signer of signers) {
    const homeless = signer.makes?.find((kind) => !kept.has(kind));
    if (homeless === undefined) continue;
    const words = [...kept].map((kind) => kindsInWords[kind]).join(' and ');
    throw new UsageError(
      `${location.format()} keeps ${words} only, and the ${signer.describe()} is to make ${kindsInWords[homeless]}`,
      {
        code: 'NO_SIGNATURE_STORE',
        hint:
          homeless === 'simple'
            ? 'Sign with a sigstore key, or sign the image in a registry or a dir: folder.'
            : 'Take --signature-store attachment, or sign the image in a registry or a layout (oci:).',
      },
    );
  }
}

/**
 * `root`: the digest of what `location` names. Signatures are written to the registry that the name says, and read from where the
 * image is read: from the first mirror that has it, as with the peers.
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
  const layout = layoutOf(location);
  if (layout !== undefined) return layoutStores(env, location, layout, options);
  expectSignable(location);
  if (location.reference === undefined) throw new BugError(`${location.format()} has no name in a registry`);
  const { reference, access } = options.reading
    ? await readEndpoint(env, location.reference, root)
    : await pushEndpoint(location.reference, env);
  const use = options.reading ? 'pull' : 'push';
  const repository = env.registries.client(reference.registry, access).repository(reference.repository, use);
  const wanted = (name: SignatureStoreName): boolean => only?.has(name) ?? true;
  const stores: SignatureStore[] = [];
  const { attachments = 'always' } = options;
  const configured = wanted('lookaside') || attachments === 'unless-refused' || attachments === 'if-asked';
  const places = configured ? (await options.registriesD()).places(reference) : undefined;
  if (wanted('lookaside') && places !== undefined) {
    stores.push(createLookasideStore(repository, reference.repository, places));
  }
  const absence = createAbsence(repository);
  if (wanted('attachment') && isUsed(attachments, places?.attachments))
    stores.push(createAttachmentStore(repository, env.session, absence));
  if (wanted('bundle')) stores.push(createBundleStore(repository, env.session, absence));
  return stores;
}

function isUsed(use: AttachmentUse, configured: boolean | undefined): boolean {
  if (use === 'unless-refused') return configured !== false;
  return use === 'always' || (use === 'if-asked' && configured === true);
}

/** The folder of a `dir:` image. */
export function folderOfDir(location: ImageLocation): string | undefined {
  if (location.transport !== 'dir') return undefined;
  return location
    .format()
    .slice('dir:'.length)
    .replace(/@sha(?:256|512):[0-9a-f]+$/, '');
}

function layoutOf(location: ImageLocation): LayoutPlace | undefined {
  return location.transport === 'oci' ? parseFolderPlace(location.format().slice('oci:'.length)) : undefined;
}

/** Where there are mirrors, the first that has the image; else the registry itself, which says what is wrong if something is. */
async function readEndpoint(env: Env, named: Reference, root: Digest): Promise<Endpoint> {
  const endpoints = await pullEndpoints(named, env);
  for (const endpoint of endpoints.slice(0, -1)) {
    const { reference, access } = endpoint;
    const repository = env.registries.client(reference.registry, access).repository(reference.repository);
    try {
      if ((await repository.headManifest(root)) !== undefined) return endpoint;
    } catch (thrown) {
      if (thrown instanceof CancelledError || !(thrown instanceof SheafError)) throw thrown;
    }
  }
  return endpoints.at(-1) ?? { reference: named, access: {} };
}

/** As in a registry, but for GPG signatures, which no tool looks for beside a layout. */
async function layoutStores(
  env: Env,
  location: ImageLocation,
  place: LayoutPlace,
  { only, reading }: StoreOptions,
): Promise<readonly SignatureStore[]> {
  if (!reading && only?.has('lookaside')) {
    throw new UnsupportedError(`GPG signatures of ${location.format()} cannot be kept anywhere`, {
      code: 'NO_SIGNATURES',
      hint: 'Sign in the registry (docker://) or in a folder (dir:), or sign with a sigstore key.',
    });
  }
  const { layoutRepository } = await import('../transports/oci/layout-repository.ts');
  const repository = layoutRepository(place, env);
  return [
    ...((only?.has('attachment') ?? true) ? [createAttachmentStore(repository, env.session)] : []),
    ...((only?.has('bundle') ?? true) ? [createBundleStore(repository, env.session)] : []),
  ];
}

/** The digest of what the folder of a `dir:` image is, whichever of its manifests `location` names; `undefined` elsewhere. */
export async function digestOfFolder(env: Env, location: ImageLocation): Promise<Digest | undefined> {
  const folder = folderOfDir(location);
  if (folder === undefined) return undefined;
  await using source = await openVerifiedSource(env.locate(`dir:${folder}`), env);
  return (await source.getManifest()).digest;
}

/** The name that signatures of an image have, in full form: by its tag, or by its digest where it has none. */
export function identityOf(reference: Reference): string {
  const { digest, ...tagged } = reference;
  return formatReference(reference.tag === undefined && digest !== undefined ? reference : tagged);
}
