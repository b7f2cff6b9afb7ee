/**
 * `oci:PATH[:NAME]`: an image in an OCI image layout (OCI Image Specification v1.1, image-layout.md). NAME is the value of
 * the `org.opencontainers.image.ref.name` annotation. For reading also `oci:PATH:@N`, the entry at position N of index.json,
 * and `oci:PATH@DIGEST`, any manifest of the layout by digest. PATH ends at the first colon (a Windows drive letter apart),
 * as in containers/image. `oci:[BLOBS]PATH...` is a layout whose blobs are in the folder BLOBS, which several may share.
 */
import { isAbsolute, resolve } from 'node:path';
import { UsageError } from '../../foundation/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { parseFilePlace, parsePosition } from '../place.ts';
import type { ImageLocation, PlaceSettings, Transport, TransportName } from '../transport.ts';

/** Where in a layout: its folder or archive, and which of its images. */
export interface LayoutPlace {
  /** Absolute, or `-`. */
  readonly path: string;
  /** Absolute: the folder that the blobs are in, where that is not the layout's own. */
  readonly blobs?: string;
  readonly name?: string;
  readonly digest?: Digest;
  /** In index.json, from 0. */
  readonly position?: number;
}

const namePattern = /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;

export const ociTransport: Transport = { name: 'oci', parse: (rest) => layoutLocation(parseFolderPlace(rest)) };

/** What follows `oci:`. Throws UsageError INVALID_IMAGE_NAME. */
export function parseFolderPlace(text: string): LayoutPlace {
  const [, blobs, rest = ''] = /^\[([^\]]+)\](.*)$/s.exec(text) ?? [];
  if (blobs === undefined || !isAbsolute(blobs)) return parseLayoutPlace('oci', text);
  return { ...parseLayoutPlace('oci', rest), blobs: resolve(blobs) };
}

/** Throws UsageError INVALID_IMAGE_NAME. */
export function parseLayoutPlace(transport: TransportName, text: string): LayoutPlace {
  const { path, rest, digest } = parseFilePlace(transport, text);
  if (digest !== undefined) return { path, digest };
  if (rest === undefined) return { path };
  const position = parsePosition(rest);
  if (position !== undefined) return { path, position };
  assertName(rest, `${transport}:${text}`);
  return { path, name: rest };
}

/** `where` is the layout. Throws UsageError INVALID_IMAGE_NAME. */
export function assertName(name: string, where: string): void {
  if (namePattern.test(name)) return;
  throw new UsageError(`"${name}" in ${where} cannot be the name of an image in a layout`, {
    code: 'INVALID_IMAGE_NAME',
    hint: 'Use letters and digits, joined by one of - . _ : @ + or /.',
  });
}

/** The text that {@link parseLayoutPlace} reads. */
export function formatLayoutPlace(
  transport: TransportName,
  { path, blobs, name, digest, position }: LayoutPlace,
): string {
  const suffix = digest !== undefined ? `@${digest}` : position !== undefined ? `:@${position}` : name && `:${name}`;
  return `${transport}:${blobs === undefined ? '' : `[${blobs}]`}${path}${suffix ?? ''}`;
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
    pinned: (digest) =>
      layoutLocation({ path: place.path, digest, ...(place.blobs === undefined ? {} : { blobs: place.blobs }) }),
    async openSource({ places }) {
      const used = sharing(place, places);
      const source = await (await import('./source.ts')).openFolderSource(used, text);
      // whoever writes the place down must find the blobs without the settings of this run
      return used === place ? source : { ...source, origins: () => [layoutLocation(used)] };
    },
    async openDestination(env) {
      assertWritable(place, text);
      return (await import('./destination.ts')).createLayoutDestination(sharing(place, env.places), env);
    },
  };
}

/** `place` with the blobs where the run says that they are; what the name says goes before that. */
function sharing(place: LayoutPlace, settings: PlaceSettings | undefined): LayoutPlace {
  const blobs = settings?.sharedBlobDir;
  return blobs === undefined || place.blobs !== undefined ? place : { ...place, blobs };
}
