/** From the text of an image name to its location. The only place that knows which transports there are. */
import { UnsupportedError, UsageError } from '../foundation/errors.ts';
import { parseReference, withDefaultTag } from '../oci/reference.ts';
import { containersStorageTransport } from './containers-storage/location.ts';
import { dirTransport } from './dir/location.ts';
import { dockerLocation, dockerTransport } from './docker/location.ts';
import { dockerArchiveTransport } from './docker-archive/location.ts';
import { dockerDaemonTransport } from './docker-daemon/location.ts';
import { ociTransport } from './oci/location.ts';
import { ociArchiveTransport } from './oci-archive/location.ts';
import { storeTransport } from './store/location.ts';
import type { ImageLocation, Transport } from './transport.ts';

const transports: readonly Transport[] = [
  dockerTransport,
  ociTransport,
  ociArchiveTransport,
  dockerArchiveTransport,
  dirTransport,
  dockerDaemonTransport,
  containersStorageTransport,
  storeTransport,
];

/** Transports that the peers have and sheaf does not speak yet. */
const known = new Set(['tarball', 'sif']);

/** Parses `transport:rest`; `undefined` where the text names no transport. Throws UsageError, UnsupportedError. */
export function parseLocation(text: string): ImageLocation | undefined {
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  const name = text.slice(0, colon);
  const transport = transports.find((one) => one.name === name);
  if (transport !== undefined) return transport.parse(text.slice(colon + 1));
  if (known.has(name)) {
    throw new UnsupportedError(`cannot use "${text}": the transport ${name}: is not supported yet`, {
      code: 'UNSUPPORTED_TRANSPORT',
      hint: `Supported are ${transports.map((one) => `${one.name}:`).join(', ')}.`,
    });
  }
  if (text.startsWith('//', colon + 1)) {
    throw new UsageError(`invalid image name "${text}", unknown transport "${name}"`, {
      code: 'UNKNOWN_TRANSPORT',
      hint: `Supported are ${transports.map((one) => `${one.name}:`).join(', ')}.`,
    });
  }
  return undefined;
}

/** Parses a destination: `transport:rest`, or a bare name, which is taken as `docker://`. */
export function parseDestination(text: string): ImageLocation {
  return parseLocation(text) ?? dockerLocation(withDefaultTag(parseReference(text)));
}

/** Parses `transport:rest`, and nothing else. Throws UsageError. */
export function locate(text: string): ImageLocation {
  const location = parseLocation(text);
  if (location !== undefined) return location;
  throw new UsageError(`"${text}" names no transport`, {
    code: 'UNKNOWN_TRANSPORT',
    hint: `Supported are ${transports.map((one) => `${one.name}:`).join(', ')}.`,
  });
}
