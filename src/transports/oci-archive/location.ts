/**
 * `oci-archive:FILE[:NAME]`: an image in an OCI image layout in a tar archive. For reading also `oci-archive:FILE:@N` and
 * `oci-archive:FILE@DIGEST`; the archive may then be compressed. FILE `-` is standard input or output.
 */
import { assertWritable, formatLayoutPlace, type LayoutPlace, parseLayoutPlace } from '../oci/location.ts';
import { standardStream } from '../place.ts';
import type { ImageLocation, Transport } from '../transport.ts';

export const ociArchiveTransport: Transport = {
  name: 'oci-archive',
  parse: (rest) => archiveLocation(parseLayoutPlace('oci-archive', rest)),
};

function archiveLocation(place: LayoutPlace): ImageLocation {
  const text = formatLayoutPlace('oci-archive', place);
  const location: ImageLocation = {
    transport: 'oci-archive',
    format: () => text,
    // what came on standard input does not come again
    pinned: (digest) => (place.path === standardStream ? undefined : archiveLocation({ path: place.path, digest })),
    async openSource(env) {
      const [{ createOciArchiveSource }, { onceOnly }] = await Promise.all([
        import('./source.ts'),
        import('../archive-file.ts'),
      ]);
      return onceOnly(await createOciArchiveSource(place, text, env), location, place.path);
    },
    async openDestination(env) {
      assertWritable(place, text);
      return (await import('./destination.ts')).createOciArchiveDestination(place, env);
    },
  };
  return location;
}
