/**
 * `dir:PATH`: an image as plain files in a folder, the form that skopeo uses to look at images and to keep them with their
 * signatures. `dir:PATH@DIGEST` names one of its manifests, for reading. Unlike with `oci:`, a colon is part of the path.
 */
import { isAbsolute, resolve } from 'node:path';
import { UsageError } from '../../foundation/errors.ts';
import { type Digest, parseDigest } from '../../oci/digest.ts';
import type { ImageLocation, Transport } from '../transport.ts';

export const dirTransport: Transport = { name: 'dir', parse: parseDirPlace };

function parseDirPlace(rest: string): ImageLocation {
  const [, path = rest, digest] = /^(.+)@(sha(?:256|512):.*)$/.exec(rest) ?? [];
  if (path === '') {
    throw new UsageError('"dir:" names no folder', { code: 'INVALID_IMAGE_NAME', hint: 'Write dir:FOLDER.' });
  }
  return dirLocation(isAbsolute(path) ? path : resolve(path), digest && parseDigest(digest, `digest in dir:${rest}`));
}

/** `path` is absolute. */
function dirLocation(path: string, digest: Digest | '' | undefined): ImageLocation {
  const wanted = digest || undefined;
  const text = `dir:${path}${wanted === undefined ? '' : `@${wanted}`}`;
  return {
    transport: 'dir',
    format: () => text,
    pinned: (other) => dirLocation(path, other),
    openSource: async () => (await import('./source.ts')).createDirSource(path, wanted, text),
    async openDestination(env) {
      if (wanted !== undefined) {
        throw new UsageError(`${text} names a digest, which a destination cannot have`, {
          code: 'INVALID_DESTINATION',
          hint: 'Write dir:FOLDER.',
        });
      }
      return (await import('./destination.ts')).createDirDestination(path, env);
    },
  };
}
