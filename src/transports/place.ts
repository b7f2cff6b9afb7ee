/** What names of images in files and folders have in common: `PATH`, `PATH:REST`, `PATH@DIGEST`. */
import { isAbsolute, resolve } from 'node:path';
import { UsageError } from '../foundation/errors.ts';
import { type Digest, parseDigest } from '../oci/digest.ts';
import type { TransportName } from './transport.ts';

export interface FilePlace {
  /** Absolute, or `-` for standard input and output where the transport takes that. */
  readonly path: string;
  /** What follows the first colon; absent where that is nothing. */
  readonly rest?: string;
  /** The manifest with this digest, for reading. */
  readonly digest?: Digest;
}

/** Stands for standard input and standard output. */
export const standardStream = '-';

/**
 * Splits what follows `transport:`. The path ends at the first colon (a Windows drive letter apart), as in containers/image,
 * or at `@sha256:` and `@sha512:`. Throws UsageError INVALID_IMAGE_NAME.
 */
export function parseFilePlace(transport: TransportName, text: string): FilePlace {
  const byDigest = /^(.+?)@(sha(?:256|512):.*)$/.exec(text);
  if (byDigest?.[1] !== undefined && byDigest[2] !== undefined && colonOf(byDigest[1]) < 0) {
    return {
      path: absolute(transport, byDigest[1], text),
      digest: parseDigest(byDigest[2], `digest in ${transport}:${text}`),
    };
  }
  const colon = colonOf(text);
  if (colon < 0) return { path: absolute(transport, text, text) };
  const path = absolute(transport, text.slice(0, colon), text);
  const rest = text.slice(colon + 1);
  return rest === '' ? { path } : { path, rest };
}

function colonOf(text: string): number {
  return text.indexOf(':', /^[A-Za-z]:[\\/]/.test(text) ? 2 : 0);
}

/** `@N`: the image at that position, from 0; `undefined` where `rest` is no such thing. */
export function parsePosition(rest: string | undefined): number | undefined {
  const digits = /^@(\d{1,9})$/.exec(rest ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function absolute(transport: TransportName, path: string, text: string): string {
  if (path === '') {
    throw new UsageError(`${transport}:${text} names no ${kindOf(transport)}`, {
      code: 'INVALID_IMAGE_NAME',
      hint: `Write ${transport}:PATH${transport === 'dir' ? '' : ` or ${transport}:PATH:NAME`}.`,
    });
  }
  if (path === standardStream && kindOf(transport) === 'file') return path;
  return isAbsolute(path) ? path : resolve(path);
}

const kindOf = (transport: TransportName): string => (transport === 'oci' || transport === 'dir' ? 'folder' : 'file');
