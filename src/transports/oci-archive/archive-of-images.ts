/** `oci-archive:FILE` with several images, each under its name: they gather one after the other, and the archive is written once. */
import { archiveOutput } from '../archive-output.ts';
import { assertName, formatLayoutPlace } from '../oci/location.ts';
import type { ImageDestination, ImageLocation, TransportEnv } from '../transport.ts';
import { LayoutArchive, partsOf } from './destination.ts';
import { ociArchiveTransport } from './location.ts';

export interface ArchiveOfImages extends AsyncDisposable {
  /** Where the image `name` is copied to; opened once for each. Throws UsageError INVALID_IMAGE_NAME. */
  location(name: string): ImageLocation;
  /** What the archive of before calls `name` stays, if it knows that name. Throws IntegrityError. */
  keep(name: string): Promise<void>;
  /** Writes the archive with the images whose copies were completed or that stay; nothing where there are none. Throws StorageError. */
  write(): Promise<void>;
}

/**
 * `path`: absolute, or `-` for standard output. An archive that is there stays until the new one is written, and lends it its
 * blobs. Throws ConflictError for a folder, StorageError.
 */
export async function createArchiveOfImages(path: string, env: TransportEnv): Promise<ArchiveOfImages> {
  const archive = new LayoutArchive(path, env, await archiveOutput(path, env));
  const destination = (name: string): ImageDestination => ({
    ...partsOf(archive),
    // what the archive of before names does not count
    currentRoot: async () => undefined,
    commit: async (root) => archive.enter(root, name),
    async tag(root, tag) {
      assertName(tag, path);
      archive.enter(root, tag);
    },
    [Symbol.asyncDispose]: async () => {},
  });
  return {
    location(name) {
      assertName(name, path);
      const location = ociArchiveTransport.parse(
        formatLayoutPlace('oci-archive', { path, name }).slice('oci-archive:'.length),
      );
      return { ...location, openDestination: async () => destination(name) };
    },
    keep: (name) => archive.keep(name),
    write: () => archive.write(),
    [Symbol.asyncDispose]: () => archive[Symbol.asyncDispose](),
  };
}
