/** Images that a daemon takes: an archive that it loads, and more names for what it has loaded. */
import type { RawManifest } from '../../oci/descriptor.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';
import { type ArchiveOutput, temporaryWorkFolder } from '../archive-output.ts';
import { tagWithin } from '../tag-names.ts';
import type { DestinationTraits, ImageDestination } from '../transport.ts';
import type { EngineClient } from './client.ts';

/** Takes one archive and sends it to `path` of the API, as it is written. */
export function loadOutput(client: EngineClient, path: string): ArchiveOutput {
  return {
    where: client.name,
    ...temporaryWorkFolder(),
    rewritable: false,
    write: (write) => client.upload(path, 'load the image', write),
  };
}

/** `archive` as the way to an image called `reference`; `images` is the path of images in the API. */
export function loadedImage(
  archive: ImageDestination,
  traits: DestinationTraits,
  client: EngineClient,
  images: string,
  reference: Reference,
): ImageDestination {
  return {
    traits,
    hasBlob: (blob) => archive.hasBlob(blob),
    hasManifest: (digest) => archive.hasManifest(digest),
    // what the name stands for now is known to the daemon by another digest
    async currentRoot(tag) {
      if (tag !== undefined) tagWithin(reference, tag);
      return undefined;
    },
    ...(archive.expectWritable === undefined ? {} : { expectWritable: archive.expectWritable.bind(archive) }),
    putBlob: (content) => archive.putBlob(content),
    putManifest: (manifest, at) => archive.putManifest(manifest, at),
    commit: (root) => archive.commit(root),
    async tag(_root: RawManifest, tag: string) {
      const name = encodeURIComponent(formatReference(reference));
      const repository = encodeURIComponent(`${reference.registry}/${reference.repository}`);
      const path = `${images}/${name}/tag?repo=${repository}&tag=${encodeURIComponent(tagWithin(reference, tag))}`;
      await client.post(path, `give the image the tag ${tag}`);
    },
    [Symbol.asyncDispose]: () => archive[Symbol.asyncDispose](),
  };
}
