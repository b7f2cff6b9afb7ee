/**
 * Writes an image to a `dir:` folder. `manifest.json` comes last and in one move: before that the folder is still what it
 * was, and a copy that was killed never looks complete. What the folder held before goes after that.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expectFolder, writeAtomically } from '../../foundation/atomic-file.ts';
import { ConflictError, SheafError, systemCode } from '../../foundation/errors.ts';
import { writeError } from '../../foundation/file-errors.ts';
import { withFileLock } from '../../foundation/file-lock.ts';
import { syncFolder } from '../../foundation/sync-folder.ts';
import { isTemporary, removeAbandoned } from '../../foundation/temporary-names.ts';
import type { RawManifest } from '../../oci/descriptor.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { writeBlobFile } from '../blob-file.ts';
import { sizeOfFile } from '../local-file.ts';
import { namedBy } from '../named-content.ts';
import type { ImageDestination, TransportEnv } from '../transport.ts';
import {
  blobName,
  instanceName,
  isImageFolder,
  manifestName,
  readManifestFile,
  versionName,
  versionText,
} from './files.ts';

/** Held while an image takes the place of the one before. */
const lockName = '.sheaf-lock';
/** A file with a signature of what the folder is. */
const rootSignature = /^signature-\d+$/;

/** Throws ConflictError NOT_AN_IMAGE_FOLDER, UnsupportedError UNKNOWN_DIR_VERSION, StorageError. */
export async function createDirDestination(folder: string, env: TransportEnv): Promise<ImageDestination> {
  const before = await takeFolder(folder);
  const currentRoot = async (): Promise<Digest | undefined> => {
    const top = await readManifestFile(join(folder, manifestName));
    return top && digestOf(top);
  };
  // Signatures of what stood here before must not be taken for those of the new image. They go with the first thing that is
  // written: later there may be new ones of the same names.
  let begun: Promise<void> | undefined;
  const beginOnce = (): Promise<void> => {
    begun ??= begin(folder, before);
    return begun;
  };
  /** Files that the new image counts on, which another writer may take for those of the image before. */
  const ours = new Set<string>();
  const isThere = async (name: string, size?: number): Promise<boolean> => {
    const found = await sizeOfFile(join(folder, name));
    if (found === undefined || (size !== undefined && found !== size)) return false;
    ours.add(name);
    return true;
  };
  return {
    traits: { manifestTypes: undefined, sparseIndex: true, manifestsComplete: false },
    hasBlob: (blob) => isThere(blobName(blob.digest), blob.size),
    // the manifest of the folder itself does not count: as an instance it would need a file of its own
    hasManifest: (digest) => isThere(instanceName(digest)),
    currentRoot,
    expectWritable: () => expectFolder(folder, `cannot write an image to ${folder}`),
    async putBlob(content) {
      await beginOnce();
      const name = blobName(content.descriptor.digest);
      await writeBlobFile(folder, join(folder, name), content, env);
      ours.add(name);
    },
    async putManifest(manifest, at) {
      await beginOnce();
      await writeAtomically(join(folder, instanceName(at)), manifest.bytes);
      ours.add(instanceName(at));
    },
    async commit(root) {
      try {
        if (root.digest !== (await currentRoot())) await beginOnce();
        await withFileLock(join(folder, lockName), env.session, async () => {
          const kept = await fileNames(folder, root);
          for (const name of ours) if (kept.has(name) && !(await isThere(name))) throw replaced(folder);
          await writeAtomically(join(folder, versionName), Buffer.from(versionText(kept)));
          await syncFolder(folder);
          await writeAtomically(join(folder, manifestName), root.bytes);
          await syncFolder(folder);
          for (const name of before) {
            if (rootSignature.test(name) || isTemporary(name) || name === lockName) continue;
            const owner = name.replace(/\.signature-\d+$/, `.${manifestName}`);
            if (!kept.has(owner)) await rm(join(folder, name), { force: true, recursive: true });
          }
        });
      } catch (thrown) {
        throw thrown instanceof SheafError ? thrown : writeError(thrown, `cannot write to ${folder}`);
      }
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Makes the folder ours, so that a run after one that was killed finds one that it may write to. */
async function begin(folder: string, names: readonly string[]): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    if (names.length === 0) await writeAtomically(join(folder, versionName), Buffer.from(versionText([])));
  } catch (thrown) {
    throw thrown instanceof SheafError ? thrown : writeError(thrown, `cannot write an image to ${folder}`);
  }
  await removeAbandoned(folder);
  for (const name of names) {
    if (rootSignature.test(name)) await rm(join(folder, name), { force: true });
  }
}

/** The names that are in the folder now. Only looks: a plan changes nothing. */
async function takeFolder(folder: string): Promise<readonly string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    if (systemCode(thrown) === 'ENOTDIR') throw foreign(`${folder} is not a folder`);
    throw writeError(thrown, `cannot write an image to ${folder}`);
  }
  if (names.length > 0 && !(await isImageFolder(folder))) {
    throw foreign(`${folder} has files in it and is not a folder of the dir: transport`);
  }
  return names;
}

function replaced(folder: string): ConflictError {
  return new ConflictError(`another program has put an image into ${folder} meanwhile`, {
    code: 'REPLACED_MEANWHILE',
    side: 'destination',
    hint: 'The folder holds that one. Choose another folder, or run the command again to put this one in its place.',
  });
}

function foreign(message: string): ConflictError {
  return new ConflictError(message, {
    code: 'NOT_AN_IMAGE_FOLDER',
    side: 'destination',
    hint: 'Choose a new or empty folder, or one that holds an image of the dir: transport, which is replaced.',
  });
}

/** The names of the files of the image that `root` is. */
async function fileNames(folder: string, root: RawManifest): Promise<Set<string>> {
  const names = new Set([versionName, manifestName]);
  const visited = new Set<Digest>();
  const visit = async (manifest: RawManifest): Promise<void> => {
    const { blobs, instances } = namedBy(manifest);
    for (const blob of blobs) names.add(blobName(blob.digest));
    for (const { digest, mediaType } of instances) {
      const name = instanceName(digest);
      names.add(name);
      if (visited.has(digest)) continue;
      visited.add(digest);
      const bytes = await readManifestFile(join(folder, name));
      if (bytes !== undefined) await visit({ bytes, mediaType, digest });
    }
  };
  await visit(root);
  return names;
}
