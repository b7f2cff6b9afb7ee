/** Refuses sources that the machine's policy.json does not allow: for `add`, `copy` and `push`, before anything is used. */
import { IntegrityError } from '../foundation/errors.ts';
import { isDigest } from '../oci/digest.ts';
import { parseReference, type Reference } from '../oci/reference.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import type { AttachmentVerifier } from '../signing/policy/attachment-verifier.ts';
import { evaluatePolicy } from '../signing/policy/evaluate.ts';
import { type Policy, requirementsFor } from '../signing/policy/policy.ts';
import { scopesOfImage } from '../signing/policy/scopes.ts';
import { withSignatureMemory } from '../signing/signature-memory.ts';
import type { SignatureStore, SignedManifest } from '../signing/signature-store.ts';
import { parseFolderPlace, parseLayoutPlace } from '../transports/oci/location.ts';
import { standardStream } from '../transports/place.ts';
import type { ImageLocation } from '../transports/transport.ts';
import type { Env } from './environment.ts';
import { folderOfDir, signatureStores } from './signature-stores.ts';

/** What a run knows of policies; made once. */
export interface PolicyGuard {
  /** `undefined` where the machine has no policy: then everything is allowed. */
  policy(): Promise<Policy | undefined>;
  registriesD(): Promise<RegistriesD>;
  readonly verifier: AttachmentVerifier;
}

/** A source, and what of it is to be used. */
export interface UsedSource {
  readonly location: ImageLocation;
  /** Computed over the bytes of what the location names. */
  readonly root: SignedManifest;
  /**
   * The manifests whose content is used: the chosen instances, or all of them; the root alone for an image without an index.
   * As with the peers, the index itself need not be signed: sheaf verify asks for that.
   */
  readonly used: readonly SignedManifest[];
}

/**
 * Lists of the local store are not asked about: what is on them was let in when it was added.
 *
 * @throws IntegrityError POLICY_REJECTED; what reading the policy and the signatures throws
 */
export async function enforcePolicy(env: Env, guard: PolicyGuard, source: UsedSource): Promise<void> {
  const { location, root, used } = source;
  if (location.transport === 'store') return;
  const policy = await guard.policy();
  if (policy === undefined) return;
  refuseUnmatchable(policy, location, root);
  const requirements = requirementsFor(policy, location.transport, await scopesOf(location));
  if (requirements.every(({ type }) => type === 'insecureAcceptAnything')) return;
  const stores = once(() => storesOf(env, guard, location, root));
  const now = new Date(env.session.clock.now());
  await Promise.all(
    used.map(async (manifest) => {
      const { accepted, reason } = await withSignatureMemory((take) => {
        const subject = {
          name: location.format(),
          digest: manifest.digest,
          intended: location.reference,
          signatures: async () => {
            const kept = await Promise.all((await stores()).map((store) => store.open(manifest, take)));
            return kept.flatMap(({ signatures }) => signatures);
          },
        };
        return evaluatePolicy(requirements, subject, { verifier: guard.verifier, now });
      });
      if (!accepted) throw refused(location, manifest, reason ?? 'the policy does not allow it');
    }),
  );
}

/** The scopes of a policy under which the image may stand. */
export async function scopesOf(location: ImageLocation): Promise<readonly string[]> {
  const path = pathOf(location);
  const { transport } = location;
  const reference = location.reference ?? daemonReference(location);
  return scopesOfImage(transport, {
    ...(reference === undefined ? {} : { reference }),
    ...(path === undefined ? {} : { path }),
  });
}

/** The name of an image of Docker's daemon; an ID has none. */
function daemonReference(location: ImageLocation): Reference | undefined {
  const rest = location.format().slice('docker-daemon:'.length);
  return location.transport !== 'docker-daemon' || isDigest(rest) ? undefined : parseReference(rest);
}

/** Of transports that keep images in files and folders. The name of an image in it is no part of the scope. */
export function pathOf(location: ImageLocation): string | undefined {
  const folder = folderOfDir(location);
  if (folder !== undefined) return folder;
  const rest = location.format().slice(location.transport.length + 1);
  if (location.transport === 'oci') return parseFolderPlace(rest).path;
  if (location.transport !== 'oci-archive') return undefined;
  const { path } = parseLayoutPlace('oci-archive', rest);
  return path === standardStream ? undefined : path;
}

/** Images that cannot have signatures have none. */
async function storesOf(
  env: Env,
  guard: PolicyGuard,
  location: ImageLocation,
  root: SignedManifest,
): Promise<readonly SignatureStore[]> {
  if (location.transport !== 'docker' && location.transport !== 'dir') return [];
  // bundles name no image, and no requirement of a policy speaks of them
  const only = new Set(['lookaside', 'attachment', 'dir'] as const);
  return signatureStores(env, location, root.digest, {
    only,
    registriesD: guard.registriesD,
    reading: true,
    attachments: 'unless-refused',
  });
}

/** Scopes that cannot be told to be meant or not: to pass them over could let in what they keep out. */
function refuseUnmatchable(policy: Policy, location: ImageLocation, root: SignedManifest): void {
  if (location.transport !== 'containers-storage') return;
  const scopes = [...(policy.transports.get('containers-storage')?.keys() ?? [])].filter((scope) => scope !== '');
  if (scopes.length === 0) return;
  throw refused(
    location,
    root,
    `the policy has scopes for containers-storage (${scopes.join(', ')}), which sheaf cannot match`,
  );
}

function refused(location: ImageLocation, { digest }: SignedManifest, reason: string): IntegrityError {
  return new IntegrityError(`Source image rejected: ${reason} (${location.format()}, ${digest})`, {
    code: 'POLICY_REJECTED',
    side: 'source',
    hint: 'Sign the image, or change the policy (--policy FILE, containers-policy.json(5)).',
  });
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}
