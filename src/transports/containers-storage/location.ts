/**
 * `containers-storage:[DRIVER@GRAPHROOT+RUNROOT:OPTIONS]IMAGE`: an image in the local storage of podman, buildah and CRI-O.
 * Without the bracket it is the storage that the machine is configured for (containers-storage.conf(5)). IMAGE is a name, the
 * ID of an image (`@ID`), or the digest of a manifest (`@DIGEST`).
 */
import { UsageError } from '../../foundation/errors.ts';
import type { ImageLocation, Transport } from '../transport.ts';
import { formatStoragePlace, parseStoragePlace, type StoragePlace } from './place.ts';

export const containersStorageTransport: Transport = {
  name: 'containers-storage',
  parse: (rest) => storageLocation(parseStoragePlace(rest)),
};

export function storageLocation(place: StoragePlace): ImageLocation {
  const text = formatStoragePlace(place);
  return {
    transport: 'containers-storage',
    format: () => text,
    pinned(digest) {
      const { storage, id } = place;
      const at = storage === undefined ? {} : { storage };
      // an ID names the same image for ever, in a form that the programs of others understand
      return storageLocation(id?.length === 64 ? { ...at, id } : { ...at, digest });
    },
    openSource: async (env) => (await import('./source.ts')).openStorageSource(place, text, env),
    async openDestination(env) {
      if (place.id !== undefined || place.digest !== undefined || place.reference?.tag === undefined) {
        throw new UsageError(`${text} names an image that is to be there, which a destination cannot`, {
          code: 'INVALID_DESTINATION',
          hint: 'Write containers-storage:NAME:TAG.',
        });
      }
      return (await import('./destination.ts')).openStorageDestination(place, place.reference, env);
    },
  };
}
