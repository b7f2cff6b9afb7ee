/** From what a person typed to a location. */
import { NotFoundError } from '../foundation/errors.ts';
import { parseReference, withDefaultTag } from '../oci/reference.ts';
import { dockerLocation } from '../transports/docker/location.ts';
import { parseLocation } from '../transports/image-names.ts';
import { listLocation } from '../transports/store/location.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';

/**
 * The location that `text` names: `transport:rest` as it stands; a bare name is a list of the local store if there is one
 * of that name, else `docker://`. A bare name without a registry is looked up in the configuration of registries first, and
 * means Docker Hub where that says nothing. Which was chosen is told as a log event.
 *
 * @throws UsageError, also SHORT_NAME_AMBIGUOUS; NotFoundError SHORT_NAME_UNKNOWN when none of several registries has it
 */
export async function findImage(env: Env, text: string): Promise<ImageLocation> {
  const explicit = isNameOfDocker(env, text) ? undefined : parseLocation(text);
  if (explicit !== undefined) return explicit;
  const local = env.store().lists.find(text);
  const location =
    local === undefined ? { ...(await remoteLocation(env, text)), bareName: text } : listLocation(local.id);
  env.session.emit({ type: 'log', level: 'info', message: `"${text}" is taken as ${location.format()}` });
  return location;
}

/** Without the slashes of the transport it may be a list of the image called "docker" (`docker:27`), as with the peers. */
function isNameOfDocker(env: Env, text: string): boolean {
  return /^docker:(?!\/\/)/.test(text) && env.store().lists.find(text) !== undefined;
}

async function remoteLocation(env: Env, text: string): Promise<ImageLocation> {
  // a name that is none is told before anything is looked up
  const plain = namedLocation(text);
  const resolution = await env.routes?.shortName(text);
  if (resolution === undefined) return plain;
  const candidates = resolution.candidates.map(namedLocation);
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) {
    if (resolution.record === undefined) return only;
    // what somebody chose is written down once it has proved to be there
    await using source = await openVerifiedSource(only, env);
    await source.getManifest();
    await resolution.record();
    return only;
  }
  const failures: unknown[] = [];
  for (const candidate of candidates) {
    try {
      await using source = await openVerifiedSource(candidate, env);
      await source.getManifest();
      return candidate;
    } catch (thrown) {
      if (env.session.signal.aborted) throw thrown;
      failures.push(thrown);
    }
  }
  const reasons = failures.map((thrown) => (thrown instanceof Error ? thrown.message : String(thrown)));
  throw new NotFoundError(`"${text}" is in none of the registries that are searched: ${reasons.join('; ')}`, {
    code: 'SHORT_NAME_UNKNOWN',
    hint: 'Give the full name, with its registry. No local list has that name either.',
    cause: new AggregateError(failures),
  });
}

function namedLocation(text: string): ImageLocation {
  return dockerLocation(withDefaultTag(parseReference(text)));
}
