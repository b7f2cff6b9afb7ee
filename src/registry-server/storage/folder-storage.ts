/** A registry in a folder. `folder-layout.ts` says what stands where. */
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { StorageError } from '../../foundation/errors.ts';
import { writeError } from '../../foundation/file-errors.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { createKeyedLock } from '../keyed-lock.ts';
import { claimFolder } from './folder-claim.ts';
import { exists, ifThere, namesIn, publish, readText, removeFile, sizeOf, touch, writeWhole } from './folder-files.ts';
import {
  digestFromFileName,
  digestToFileName,
  type FolderLayout,
  folderLayout,
  tagFromFileName,
  tagToFileName,
} from './folder-layout.ts';
import { folderUploads, sweepUploads } from './folder-uploads.ts';
import type { RegistryStorage } from './storage.ts';

/** Bytes read from the disk at once. */
const readSize = 1 << 20;

/**
 * Opens the folder, and makes it when it is not there or empty. Throws StorageError NOT_A_REGISTRY for any other folder,
 * and FOLDER_IN_USE while another server has it.
 */
export async function openFolderStorage(directory: string): Promise<RegistryStorage> {
  const layout = folderLayout(directory);
  const release = await prepare(layout);

  /** By digest: content is not removed while a repository is about to take it. */
  const contentLock = createKeyedLock();
  const keep = (marker: string, digest: Digest, put: () => Promise<void>): Promise<void> =>
    contentLock.run(digest, async () => {
      await put();
      await touch(marker);
    });
  const dropIfUnused = (digest: Digest): Promise<void> =>
    contentLock.run(digest, async () => {
      for await (const name of repositoryNames(layout)) {
        if ((await exists(layout.blob(name, digest))) || (await exists(layout.manifest(name, digest)))) return;
      }
      await removeFile(layout.content(digest));
    });
  const uploads = folderUploads(layout, (name, digest, file) =>
    keep(layout.blob(name, digest), digest, () => publish(file, layout.content(digest))),
  );
  const readTag = async (name: string, fileName: string): Promise<Digest | undefined> => {
    const digest = await readText(join(layout.tags(name), fileName));
    return isDigest(digest) ? digest : undefined;
  };

  return {
    hasRepository: (name) => isRepository(layout.repository(name)),
    async repositories() {
      const names: string[] = [];
      for await (const name of repositoryNames(layout)) names.push(name);
      return names;
    },
    async blob(name, digest) {
      if (!(await exists(layout.blob(name, digest)))) return undefined;
      const path = layout.content(digest);
      const size = await sizeOf(path);
      if (size === undefined) return undefined;
      return { size, open: (range) => createReadStream(path, { ...range, highWaterMark: readSize }) };
    },
    mountBlob: (name, digest, from) =>
      contentLock.run(digest, async () => {
        if (!(await exists(layout.blob(from, digest))) || !(await exists(layout.content(digest)))) return false;
        await touch(layout.blob(name, digest));
        return true;
      }),
    async deleteBlob(name, digest) {
      if (!(await removeFile(layout.blob(name, digest)))) return false;
      await dropIfUnused(digest);
      return true;
    },
    createUpload: (name, algorithm) => uploads.create(name, algorithm),
    upload: (name, id) => uploads.find(name, id),
    async manifest(name, digest) {
      const mediaType = await readText(layout.manifest(name, digest));
      const path = layout.content(digest);
      const size = await sizeOf(path);
      return mediaType && size !== undefined ? { digest, mediaType, size, read: () => readFile(path) } : undefined;
    },
    async putManifest(name, { digest, mediaType, bytes, subject }) {
      await contentLock.run(digest, async () => {
        await writeWhole(layout.content(digest), bytes, layout.scratch);
        await writeWhole(layout.manifest(name, digest), mediaType, layout.scratch);
      });
      if (subject !== undefined) await touch(join(layout.referrers(name, subject), digestToFileName(digest)));
    },
    async deleteManifest(name, digest) {
      // tags first: whatever happens in between, none of them points to nothing
      for (const fileName of await namesIn(layout.tags(name))) {
        if ((await readTag(name, fileName)) === digest) await removeFile(join(layout.tags(name), fileName));
      }
      if (!(await removeFile(layout.manifest(name, digest)))) return false;
      await dropIfUnused(digest);
      return true;
    },
    async referrers(name, subject) {
      const names = await namesIn(layout.referrers(name, subject));
      const found: Digest[] = [];
      for (const digest of names.map(digestFromFileName)) {
        // the entry of a manifest that was deleted stays and counts again when it comes back
        if (digest !== undefined && (await exists(layout.manifest(name, digest)))) found.push(digest);
      }
      return found;
    },
    tag: (name, tag) => readTag(name, tagToFileName(tag)),
    putTag: (name, tag, digest) => writeWhole(join(layout.tags(name), tagToFileName(tag)), digest, layout.scratch),
    deleteTag: (name, tag) => removeFile(join(layout.tags(name), tagToFileName(tag))),
    tags: async (name) => (await namesIn(layout.tags(name))).map(tagFromFileName),
    close: release,
  };
}

/** Returns what gives the folder back. */
async function prepare(layout: FolderLayout): Promise<() => Promise<void>> {
  try {
    await mkdir(layout.root, { recursive: true });
    if (!(await exists(layout.marker)) && (await readdir(layout.root)).some((name) => isForeign(layout, name))) {
      throw new StorageError(`${layout.root} holds something else than a registry`, {
        code: 'NOT_A_REGISTRY',
        hint: 'Name a folder that is empty or does not exist yet, or one that served a registry before.',
      });
    }
    const release = await claimFolder(layout.claim);
    await rm(layout.scratch, { recursive: true, force: true });
    await mkdir(layout.scratch);
    if (!(await exists(layout.marker))) await writeWhole(layout.marker, '{"layout":1}\n', layout.scratch);
    await sweepUploads(layout, Date.now());
    return release;
  } catch (thrown) {
    if (thrown instanceof StorageError) throw thrown;
    const error = writeError(thrown, `cannot use ${layout.root} as the folder of a registry`);
    throw new StorageError(error.message, {
      cause: thrown,
      hint: error.hint ?? 'Name a folder that you may write to.',
    });
  }
}

/** Not for names that systems put into fresh folders, nor for what a start that was cut short leaves. */
function isForeign(layout: FolderLayout, name: string): boolean {
  const own = [layout.scratch, layout.claim].map((path) => basename(path));
  return !name.startsWith('.') && name !== 'lost+found' && !own.includes(name);
}

function isRepository(folder: string): Promise<boolean> {
  return Promise.all([exists(join(folder, '_blobs')), exists(join(folder, '_manifests'))]).then((there) =>
    there.some(Boolean),
  );
}

/** Names of all repositories, found by walking the folders. */
async function* repositoryNames(layout: FolderLayout, parent = ''): AsyncGenerator<string> {
  const entries = (await ifThere(readdir(join(layout.repositories, parent), { withFileTypes: true }))) ?? [];
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith('_')) continue;
    const name = parent === '' ? entry.name : `${parent}/${entry.name}`;
    if (await isRepository(layout.repository(name))) yield name;
    yield* repositoryNames(layout, name);
  }
}
