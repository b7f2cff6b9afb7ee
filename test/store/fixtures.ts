/** Small things that the tests of the store share. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import type { Digest } from '../../src/oci/digest.ts';
import type { ImageIndex, IndexEntry } from '../../src/oci/image-index.ts';
import { Store, type StoreOptions } from '../../src/store/store.ts';
import { testFolder } from '../support/folders.ts';

export const emptyList: ImageIndex = { mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] };

export function sha256(bytes: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function entryOf(text: string): IndexEntry {
  return {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: sha256(text),
    size: text.length,
    platform: { os: 'linux', architecture: 'amd64' },
  };
}

/** `index` with one more entry. */
export function withEntry(index: ImageIndex, text: string): ImageIndex {
  return { ...index, manifests: [...index.manifests, entryOf(text)] };
}

/** A store in a folder that does not exist yet; both go when the test ends. */
export async function testStore(t: TestContext, options: StoreOptions = {}): Promise<Store> {
  const store = Store.open(`${await testFolder(t)}/home`, options);
  t.after(() => store.close());
  return store;
}

/** Whether the file at `path` has the digest. */
export async function fileMatches(path: string, digest: Digest): Promise<boolean> {
  const [algorithm = '', hex] = digest.split(':');
  return (
    createHash(algorithm)
      .update(await readFile(path))
      .digest('hex') === hex
  );
}
