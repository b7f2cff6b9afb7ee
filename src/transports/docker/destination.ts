/** Writes an image to a registry: blobs and manifests by digest, the tag last. */
import { BugError, SheafError } from '../../foundation/errors.ts';
import type { RawManifest } from '../../oci/descriptor.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { formatReference } from '../../oci/reference.ts';
import { referrerOf } from '../../oci/referrer.ts';
import type { RootCondition } from '../../oci/root-condition.ts';
import { tagWithin } from '../tag-names.ts';
import type { BlobContent, ImageDestination, TransportEnv } from '../transport.ts';
import type { Endpoint } from './endpoints.ts';
import { checkNamedDigest } from './named-digest.ts';
import { createNewRepository } from './new-repository.ts';

/** Bytes from which on a blob goes up in a way that can be gone on with. */
const journaledBytes = 32 * 1024 * 1024;

export function createDockerDestination({ reference, access }: Endpoint, env: TransportEnv): ImageDestination {
  const repository = env.registries.client(reference.registry, access).repository(reference.repository, 'push');
  const named = reference.digest ?? reference.tag;
  if (named === undefined) throw new BugError(`${formatReference(reference)} has neither tag nor digest`);
  const newness = createNewRepository(repository, reference, () => env.store().knowledge);
  /** Large blobs are noted in the store, so that a run after this one can go on where it stopped. */
  const upload = async (content: BlobContent): Promise<void> => {
    const { digest, size } = content.descriptor;
    await newness.writing(digest);
    // where nobody has asked for it
    if (size < journaledBytes) return repository.uploadBlob(content, { unlessThere: await newness.wasNew() });
    const { knowledge } = env.store();
    const key = { registry: reference.registry, repository: reference.repository, digest };
    const session = knowledge.upload(key);
    await repository.uploadBlob(content, {
      ...(session === undefined ? {} : { session }),
      onSession: (location) => knowledge.rememberUpload(key, location),
    });
    knowledge.forgetUpload(key);
  };
  /** Where the registry keeps no list of what refers to a manifest, we keep one under a tag. */
  const put = async (at: string, manifest: RawManifest, onlyIf?: RootCondition): Promise<void> => {
    await newness.writing(manifest.digest);
    const { subject: linked } = await repository.putManifest(at, manifest, onlyIf);
    const referrer = linked === undefined ? referrerOf(manifest) : undefined;
    if (referrer === undefined) return;
    const { addToFallbackIndex } = await import('../../signing/referrers/fallback-index.ts');
    await addToFallbackIndex(repository, env.session, referrer.subject, referrer.entry);
  };
  return {
    traits: {
      manifestTypes: [mediaTypes.ociManifest, mediaTypes.dockerManifest, mediaTypes.ociIndex, mediaTypes.dockerList],
      sparseIndex: false,
      manifestsComplete: true,
      keepsCompanions: true,
    },
    async hasBlob({ digest, size }) {
      // an upload that another run may go on with is worth a question
      if (size < journaledBytes && (await newness.lacks(digest))) return false;
      const there = await blaming(repository.headBlob(digest));
      // a manifest that is wrong about the size of its blob is found out when that is read
      return there !== undefined && (!there.size || there.size === size);
    },
    async hasManifest(digest) {
      return !(await newness.lacks(digest)) && (await blaming(repository.headManifest(digest))) !== undefined;
    },
    expect: (count) => newness.expected(count),
    async currentRoot(tag) {
      const wanted = tag === undefined ? named : tagWithin(reference, tag);
      const root = await blaming(repository.headManifest(wanted));
      newness.named(root !== undefined);
      return root?.digest;
    },
    async mountBlob(blob, from) {
      await newness.writing(blob.digest);
      return blaming(repository.mountBlob(blob.digest, from.repository));
    },
    putBlob: (content) => blaming(upload(content)),
    async putManifest(manifest, at) {
      await blaming(put(at, manifest));
    },
    async commit(root, onlyIf) {
      checkNamedDigest(reference, root.digest);
      await blaming(put(reference.tag ?? root.digest, root, onlyIf));
    },
    async tag(root, tag) {
      await blaming(repository.putManifest(tagWithin(reference, tag), root));
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Marks what a registry throws here as the destination's fault. */
async function blaming<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    if (thrown instanceof SheafError) thrown.side ??= 'destination';
    throw thrown;
  }
}
