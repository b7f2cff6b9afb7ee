/**
 * `docker-daemon:NAME[:TAG]` or `docker-daemon:sha256:ID`: an image that the daemon of Docker keeps. Which daemon is said by the
 * environment (`DOCKER_HOST`, contexts), as for the `docker` command; podman's service will do, too.
 */
import { UsageError } from '../../foundation/errors.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts';
import type { ImageLocation, Transport } from '../transport.ts';

/** An image by name (with a tag or digest) or by ID. */
export type DaemonPlace = { readonly reference: Reference } | { readonly id: Digest };

export const dockerDaemonTransport: Transport = {
  name: 'docker-daemon',
  parse: (rest) => daemonLocation(isDigest(rest) ? { id: rest } : { reference: withDefaultTag(parseReference(rest)) }),
};

export function daemonLocation(place: DaemonPlace): ImageLocation {
  const text = `docker-daemon:${'id' in place ? place.id : formatReference(place.reference)}`;
  return {
    transport: 'docker-daemon',
    format: () => text,
    // the digest of what is read is not known to the daemon, but an ID always means the same image
    pinned: () => ('id' in place ? daemonLocation(place) : undefined),
    openSource: async (env) => (await import('./source.ts')).openDaemonSource(place, text, env),
    async openDestination(env) {
      if ('id' in place || place.reference.digest !== undefined) {
        throw new UsageError(`${text} names an image that is to be there, which a destination cannot`, {
          code: 'INVALID_DESTINATION',
          hint: 'Write docker-daemon:NAME:TAG.',
        });
      }
      return (await import('./destination.ts')).openDaemonDestination(place.reference, env);
    },
  };
}
