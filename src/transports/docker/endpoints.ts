/** Which registries a reference leads to: the one that it names, or those that the machine's configuration puts before it. */
import type { RegistryAccess } from '../../distribution/registry-pool.ts';
import { formatReference, parseReference, type Reference } from '../../oci/reference.ts';
import type { TransportEnv } from '../transport.ts';

/** One place of an image. */
export interface Endpoint {
  readonly reference: Reference;
  readonly access: RegistryAccess;
  /** Told that it could not be reached, where there are others. */
  readonly failed?: () => void;
}

/** Never empty; in the order to try. Throws UsageError REGISTRY_BLOCKED, and what reading the configuration throws. */
export async function pullEndpoints(reference: Reference, { routes }: TransportEnv): Promise<readonly Endpoint[]> {
  if (routes === undefined) return [{ reference, access: {} }];
  const sources = await routes.pull(formatReference(reference));
  return sources.map((source) => {
    const there = parseReference(source.reference);
    return {
      reference: there,
      // what was given for the registry that was named is for no other one
      access: { insecure: source.insecure, elsewhere: there.registry !== reference.registry },
      ...(source.primary ? {} : { failed: () => routes.avoid(source) }),
    };
  });
}

/** Throws as {@link pullEndpoints}. */
export async function pushEndpoint(reference: Reference, { routes }: TransportEnv): Promise<Endpoint> {
  return { reference, access: routes === undefined ? {} : await routes.push(formatReference(reference)) };
}
