/**
 * Writes an image to an OCI image layout. Blobs appear whole or not at all; index.json changes under a lock, in one move,
 * and only in the last step.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { storageError, writeAtomically } from '../../foundation/atomic-file.ts';
import { ConflictError, IntegrityError, SheafError, systemCode, UsageError } from '../../foundation/errors.ts';
import { withFileLock } from '../../foundation/file-lock.ts';
import { descriptorOf, type RawManifest } from '../../oci/descriptor.ts';
import { algorithmOf, createDigester } from '../../oci/digest.ts';
import { emptyIndex, type ImageIndex, type IndexEntry } from '../../oci/image-index.ts';
import { rawManifest } from '../../oci/manifest.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import type { BlobContent, ImageDestination, TransportEnv } from '../transport.ts';
import { blobPath, readLayoutIndex, refNameAnnotation, sizeOfFile, writeLayoutIndex } from './layout.ts';
import type { LayoutPlace } from './location.ts';

export async function createLayoutDestination(
  place: LayoutPlace,
  text: string,
  env: TransportEnv,
): Promise<ImageDestination> {
  if (place.digest !== undefined) {
    throw new UsageError(`${text} names a digest, which a destination cannot have`, {
      code: 'INVALID_DESTINATION',
      hint: 'Write oci:FOLDER or oci:FOLDER:NAME.',
    });
  }
  await refuseForeignFolder(place.path);
  return {
    traits: {
      manifestTypes: [mediaTypes.ociManifest, mediaTypes.ociIndex],
      sparseIndex: true,
      manifestsComplete: false,
    },
    hasBlob: async (blob) => (await sizeOfFile(blobPath(place.path, blob.digest))) === blob.size,
    hasManifest: async (digest) => (await sizeOfFile(blobPath(place.path, digest))) !== undefined,
    async currentRoot(tag) {
      const name = tag ?? place.name;
      return (await readLayoutIndex(place.path))?.manifests.find((entry) => nameOf(entry) === name)?.digest;
    },
    putBlob: (content) => writeBlob(place.path, content, env),
    async putManifest(manifest, at) {
      const { digest } = rawManifest(manifest.bytes, manifest.mediaType);
      if (algorithmOf(at) === algorithmOf(digest) && at !== digest) {
        throw new IntegrityError(`a manifest with the digest ${digest} was to be written as ${at}`);
      }
      await writeAtomically(blobPath(place.path, at), manifest.bytes);
    },
    async commit(root) {
      await writeAtomically(blobPath(place.path, root.digest), root.bytes);
      await mkdir(place.path, { recursive: true });
      await withFileLock(join(place.path, '.index.json.lock'), env.session, async () => {
        const index = (await readLayoutIndex(place.path)) ?? emptyIndex(mediaTypes.ociIndex);
        await writeLayoutIndex(place.path, withRoot(index, root, place.name));
      });
    },
    async tag(root, tag) {
      await withFileLock(join(place.path, '.index.json.lock'), env.session, async () => {
        const index = (await readLayoutIndex(place.path)) ?? emptyIndex(mediaTypes.ociIndex);
        await writeLayoutIndex(place.path, withRoot(index, root, tag));
      });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

const nameOf = (entry: IndexEntry): string | undefined => entry.annotations?.[refNameAnnotation];

/** `index` with `root` under `name`: an older holder of the name loses it, but stays. */
function withRoot(index: ImageIndex, root: RawManifest, name: string | undefined): ImageIndex {
  const entry: IndexEntry = {
    ...descriptorOf(root),
    ...(name === undefined ? {} : { annotations: { [refNameAnnotation]: name } }),
  };
  const others = index.manifests
    .filter((other) => !(other.digest === root.digest && (nameOf(other) === name || nameOf(other) === undefined)))
    .map((other) => (name !== undefined && nameOf(other) === name ? withoutName(other) : other));
  return { ...index, manifests: [...others, entry] };
}

function withoutName(entry: IndexEntry): IndexEntry {
  const { annotations, ...rest } = entry;
  const kept = Object.entries(annotations ?? {}).filter(([key]) => key !== refNameAnnotation);
  return kept.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(kept) };
}

/** A folder with things in it that are no layout is somebody's data: leave it alone. */
async function refuseForeignFolder(path: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return;
    throw storageError(thrown, `cannot write an image layout to ${path}`);
  }
  if (names.length === 0 || names.includes('oci-layout') || names.includes('blobs')) return;
  throw new ConflictError(`${path} has files in it and is not an OCI image layout`, {
    code: 'NOT_A_LAYOUT',
    side: 'destination',
    hint: 'Choose a new or empty folder, or one that is a layout.',
  });
}

async function writeBlob(layout: string, content: BlobContent, env: TransportEnv): Promise<void> {
  const { digest, size } = content.descriptor;
  const path = blobPath(layout, digest);
  const temporary = join(layout, `.blob-${randomUUID()}.tmp`);
  const digester = createDigester(algorithmOf(digest));
  let written = 0;
  const check = new Transform({
    highWaterMark: 1 << 20,
    transform(chunk: Uint8Array, _encoding, done) {
      written += chunk.byteLength;
      digester.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(await content.open(), check, createWriteStream(temporary, { flags: 'wx', mode: 0o644 }), {
      signal: env.session.signal,
    });
    const actual = digester.digest();
    if (actual !== digest || written !== size) {
      throw new IntegrityError(
        `what was read for ${digest} (${size} bytes) has ${written} bytes and the digest ${actual}`,
        {
          code: 'DIGEST_MISMATCH',
        },
      );
    }
    const file = await open(temporary, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => {});
    if (thrown instanceof SheafError) throw thrown;
    throw storageError(thrown, `cannot write the blob ${digest} to ${layout}`);
  }
}
