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

/** Somebody else may write the tag at the same time, and nobody can lock it. */
const maxTries = 6;

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
export function addToFallbackIndex(
  repository: SignatureRepository,
  session: Session,
  subject: Digest,
  entry: Descriptor,
): Promise<void> {
  const tag = fallbackTag(subject);
  const ofRepository = turns.get(repository) ?? new Map<string, Promise<void>>();
  turns.set(repository, ofRepository);
  const before = ofRepository.get(tag) ?? Promise.resolve();
  const turn = before.then(
    () => add(repository, session, tag, entry),
    () => add(repository, session, tag, entry),
  );
  ofRepository.set(tag, turn);
  return turn;
}

async function add(repository: SignatureRepository, session: Session, tag: string, entry: Descriptor): Promise<void> {
  for (let tried = 0; tried < maxTries; tried += 1) {
    if (tried > 0) await session.clock.sleep(100 * 2 ** tried * (0.5 + Math.random()), session.signal);
    const index = await read(repository, tag);
    if (index.manifests.some(({ digest }) => digest === entry.digest)) return;
    await repository.putManifest(tag, encodeIndex({ ...index, manifests: [...index.manifests, entry] }));
    const after = await read(repository, tag);
    if (after.manifests.some(({ digest }) => digest === entry.digest)) return;
  }
  throw new ConflictError(`others write ${repository.host}/${repository.name}:${tag} all the time`, {
    code: 'REFERRERS_RACE',
    hint: 'Sign again when they have done; what is signed already is not signed twice.',
  });
}

async function read(repository: SignatureRepository, tag: string): Promise<ImageIndex> {
  let raw: RawManifest;
  try {
    raw = await repository.getManifest(tag);
  } catch (thrown) {
    if (thrown instanceof NotFoundError) return emptyIndex(mediaTypes.ociIndex);
    throw thrown;
  }
  if (raw.mediaType === mediaTypes.ociIndex) return parseIndex(raw);
  throw new IntegrityError(`${repository.host}/${repository.name}:${tag} should list referrers, but is no OCI index`, {
    code: 'BAD_REFERRERS_TAG',
    hint: 'Some other image was given that tag; look at it with sheaf manifest inspect.',
  });
}
