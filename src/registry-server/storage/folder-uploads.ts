/** Uploads under way in a folder. They are found again after a restart, so that a client can go on with them. */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import { ifThere, namesIn, readText, sizeOf, withFile, writeAll } from './folder-files.ts';
import type { FolderLayout } from './folder-layout.ts';
import { createRunningDigest, type RunningDigest } from './running-digest.ts';
import type { DigestAlgorithm, Upload } from './storage.ts';

/** Milliseconds after which an upload that nobody went on with is removed when the registry starts. */
const abandonedAfterMs = 7 * 24 * 3600 * 1000;

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface FolderUploads {
  create(repository: string, algorithm: DigestAlgorithm): Promise<Upload>;
  find(repository: string, id: string): Promise<Upload | undefined>;
}

/** `keep` makes the file that it is given the content `digest` of the repository. */
export function folderUploads(
  layout: FolderLayout,
  keep: (repository: string, digest: Digest, file: string) => Promise<void>,
): FolderUploads {
  /** Lost with the process; then the digest is computed from the file. */
  const digests = new Map<string, RunningDigest>();

  const uploadOf = (repository: string, id: string, size: number): Upload => {
    const folder = layout.upload(id);
    const data = join(folder, 'data');
    let offset = size;
    const end = async (): Promise<void> => {
      digests.delete(id);
      await rm(folder, { recursive: true, force: true });
    };
    return {
      id,
      get offset() {
        return offset;
      },
      append: (body) =>
        withFile(data, 'r+', async (file) => {
          const digest = digests.get(id);
          for await (const chunk of body) {
            // the disk and the digest work on the same chunk at the same time
            const written = writeAll(file, chunk, offset);
            digest?.update(chunk);
            await written;
            offset += chunk.byteLength;
          }
        }),
      async truncate(length) {
        await truncate(data, length);
        offset = length;
      },
      async finish(wanted) {
        const digest = digests.get(id) ?? createRunningDigest('sha256');
        const actual = await digest.finish(wanted, offset, () => createReadStream(data, { highWaterMark: 1 << 20 }));
        if (actual === wanted) await keep(repository, wanted, data);
        await end();
        return actual === wanted;
      },
      cancel: end,
    };
  };

  return {
    async create(repository, algorithm) {
      const id = randomUUID();
      const folder = layout.upload(id);
      try {
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, 'data'), '');
        // last, as an upload without it does not count
        await writeFile(join(folder, 'repository'), repository);
      } catch (thrown) {
        await rm(folder, { recursive: true, force: true });
        throw thrown;
      }
      digests.set(id, createRunningDigest(algorithm));
      return uploadOf(repository, id, 0);
    },
    async find(repository, id) {
      if (!idPattern.test(id)) return undefined;
      if ((await readText(join(layout.upload(id), 'repository'))) !== repository) return undefined;
      const size = await sizeOf(join(layout.upload(id), 'data'));
      return size === undefined ? undefined : uploadOf(repository, id, size);
    },
  };
}

/** Removes what was begun long ago. */
export async function sweepUploads(layout: FolderLayout, now: number): Promise<void> {
  for (const id of await namesIn(layout.uploads)) {
    const data = await ifThere(stat(join(layout.upload(id), 'data')));
    const age = now - (data?.mtimeMs ?? 0);
    if (age > abandonedAfterMs) await rm(layout.upload(id), { recursive: true, force: true });
  }
}
