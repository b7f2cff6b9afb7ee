/** What the tests of this folder share. */
import { readFileSync } from 'node:fs';
import { asError, SheafError } from '../../src/foundation/errors.ts';
import type { RawManifest } from '../../src/oci/descriptor.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import type { IndexEntry } from '../../src/oci/image-index.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import type { Platform } from '../../src/oci/platform.ts';

/** A digest for a name. */
export const digest = (name: string): Digest => digestOf(Buffer.from(name));

/** `os/architecture[/variant]`, word for word. */
export function platform(text: string): Platform {
  const [os = '', architecture = '', variant] = text.split('/');
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

/** An entry called `name`; `where` as for {@link platform}. */
export function entry(name: string, where?: string, more: Partial<IndexEntry> = {}): IndexEntry {
  return {
    mediaType: mediaTypes.ociManifest,
    digest: digest(name),
    size: name.length,
    ...(where === undefined ? {} : { platform: platform(where) }),
    ...more,
  };
}

/** A document as it would come from a registry. */
export function raw(document: unknown, mediaType: string): RawManifest {
  const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
  return { bytes, mediaType, digest: digestOf(bytes) };
}

/** The text of a file of fixtures/foreign/oci. */
export function foreign(name: string): string {
  return readFileSync(new URL(`../../fixtures/foreign/oci/${name}`, import.meta.url), 'utf8');
}

/** What `run` throws, if that is an error of sheaf. */
export function thrownBy(run: () => unknown): SheafError {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof SheafError) return thrown;
    throw asError(thrown);
  }
  throw new Error('nothing was thrown');
}

/** Makes any change of `value`, however deep, throw. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
