/**
 * Puts an image into a local storage, through podman's service: nobody but the programs of that storage may write to it. The
 * image goes there as an OCI archive, so that its manifest keeps its digest.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UnsupportedError } from '../../foundation/errors.ts';
import { isJsonObject, type JsonValue } from '../../oci/json.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';
import { EngineClient } from '../engine/client.ts';
import { parseEndpoint } from '../engine/endpoint.ts';
import { loadedImage, loadOutput } from '../engine/load.ts';
import { createOciArchiveDestination } from '../oci-archive/destination.ts';
import { standardStream } from '../place.ts';
import type { DestinationTraits, ImageDestination, TransportEnv } from '../transport.ts';
import { formatStoragePlace, type StoragePlace, type StorageSpec } from './place.ts';
import { configuredStorage } from './storage-conf.ts';

const traits: DestinationTraits = {
  manifestTypes: [mediaTypes.ociManifest, mediaTypes.dockerManifest],
  sparseIndex: false,
  manifestsComplete: false,
  opensLayers: true,
};

/** Podman 4 and later answer to it. */
const api = '/v4.0.0/libpod';

/** Throws UnsupportedError STORAGE_READ_ONLY where no service of that storage runs, AuthError, RegistryError. */
export async function openStorageDestination(
  place: StoragePlace,
  reference: Reference,
  env: TransportEnv,
): Promise<ImageDestination> {
  const text = formatStoragePlace(place);
  const spec = place.storage ?? (await configuredStorage());
  const service = await serviceText();
  if (service === undefined) throw readOnly(`${text} cannot be written: podman's service does not run`, spec);
  const client = new EngineClient(parseEndpoint(service), "podman's service", env.session.signal);
  await expectStorage(client, spec, text);
  const layout = { path: standardStream, name: formatReference(reference) };
  const archive = await createOciArchiveDestination(layout, env, loadOutput(client, `${api}/images/load`));
  return loadedImage(archive, traits, client, `${api}/images`, reference);
}

/** Where podman's service listens; `undefined` where there is none. */
async function serviceText({ env, getuid }: NodeJS.Process = process): Promise<string | undefined> {
  const named = env['CONTAINER_HOST'];
  if (named) return named;
  const uid = getuid?.() ?? 1000;
  const folder = uid === 0 ? '/run' : env['XDG_RUNTIME_DIR'] || `/run/user/${uid}`;
  const socket = join(folder, 'podman', 'podman.sock');
  const found = await stat(socket).catch(() => undefined);
  return found?.isSocket() === true ? `unix://${socket}` : undefined;
}

/** A service writes to one storage, which must be the one that is meant. */
async function expectStorage(client: EngineClient, spec: StorageSpec, text: string): Promise<void> {
  const info = await client.getJson(`${api}/info`, 'say which storage it has');
  const store = memberOf(info, 'store');
  const [root, driver] = [memberOf(store, 'graphRoot'), memberOf(store, 'graphDriverName')];
  if (root === spec.graphRoot && (spec.driver === undefined || driver === spec.driver)) return;
  throw readOnly(`${text} cannot be written: ${client.name} has the storage ${String(root)} (${String(driver)})`, spec);
}

function memberOf(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) ? value[key] : undefined;
}

function readOnly(message: string, { driver, graphRoot }: StorageSpec): UnsupportedError {
  const flags = `--root ${graphRoot}${driver === undefined ? '' : ` --storage-driver ${driver}`}`;
  return new UnsupportedError(message, {
    code: 'STORAGE_READ_ONLY',
    side: 'destination',
    hint: `Start \`podman ${flags} system service\` (CONTAINER_HOST says where it listens), or write oci-archive:FILE and run \`podman load\`.`,
  });
}
