/** The content store as commands get it: what does the work is loaded when the first blob is asked for. */
import { blobPath, type ContentStore } from './content-store.ts';
import type { Leases } from './leases.ts';

/** The content of the store in `dir`. What does the work is loaded on first use. */
export function createContentStore(dir: string, leases: Leases): ContentStore {
  let loading: Promise<ContentStore> | undefined;
  const files = (): Promise<ContentStore> => {
    loading ??= import('./content-files.ts').then(({ ContentFiles }) => new ContentFiles(dir, leases));
    return loading;
  };
  return {
    path: (digest) => blobPath(dir, digest),
    has: async (digest) => (await files()).has(digest),
    size: async (digest) => (await files()).size(digest),
    open: async (digest, range) => (await files()).open(digest, range),
    read: async (digest, maxBytes) => (await files()).read(digest, maxBytes),
    putBytes: async (bytes, options) => (await files()).putBytes(bytes, options),
    putAll: async (blobs, options) => (await files()).putAll(blobs, options),
    putStream: async (stream, options) => (await files()).putStream(stream, options),
    remove: async (digest) => (await files()).remove(digest),
  };
}
