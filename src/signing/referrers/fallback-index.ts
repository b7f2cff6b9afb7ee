/**
 * The index that clients keep under a tag where the registry has no list of referrers of its own.
 *
 * Source: OCI Distribution Specification v1.1, "Pushing Manifests with Subject" (referrers tag schema).
 */

import { ConflictError, IntegrityError, NotFoundError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import { algorithmOf, type Digest, encodedOf } from '../../oci/digest.ts';
import { emptyIndex, encodeIndex, type ImageIndex, parseIndex } from '../../oci/image-index.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import type { SignatureRepository } from '../signature-repository.ts';
import { maxTries, pause } from '../small-blobs.ts';

/** Writers of this process, one after the other for each tag. */
const turns = new WeakMap<SignatureRepository, Map<string, Promise<void>>>();

export function fallbackTag(digest: Digest): string {
  return `${algorithmOf(digest).slice(0, 32)}-${encodedOf(digest).slice(0, 64)}`;
}

/**
 * Adds `entry`; entries that are there stay, whatever they are. Looks afterwards whether it is still there, and tries again
 * where somebody else has written over it.
 *
 * @throws IntegrityError BAD_REFERRERS_TAG where the tag is something else; ConflictError REFERRERS_RACE
 */
export async function addToFallbackIndex(
  repository: SignatureRepository,
  session: Session,
  subject: Digest,
  entry: Descriptor,
): Promise<void> {
  for (let tried = 1; tried <= maxTries; tried += 1) {
    await putIntoFallbackIndex(repository, subject, [entry]);
    if ((await missingInFallbackIndex(repository, subject, [entry])).length === 0) return;
    await pause(session, tried);
  }
  throw new ConflictError(`others write ${repository.host}/${repository.name}:${fallbackTag(subject)} all the time`, {
    code: 'REFERRERS_RACE',
    hint: 'Sign again when they have done; what is signed already is not signed twice.',
  });
}

/**
 * The same with several entries, for who looks afterwards with {@link missingInFallbackIndex}. `isNew`: nothing can be under the tag
 * yet, and it need not be read first.
 */
export function putIntoFallbackIndex(
  repository: SignatureRepository,
  subject: Digest,
  entries: readonly Descriptor[],
  isNew = false,
): Promise<void> {
  const tag = fallbackTag(subject);
  const ofRepository = turns.get(repository) ?? new Map<string, Promise<void>>();
  turns.set(repository, ofRepository);
  const before = ofRepository.get(tag);
  const add = async (): Promise<void> => {
    const empty = isNew && before === undefined;
    const index = empty ? emptyIndex(mediaTypes.ociIndex) : await read(repository, subject);
    const missing = entries.filter((entry) => !index.manifests.some(({ digest }) => digest === entry.digest));
    if (missing.length === 0) return;
    await repository.putManifest(tag, encodeIndex({ ...index, manifests: [...index.manifests, ...missing] }));
  };
  const turn = (before ?? Promise.resolve()).then(add, add);
  ofRepository.set(tag, turn);
  return turn;
}

/** Those of `entries` that are not there. */
export async function missingInFallbackIndex(
  repository: SignatureRepository,
  subject: Digest,
  entries: readonly Descriptor[],
): Promise<readonly Descriptor[]> {
  const { manifests } = await read(repository, subject);
  return entries.filter((entry) => !manifests.some(({ digest }) => digest === entry.digest));
}

async function read(repository: SignatureRepository, subject: Digest): Promise<ImageIndex> {
  const tag = fallbackTag(subject);
  let raw: RawManifest;
  try {
    raw = await repository.getManifest(tag);
  } catch (thrown) {
    if (thrown instanceof NotFoundError) return emptyIndex(mediaTypes.ociIndex);
    throw thrown;
  }
  // cosign gives every instance that it copies a tag of this form, and writes its list over it
  if (raw.digest === subject) return emptyIndex(mediaTypes.ociIndex);
  if (raw.mediaType === mediaTypes.ociIndex) return parseIndex(raw);
  throw new IntegrityError(`${repository.host}/${repository.name}:${tag} should list referrers, but is no OCI index`, {
    code: 'BAD_REFERRERS_TAG',
    hint: 'Some other image was given that tag; look at it with sheaf manifest inspect.',
  });
}
