/** Reads an image from a registry. */

import { BugError } from '../../foundation/errors.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';
import type { ImageSource, TransportEnv } from '../transport.ts';

export function createDockerSource(reference: Reference, env: TransportEnv): ImageSource {
  const repository = env.registries.client(reference.registry).repository(reference.repository);
  const named = reference.digest ?? reference.tag;
  if (named === undefined) throw new BugError(`${formatReference(reference)} has neither tag nor digest`);
  return {
    getManifest: (instance) => repository.getManifest(instance ?? named),
    openBlob: async (blob, range) => (await repository.openBlob(blob.digest, range)).body,
    // connections belong to the pool, which outlives sources
    [Symbol.asyncDispose]: async () => {},
  };
}
