/**
 * `docker-daemon:NAME[:TAG]` or `docker-daemon:sha256:ID`: an image that the daemon of Docker keeps. Which daemon is said by the
 * environment (`DOCKER_HOST`, contexts), as for the `docker` command; podman's service will do, too. `docker-daemon:[HOST]...`
 * names the daemon itself, in the words of skopeo's `--src-daemon-host`.
 */
import { UsageError } from '../../foundation/errors.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts';
import type { ImageLocation, PlaceSettings, Transport } from '../transport.ts';

/** An image by name (with a tag or digest) or by ID. */
export type DaemonPlace = DaemonImage & {
  /** The daemon, where it is not that of the environment. */
  readonly host?: string;
};

type DaemonImage = { readonly reference: Reference } | { readonly id: Digest };

export const dockerDaemonTransport: Transport = {
  name: 'docker-daemon',
  parse(text) {
    const [, host, rest = ''] = /^\[([^@]+)\]([^\]]*)$/.exec(text) ?? [];
    return daemonLocation(host === undefined ? parseImage(text) : { host, ...parseImage(rest) });
  },
};

function parseImage(text: string): DaemonImage {
  return isDigest(text) ? { id: text } : { reference: withDefaultTag(parseReference(text)) };
}

export function daemonLocation(place: DaemonPlace): ImageLocation {
  const before = place.host === undefined ? '' : `[${place.host}]`;
  const text = `docker-daemon:${before}${'id' in place ? place.id : formatReference(place.reference)}`;
  return {
    transport: 'docker-daemon',
    format: () => text,
    // the digest of what is read is not known to the daemon, but an ID always means the same image
    pinned: () => ('id' in place ? daemonLocation(place) : undefined),
    openSource: async (env) => (await import('./source.ts')).openDaemonSource(atHost(place, env.places), text, env),
    async openDestination(env) {
      if ('id' in place || place.reference.digest !== undefined) {
        throw new UsageError(`${text} names an image that is to be there, which a destination cannot`, {
          code: 'INVALID_DESTINATION',
          hint: 'Write docker-daemon:NAME:TAG.',
        });
      }
      return (await import('./destination.ts')).openDaemonDestination(place.reference, {
        ...env,
        places: { ...env.places, ...hostOf(atHost(place, env.places)) },
      });
    },
  };
}

/** `place` at the daemon that the run names; what the name says goes before that. */
function atHost(place: DaemonPlace, settings: PlaceSettings | undefined): DaemonPlace {
  const host = place.host ?? settings?.daemonHost;
  return host === undefined ? place : { ...place, host };
}

/** As the setting that names the daemon of `place`. */
export function hostOf({ host }: DaemonPlace): Pick<PlaceSettings, 'daemonHost'> {
  return host === undefined ? {} : { daemonHost: host };
}
