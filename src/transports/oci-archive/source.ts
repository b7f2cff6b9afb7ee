/** Reads an image from an OCI image layout in a tar archive. */
import type { TarFile } from '../../archive/tar-file.ts';
import { openArchive } from '../archive-file.ts';
import type { LayoutFiles } from '../oci/layout-files.ts';
import type { LayoutPlace } from '../oci/location.ts';
import { createLayoutSource, requireLayout } from '../oci/source.ts';
import type { ImageSource, TransportEnv } from '../transport.ts';

/** Throws NotFoundError ARCHIVE_NOT_FOUND and LAYOUT_NOT_FOUND, IntegrityError for what is no archive. */
export async function createOciArchiveSource(
  place: LayoutPlace,
  text: string,
  env: TransportEnv,
): Promise<ImageSource> {
  const archive = await openArchive(place.path, env);
  try {
    const files = archivedFiles(archive);
    const source = createLayoutSource(files, await requireLayout(files), place, text);
    return { ...source, [Symbol.asyncDispose]: () => archive[Symbol.asyncDispose]() };
  } catch (thrown) {
    await archive[Symbol.asyncDispose]();
    throw thrown;
  }
}

/** The files of a layout that is an archive. */
export function archivedFiles(archive: TarFile): LayoutFiles {
  return {
    where: archive.where,
    size: async (name) => archive.size(name),
    read: (name, maxBytes) => archive.read(name, maxBytes),
    open: (name, range) => archive.open(name, range),
  };
}
