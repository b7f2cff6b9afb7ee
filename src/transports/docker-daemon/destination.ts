/** Gives an image to a daemon, as `docker load` would. */
import type { Reference } from '../../oci/reference.ts';
import { createDockerArchiveDestination, singleImageTraits } from '../docker-archive/destination.ts';
import { EngineClient } from '../engine/client.ts';
import { dockerEndpoint } from '../engine/endpoint.ts';
import { loadedImage, loadOutput } from '../engine/load.ts';
import type { ImageDestination, TransportEnv } from '../transport.ts';

/** Throws AuthError ENGINE_FORBIDDEN, RegistryError ENGINE_UNREACHABLE. */
export async function openDaemonDestination(reference: Reference, env: TransportEnv): Promise<ImageDestination> {
  const client = new EngineClient(await dockerEndpoint(env.places), 'the Docker daemon', env.session.signal);
  await client.getJson('/version', 'load an image');
  const archive = createDockerArchiveDestination(loadOutput(client, '/images/load?quiet=1'), reference, env);
  return loadedImage(archive, singleImageTraits, client, '/images', reference);
}
