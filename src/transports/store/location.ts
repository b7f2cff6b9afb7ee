/**
 * `store:LIST` (a list of the local store, by name or ID) and `store:@DIGEST` (a manifest whose content the local store
 * keeps, such as an artifact made by `manifest add --artifact`). Read only: lists change through the list store.
 */
import { UnsupportedError, UsageError } from '../../foundation/errors.ts';
import { type Digest, parseDigest } from '../../oci/digest.ts';
import type { ImageLocation, Transport } from '../transport.ts';
import { createContentSource } from './content-source.ts';
import { createListSource } from './list-source.ts';

export const storeTransport: Transport = {
  name: 'store',
  parse(rest) {
    if (rest === '') {
      throw new UsageError('"store:" names no list', { code: 'INVALID_IMAGE_NAME', hint: 'Write store:LIST.' });
    }
    return rest.startsWith('@') ? contentLocation(parseDigest(rest.slice(1), `store:${rest}`)) : listLocation(rest);
  },
};

/** The list called `name` (or with that ID). */
export function listLocation(name: string): ImageLocation {
  return {
    transport: 'store',
    format: () => `store:${name}`,
    // a list may change or go; its instances have locations of their own
    pinned: () => undefined,
    openSource: async (env) => createListSource(env.store().lists.read(name), env),
    openDestination: async () => {
      throw readOnly(`store:${name}`);
    },
  };
}

/** The manifest with this digest in the content of the local store. */
export function contentLocation(digest: Digest): ImageLocation {
  return {
    transport: 'store',
    format: () => `store:@${digest}`,
    pinned: (other) => contentLocation(other),
    openSource: async (env) => createContentSource(digest, env),
    openDestination: async () => {
      throw readOnly(`store:@${digest}`);
    },
  };
}

function readOnly(text: string): UnsupportedError {
  return new UnsupportedError(`${text} cannot be a destination`, {
    code: 'READ_ONLY_TRANSPORT',
    side: 'destination',
    hint: 'Use `sheaf manifest create` and `sheaf manifest add` to put images on a local list.',
  });
}
