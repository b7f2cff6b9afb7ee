/**
 * `oci:PATH[:NAME]`: an image in an OCI image layout (OCI Image Specification v1.1, image-layout.md). NAME is the value of
 * the `org.opencontainers.image.ref.name` annotation. For reading also `oci:PATH:@N`, the entry at position N of index.json,
 * and `oci:PATH@DIGEST`, any manifest of the layout by digest. PATH ends at the first colon (a Windows drive letter apart),
 * as in containers/image.
 */
import { UsageError } from '../../foundation/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { parseFilePlace, parsePosition } from '../place.ts';
import type { ImageLocation, Transport, TransportName } from '../transport.ts';

/** Where in a layout: its folder or archive, and which of its images. */
export interface LayoutPlace {
  /** Absolute, or `-`. */
  readonly path: string;
  readonly name?: string;
  readonly digest?: Digest;
  /** In index.json, from 0. */
  readonly position?: number;
}

const namePattern = /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;

export const ociTransport: Transport = { name: 'oci', parse: (rest) => layoutLocation(parseLayoutPlace('oci', rest)) };

/** Throws UsageError INVALID_IMAGE_NAME. */
export function parseLayoutPlace(transport: TransportName, text: string): LayoutPlace {
  const { path, rest, digest } = parseFilePlace(transport, text);
  if (digest !== undefined) return { path, digest };
  if (rest === undefined) return { path };
  const position = parsePosition(rest);
  if (position !== undefined) return { path, position };
  if (!namePattern.test(rest)) {
    throw new UsageError(`"${rest}" in ${transport}:${text} cannot be the name of an image in a layout`, {
      code: 'INVALID_IMAGE_NAME',
      hint: 'Use letters and digits, joined by one of - . _ : @ + or /.',
    });
  }
  return { path, name: rest };
}

/** The text that {@link parseLayoutPlace} reads. */
export function formatLayoutPlace(transport: TransportName, { path, name, digest, position }: LayoutPlace): string {
  const suffix = digest !== undefined ? `@${digest}` : position !== undefined ? `:@${position}` : name && `:${name}`;
  return `${transport}:${path}${suffix ?? ''}`;
}

/** Throws UsageError INVALID_DESTINATION for places that only reading knows. */
export function assertWritable({ digest, position }: LayoutPlace, text: string): void {
  if (digest === undefined && position === undefined) return;
  throw new UsageError(
    `${text} names a ${digest === undefined ? 'position' : 'digest'}, which a destination cannot have`,
    {
      code: 'INVALID_DESTINATION',
      hint: 'Write PATH or PATH:NAME after the transport.',
    },
  );
}

function layoutLocation(place: LayoutPlace): ImageLocation {
  const text = formatLayoutPlace('oci', place);
  return {
    transport: 'oci',
    format: () => text,
    pinned: (digest) => layoutLocation({ path: place.path, digest }),
    openSource: async () => (await import('./source.ts')).openFolderSource(place, text),
    async openDestination(env) {
      assertWritable(place, text);
      return (await import('./destination.ts')).createLayoutDestination(place, env);
    },
  };
}
