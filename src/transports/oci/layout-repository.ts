/**
 * A layout as a repository to those who keep signatures: manifests under names (the tags of attachments) and manifests that
 * refer to others, which stand in index.json without a name, as ORAS writes them.
 *
 * Source: OCI Image Specification v1.1, image-layout.md; oras-go content/oci.
 */
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expectFolder, writeAtomically } from '../../foundation/atomic-file.ts';
import { IntegrityError, NotFoundError, StorageError } from '../../foundation/errors.ts';
import { type Descriptor, descriptorOf, type RawManifest } from '../../oci/descriptor.ts';
import { algorithmOf, type Digest, encodedOf, isDigest } from '../../oci/digest.ts';
import { emptyIndex, type ImageIndex } from '../../oci/image-index.ts';
import { MAX_MANIFEST_BYTES, rawManifest } from '../../oci/manifest.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { referrerOf } from '../../oci/referrer.ts';
import type { SignatureRepository } from '../../signing/signature-repository.ts';
import { writeBlobFile } from '../blob-file.ts';
import { sizeOfFile } from '../local-file.ts';
import { namedBy } from '../named-content.ts';
import type { TransportEnv } from '../transport.ts';
import { blobName, blobsName, readLayoutIndex, writeLayoutIndex } from './layout.ts';
import { nameOf, withReferrer, withRoot } from './layout-entries.ts';
import { folderFiles, type LayoutFiles } from './layout-files.ts';
import { withLayoutLock } from './layout-use.ts';
import type { LayoutPlace } from './location.ts';

export function layoutRepository({ path: folder, ...place }: LayoutPlace, env: TransportEnv): SignatureRepository {
  const blobs = place.blobs ?? env.places?.sharedBlobDir ?? join(folder, blobsName);
  const files = folderFiles(folder, blobs);
  const pathOf = (digest: Digest): string => join(blobs, algorithmOf(digest), encodedOf(digest));
  const read = async (): Promise<ImageIndex> => (await readLayoutIndex(files)) ?? emptyIndex(mediaTypes.ociIndex);
  const change = (edit: (index: ImageIndex) => Promise<ImageIndex>): Promise<void> =>
    withLayoutLock(folder, env.session, async () => writeLayoutIndex(folder, blobs, await edit(await read())));
  let listed: Promise<Referrers> | undefined;
  return {
    host: 'oci:',
    name: folder,
    async getManifest(reference) {
      const entry = isDigest(reference)
        ? { digest: reference, mediaType: undefined }
        : (await read()).manifests.find((one) => nameOf(one) === reference);
      if (entry === undefined) throw notThere(folder, reference);
      return readManifest(files, entry.digest, entry.mediaType);
    },
    async putManifest(reference, manifest) {
      listed = undefined;
      const subject = referrerOf(manifest)?.subject;
      await change(async (index) => {
        // what garbage was collected between a blob and its manifest is missing now, and cannot go any more from here on
        for (const { digest } of namedBy(manifest).blobs) {
          if ((await files.size(blobName(digest))) === undefined) throw collected(folder, digest);
        }
        await writeAtomically(pathOf(manifest.digest), manifest.bytes);
        return isDigest(reference) ? withReferrer(index, manifest) : withRoot(index, manifest, reference);
      });
      return subject === undefined ? {} : { subject };
    },
    async openBlob(digest): Promise<{ body: Readable; size?: number }> {
      const size = await files.size(blobName(digest));
      if (size === undefined) throw notThere(folder, digest);
      return { body: files.open(blobName(digest), undefined, size), size };
    },
    async uploadBlob(blob) {
      const path = pathOf(blob.descriptor.digest);
      if ((await sizeOfFile(path)) === blob.descriptor.size) return;
      const descriptor: Descriptor = { ...blob.descriptor, mediaType: 'application/octet-stream' };
      await writeBlobFile(blobs, path, { descriptor, open: (offset) => blob.open(offset) }, env);
    },
    async referrers(digest) {
      listed ??= read().then((index) => referrersIn(files, index));
      return [...((await listed).get(digest) ?? [])];
    },
    async expectWritable() {
      for (const written of [folder, join(blobs, 'sha256')]) {
        await expectFolder(written, `cannot write an image layout to ${folder}`);
      }
    },
    // names are asked for one by one: nothing here is far away
    async *tags() {},
  };
}

/** What refers to a manifest, by the digest of that. */
export type Referrers = ReadonlyMap<Digest, readonly Descriptor[]>;

/** Of all entries of the index that are manifests with a subject; those that are not there or cannot be read are passed over. */
export async function referrersIn(files: LayoutFiles, index: ImageIndex): Promise<Referrers> {
  const found = new Map<Digest, Descriptor[]>();
  for (const { digest, mediaType } of index.manifests) {
    if (mediaType !== mediaTypes.ociManifest && mediaType !== mediaTypes.ociIndex) continue;
    let refers: ReturnType<typeof referrerOf>;
    try {
      refers = referrerOf(await readManifest(files, digest, mediaType));
    } catch (thrown) {
      // an image that is damaged is told by whoever reads it
      if (thrown instanceof NotFoundError || thrown instanceof IntegrityError) continue;
      throw thrown;
    }
    if (refers === undefined) continue;
    const others = found.get(refers.subject) ?? [];
    if (!others.some((one) => one.digest === digest)) found.set(refers.subject, [...others, refers.entry]);
  }
  return found;
}

async function readManifest(files: LayoutFiles, digest: Digest, mediaType: string | undefined): Promise<RawManifest> {
  const bytes = await files.read(blobName(digest), MAX_MANIFEST_BYTES);
  if (bytes === undefined) throw notThere(files.where, digest);
  const manifest = rawManifest(bytes, mediaType);
  const actual = descriptorOf(manifest).digest;
  if (actual === digest || !digest.startsWith('sha256:')) return { ...manifest, digest };
  throw new IntegrityError(`the manifest ${digest} in ${files.where} has the digest ${actual}`, {
    code: 'DIGEST_MISMATCH',
    hint: 'The layout is damaged: copy the image into it again.',
  });
}

function collected(folder: string, blob: Digest): StorageError {
  return new StorageError(`${blob}, which belongs to a signature, was removed from ${folder} as garbage`, {
    code: 'BLOB_COLLECTED',
    hint: 'Run it again: garbage was collected in the layout at the same time.',
  });
}

function notThere(folder: string, what: string): NotFoundError {
  return new NotFoundError(`${what} is not in the layout ${folder}`, { code: 'MANIFEST_UNKNOWN' });
}
