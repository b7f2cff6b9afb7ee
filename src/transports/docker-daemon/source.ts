/** Reads an image from a daemon, which hands it out as `docker save` would. */
import { IntegrityError, NotFoundError } from '../../foundation/errors.ts';
import { isDigest } from '../../oci/digest.ts';
import { isJsonObject } from '../../oci/json.ts';
import { formatReference } from '../../oci/reference.ts';
import { spoolArchive } from '../archive-file.ts';
import { createDockerArchiveSource } from '../docker-archive/source.ts';
import { EngineClient } from '../engine/client.ts';
import { dockerEndpoint } from '../engine/endpoint.ts';
import type { ImageSource, TransportEnv } from '../transport.ts';
import { type DaemonPlace, daemonLocation, hostOf } from './location.ts';

/** Throws NotFoundError IMAGE_NOT_FOUND, AuthError ENGINE_FORBIDDEN, RegistryError, and what {@link spoolArchive} throws. */
export async function openDaemonSource(place: DaemonPlace, text: string, env: TransportEnv): Promise<ImageSource> {
  const client = new EngineClient(
    await dockerEndpoint({ ...env.places, ...hostOf(place) }),
    'the Docker daemon',
    env.session.signal,
  );
  const name = 'id' in place ? place.id : formatReference(place.reference);
  // by ID from here on: the name may be given to another image meanwhile
  const id = await idOf(client, name);
  const stream = await client.getStream(`/images/get?names=${encodeURIComponent(id)}`, `save the image ${name}`);
  const archive = await spoolArchive(stream, `the archive of ${name} from ${client.name}`, env);
  const source = await createDockerArchiveSource(archive, {}, text, env.session.signal);
  return {
    getManifest: (instance) => source.getManifest(instance),
    openBlob: (blob, range) => source.openBlob(blob, range),
    origins: () => [daemonLocation({ id, ...(place.host === undefined ? {} : { host: place.host }) })],
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

async function idOf(client: EngineClient, name: string) {
  try {
    const image = await client.getJson(`/images/${encodeURIComponent(name)}/json`, `find the image ${name}`);
    const id = isJsonObject(image) ? image['Id'] : undefined;
    if (isDigest(id)) return id;
    throw new IntegrityError(`${client.name} says nothing of the ID of ${name}`, { code: 'MALFORMED_ANSWER' });
  } catch (thrown) {
    if (!(thrown instanceof NotFoundError)) throw thrown;
    throw new NotFoundError(`there is no image ${name} in ${client.name}`, {
      code: 'IMAGE_NOT_FOUND',
      cause: thrown,
      hint: '`docker images` lists what is there.',
    });
  }
}
