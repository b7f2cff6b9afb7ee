/** `docker://registry/repository[:tag][@digest]`: an image in a registry that speaks the OCI Distribution protocol. */
import { UsageError } from '../../foundation/errors.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts';
import type { ImageLocation, Transport } from '../transport.ts';
import { createDockerDestination } from './destination.ts';
import { pullEndpoints, pushEndpoint } from './endpoints.ts';
import { createDockerSource } from './source.ts';

export const dockerTransport: Transport = {
  name: 'docker',
  parse(rest) {
    if (!rest.startsWith('//')) {
      throw new UsageError(`"docker:${rest}" is not an image name: "//" is missing after "docker:"`, {
        code: 'INVALID_IMAGE_NAME',
        hint: `Write docker://${rest.replace(/^\/*/, '')}.`,
      });
    }
    return dockerLocation(withDefaultTag(parseReference(rest.slice(2))));
  },
};

/** The location of `reference`, which has a tag or a digest. */
export function dockerLocation(reference: Reference): ImageLocation {
  return {
    transport: 'docker',
    reference,
    format: () => `docker://${formatReference(reference)}`,
    pinned: (digest) => dockerLocation({ registry: reference.registry, repository: reference.repository, digest }),
    openSource: async (env) => createDockerSource(await pullEndpoints(reference, env), env),
    openDestination: async (env) => createDockerDestination(await pushEndpoint(reference, env), env),
  };
}
