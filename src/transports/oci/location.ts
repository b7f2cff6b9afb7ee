/**
 * `oci:PATH[:NAME]`: an image in an OCI image layout (OCI Image Specification v1.1, image-layout.md). NAME is the value of
 * the `org.opencontainers.image.ref.name` annotation. `oci:PATH@DIGEST` names a manifest of the layout by digest, for
 * reading. PATH ends at the first colon (a Windows drive letter apart), as in containers/image.
 */
import { isAbsolute, resolve } from 'node:path';
import { UsageError } from '../../foundation/errors.ts';
import { type Digest, parseDigest } from '../../oci/digest.ts';
import type { ImageLocation, Transport } from '../transport.ts';
import { createLayoutDestination } from './destination.ts';
import { createLayoutSource } from './source.ts';

/** Where in a layout: its folder, and which of its images. */
export interface LayoutPlace {
  /** Absolute. */
  readonly path: string;
  readonly name?: string;
  readonly digest?: Digest;
}

const namePattern = /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;

export const ociTransport: Transport = { name: 'oci', parse: (rest) => layoutLocation(parseLayoutPlace(rest)) };

/** Throws UsageError INVALID_IMAGE_NAME. */
export function parseLayoutPlace(rest: string): LayoutPlace {
  const byDigest = /^(.+)@(sha(?:256|512):.*)$/.exec(rest);
  if (byDigest?.[1] !== undefined && byDigest[2] !== undefined) {
    return { path: absolute(byDigest[1], rest), digest: parseDigest(byDigest[2], `oci:${rest}`) };
  }
  const driveLetters = /^[A-Za-z]:[\\/]/.test(rest) ? 2 : 0;
  const colon = rest.indexOf(':', driveLetters);
  if (colon < 0) return { path: absolute(rest, rest) };
  const name = rest.slice(colon + 1);
  const path = absolute(rest.slice(0, colon), rest);
  if (name === '') return { path };
  if (!namePattern.test(name)) {
    throw new UsageError(`"${name}" in oci:${rest} cannot be the name of an image in a layout`, {
      code: 'INVALID_IMAGE_NAME',
      hint: 'Use letters and digits, joined by one of - . _ : @ + or /.',
    });
  }
  return { path, name };
}

function absolute(path: string, rest: string): string {
  if (path === '') {
    throw new UsageError(`oci:${rest} names no folder`, {
      code: 'INVALID_IMAGE_NAME',
      hint: 'Write oci:FOLDER or oci:FOLDER:NAME.',
    });
  }
  return isAbsolute(path) ? path : resolve(path);
}

function layoutLocation(place: LayoutPlace): ImageLocation {
  const suffix = place.digest === undefined ? (place.name === undefined ? '' : `:${place.name}`) : `@${place.digest}`;
  const text = `oci:${place.path}${suffix}`;
  return {
    transport: 'oci',
    format: () => text,
    pinned: (digest) => layoutLocation({ path: place.path, digest }),
    openSource: (env) => createLayoutSource(place, text, env),
    openDestination: (env) => createLayoutDestination(place, text, env),
  };
}
