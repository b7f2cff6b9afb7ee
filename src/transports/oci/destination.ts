/**
 * Writes an image to an OCI image layout. Blobs appear whole or not at all; index.json changes under a lock, in one move,
 * and only in the last step.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expectFolder, writeAtomically } from '../../foundation/atomic-file.ts';
import { ConflictError, IntegrityError, systemCode } from '../../foundation/errors.ts';
import { writeError } from '../../foundation/file-errors.ts';
import { removeAbandoned } from '../../foundation/temporary-names.ts';
import type { RawManifest } from '../../oci/descriptor.ts';
import { algorithmOf, type Digest, encodedOf } from '../../oci/digest.ts';
import { emptyIndex, type ImageIndex } from '../../oci/image-index.ts';
import { rawManifest } from '../../oci/manifest.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { referrerOf } from '../../oci/referrer.ts';
import { type RootCondition, requireRoot } from '../../oci/root-condition.ts';
import { writeBlobFile } from '../blob-file.ts';
import { sizeOfFile } from '../local-file.ts';
import type { DestinationTraits, ImageDestination, TransportEnv } from '../transport.ts';
import { blobsName, readLayoutIndex, writeLayoutIndex } from './layout.ts';
import { nameOf, withReferrer, withRoot } from './layout-entries.ts';
import { folderFiles } from './layout-files.ts';
import { LayoutUse, markShared, withLayoutLock } from './layout-use.ts';
import { assertName, type LayoutPlace } from './location.ts';

/** What a layout takes, in a folder or an archive. */
export const layoutTraits: DestinationTraits = {
  manifestTypes: [mediaTypes.ociManifest, mediaTypes.ociIndex],
  sparseIndex: true,
  manifestsComplete: false,
};

/** Throws ConflictError NOT_A_LAYOUT, StorageError. */
export async function createLayoutDestination(place: LayoutPlace, env: TransportEnv): Promise<ImageDestination> {
  await refuseForeignFolder(place.path);
  const own = join(place.path, blobsName);
  const { path: folder, blobs = own } = place;
  const files = folderFiles(folder, blobs);
  // what grows is on the disk of the blobs
  const growing = blobs === own ? folder : blobs;
  const pathOf = (digest: Digest): string => join(blobs, algorithmOf(digest), encodedOf(digest));
  const use = new LayoutUse(folder, env.session);
  const cannot = `cannot write an image layout to ${folder}`;
  const begin = async (): Promise<void> => {
    try {
      // a layout has this folder, be it empty
      await mkdir(own, { recursive: true });
      await mkdir(blobs, { recursive: true });
    } catch (thrown) {
      throw writeError(thrown, cannot);
    }
    await use.begin({ mustWrite: true });
    if (blobs !== own) await markShared(blobs);
    for (const left of new Set([folder, growing, join(blobs, 'sha256')])) await removeAbandoned(left);
  };
  let begun: Promise<void> | undefined;
  const beginOnce = (): Promise<void> => {
    begun ??= begin();
    return begun;
  };
  const change = async (edit: (index: ImageIndex) => ImageIndex): Promise<void> => {
    await beginOnce();
    await withLayoutLock(folder, env.session, async () => {
      const index = (await readLayoutIndex(files)) ?? emptyIndex(mediaTypes.ociIndex);
      await writeLayoutIndex(folder, blobs, edit(index));
    });
  };
  const name = (root: RawManifest, as: string | undefined, onlyIf?: RootCondition): Promise<void> =>
    change((index) => {
      if (onlyIf !== undefined) {
        const where = `oci:${folder}${as === undefined ? '' : `:${as}`}`;
        requireRoot(where, onlyIf, { current: namedIn(index, as), wanted: root.digest });
      }
      return withRoot(index, root, as);
    });
  /** What refers to a manifest is found in index.json alone; it comes there with the image. */
  const referrers: RawManifest[] = [];
  const putBytes = async (digest: Digest, bytes: Uint8Array): Promise<void> => {
    await beginOnce();
    await writeAtomically(pathOf(digest), bytes);
  };
  /** What is found must not be collected as garbage before it is counted on. */
  const look = async (digest: Digest): Promise<number | undefined> => {
    if (env.looksOnly !== true) await use.begin();
    return sizeOfFile(pathOf(digest));
  };
  return {
    traits: { ...layoutTraits, keepsCompanions: true },
    hasBlob: async (blob) => (await look(blob.digest)) === blob.size,
    hasManifest: async (digest) => (await look(digest)) !== undefined,
    async currentRoot(tag) {
      if (tag !== undefined) assertName(tag, folder);
      const wanted = tag ?? place.name;
      const index = await readLayoutIndex(files);
      return index && namedIn(index, wanted);
    },
    async expectWritable(what) {
      await expectFolder(folder, cannot);
      if (what === 'tags') return;
      if (blobs !== own) await expectFolder(blobs, cannot);
      await expectFolder(join(blobs, 'sha256'), cannot);
    },
    async putBlob(content) {
      await beginOnce();
      await writeBlobFile(growing, pathOf(content.descriptor.digest), content, env);
    },
    async putManifest(manifest, at) {
      assertDigest(manifest, at);
      await putBytes(at, manifest.bytes);
      if (referrerOf(manifest) !== undefined) referrers.push(manifest);
    },
    async commit(root, onlyIf) {
      await putBytes(root.digest, root.bytes);
      if (referrers.length > 0) await change((index) => referrers.reduce(withReferrer, index));
      await name(root, place.name, onlyIf);
    },
    tag: (root, as) => name(root, as),
    [Symbol.asyncDispose]: () => use.end(),
  };
}

function namedIn(index: ImageIndex, name: string | undefined): Digest | undefined {
  return index.manifests.find((entry) => nameOf(entry) === name)?.digest;
}

/** Throws IntegrityError where the manifest is not the one that `at` names. */
export function assertDigest(manifest: RawManifest, at: Digest): void {
  const { digest } = rawManifest(manifest.bytes, manifest.mediaType);
  if (algorithmOf(at) === algorithmOf(digest) && at !== digest) {
    throw new IntegrityError(`a manifest with the digest ${digest} was to be written as ${at}`);
  }
}

/** A folder with things in it that are no layout is somebody's data: leave it alone. */
async function refuseForeignFolder(path: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return;
    throw writeError(thrown, `cannot write an image layout to ${path}`);
  }
  if (names.length === 0 || names.includes('oci-layout') || names.includes('blobs')) return;
  throw new ConflictError(`${path} has files in it and is not an OCI image layout`, {
    code: 'NOT_A_LAYOUT',
    side: 'destination',
    hint: 'Choose a new or empty folder, or one that is a layout.',
  });
}
