/**
 * `docker-archive:FILE[:NAME[:TAG]]`: an image in a tar archive as `docker save` writes it. For reading also
 * `docker-archive:FILE:@N`, the image at position N of its manifest.json, and `docker-archive:FILE@DIGEST`, the image whose
 * manifest (as sheaf reads it) has that digest. FILE `-` is standard input or output; what is read may be compressed.
 */
import { UsageError } from '../../foundation/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts';
import { parseFilePlace, parsePosition, standardStream } from '../place.ts';
import type { ImageLocation, Transport } from '../transport.ts';

/** Which image of an archive is meant; without anything the only one. */
export interface DockerArchiveChoice {
  /** Has a tag. */
  readonly reference?: Reference;
  /** In manifest.json, from 0. */
  readonly position?: number;
  readonly digest?: Digest;
}

export interface DockerArchivePlace extends DockerArchiveChoice {
  /** Absolute, or `-`. */
  readonly path: string;
}

export const dockerArchiveTransport: Transport = {
  name: 'docker-archive',
  parse: (rest) => archiveLocation(parsePlace(rest)),
};

function parsePlace(text: string): DockerArchivePlace {
  const { path, rest, digest } = parseFilePlace('docker-archive', text);
  if (digest !== undefined) return { path, digest };
  if (rest === undefined) return { path };
  const position = parsePosition(rest);
  if (position !== undefined) return { path, position };
  const reference = withDefaultTag(parseReference(rest));
  if (reference.digest !== undefined || reference.tag === undefined) {
    throw new UsageError(`docker-archive:${text} names an image by digest, which such archives do not know`, {
      code: 'INVALID_IMAGE_NAME',
      hint: 'Write docker-archive:FILE:NAME:TAG.',
    });
  }
  return { path, reference };
}

function suffixOf({ reference, position, digest }: DockerArchivePlace): string {
  if (digest !== undefined) return `@${digest}`;
  if (position !== undefined) return `:@${position}`;
  return reference === undefined ? '' : `:${formatReference(reference)}`;
}

function archiveLocation(place: DockerArchivePlace): ImageLocation {
  const text = `docker-archive:${place.path}${suffixOf(place)}`;
  const location: ImageLocation = {
    transport: 'docker-archive',
    format: () => text,
    // what came on standard input does not come again
    pinned: (digest) => (place.path === standardStream ? undefined : archiveLocation({ path: place.path, digest })),
    async openSource(env) {
      const [{ openDockerArchiveSource }, { onceOnly }] = await Promise.all([
        import('./source.ts'),
        import('../archive-file.ts'),
      ]);
      return onceOnly(await openDockerArchiveSource(place, text, env), location, place.path);
    },
    async openDestination(env) {
      if (place.position !== undefined || place.digest !== undefined) {
        throw new UsageError(`${text} names an image that is to be there, which a destination cannot`, {
          code: 'INVALID_DESTINATION',
          hint: 'Write docker-archive:FILE or docker-archive:FILE:NAME:TAG.',
        });
      }
      return (await import('./destination.ts')).openDockerArchiveDestination(place, env);
    },
  };
  return location;
}
