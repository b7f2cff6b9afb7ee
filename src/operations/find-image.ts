/** From what a person typed to a location. */
import { parseReference, withDefaultTag } from '../oci/reference.ts';
import { dockerLocation } from '../transports/docker/location.ts';
import { parseLocation } from '../transports/image-names.ts';
import { listLocation } from '../transports/store/location.ts';
import type { ImageLocation } from '../transports/transport.ts';
import type { Env } from './environment.ts';

/**
 * The location that `text` names: `transport:rest` as it stands; a bare name is a list of the local store if there is one
 * of that name, else `docker://`. Which was chosen is told as a log event. Throws UsageError.
 */
export function findImage(env: Env, text: string): ImageLocation {
  const explicit = parseLocation(text);
  if (explicit !== undefined) return explicit;
  const local = env.store().lists.find(text);
  const location = local === undefined ? dockerLocation(withDefaultTag(parseReference(text))) : listLocation(local.id);
  env.session.emit({ type: 'log', level: 'info', message: `"${text}" is taken as ${location.format()}` });
  return location;
}
