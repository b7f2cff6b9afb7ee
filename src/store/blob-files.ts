/** The files of the content store, as they are found on the disk. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isDigest } from '../oci/digest.ts';
import { blobPath, type StoredBlob } from './content-store.ts';
import { namesIn } from './temporary-files.ts';

export interface BlobFile extends StoredBlob {
  /** Milliseconds since the Unix epoch: when it was written. */
  readonly writtenAt: number;
}

/** All blobs, in the order of their digests; files with other names are passed over. Throws what the file system throws. */
export function blobFiles(dir: string): BlobFile[] {
  const found: BlobFile[] = [];
  for (const algorithm of ['sha256', 'sha512']) {
    for (const hex of namesIn(join(dir, 'blobs', algorithm)).sort()) {
      const digest = `${algorithm}:${hex}`;
      if (!isDigest(digest)) continue;
      const file = statSync(blobPath(dir, digest), { throwIfNoEntry: false });
      if (file?.isFile() === true) found.push({ digest, size: file.size, writtenAt: file.mtimeMs });
    }
  }
  return found;
}
