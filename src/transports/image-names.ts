/** From the text of an image name to its location. The only place that knows which transports there are. */
import { UnsupportedError, UsageError } from '../foundation/errors.ts';
import { hasUserInfo, redactName } from '../foundation/redaction.ts';
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

const supported = `Supported are ${transports.map((one) => `${one.name}:`).join(', ')}.`;

/** Transports that the peers have and sheaf does not speak yet. */
const known = new Set(['tarball', 'sif']);

const othersNames: ReadonlyMap<string, string> = new Map([
  ['http', 'docker://'],
  ['https', 'docker://'],
  ['ocidir', 'oci:'],
  ['oci-layout', 'oci:'],
]);

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
      hint: supported,
    });
  }
  // refused as a reference, without a guess that would show a password
  if (hasUserInfo(text)) return undefined;
  const meant = transports.find((one) => isSlipOf(name, one.name));
  // no port or tag begins like a path, and after a tag comes no second ":" but that of a digest
  const isReference = name.startsWith('[') || !/^(?:[./]|[^/@]*:)/.test(text.slice(colon + 1));
  if (isReference && (meant === undefined || name.length < leastSlip)) return undefined;
  const image = isReference ? ` An image of that name is docker://${text}.` : '';
  const slip = meant && `Did you mean ${meant.name}:${text.slice(colon + 1)}?${image}`;
  throw new UsageError(`invalid image name "${text}", unknown transport "${name}"`, {
    code: 'UNKNOWN_TRANSPORT',
    hint: ourName(name, text.slice(colon + 1)) ?? slip ?? supported,
  });
}

/** How a name that begins as in a browser or in another tool is written here. */
function ourName(name: string, rest: string): string | undefined {
  const begin = othersNames.get(name);
  return begin && `Write ${begin}${rest.replace(/^\/\//, '')}${name === 'http' ? ', with --tls-verify=false' : ''}.`;
}

/** The transport that `text` begins with, whether sheaf speaks it or not. */
export function transportOf(text: string): string | undefined {
  const name = text.split(':', 1)[0] ?? '';
  return name !== text && (known.has(name) || transports.some((one) => one.name === name)) ? name : undefined;
}

/** Shorter names are more often those of images than slips. */
const leastSlip = 7;

/** Whether `name` is `meant` with one letter too many, missing, wrong, or at the place of the next. */
function isSlipOf(name: string, meant: string): boolean {
  let at = 0;
  while (at < name.length && name[at] === meant[at]) at += 1;
  const [rest, wanted] = [name.slice(at), meant.slice(at)];
  const swapped = `${wanted[1] ?? ''}${wanted[0] ?? ''}${wanted.slice(2)}`;
  return rest.slice(1) === wanted || rest === wanted.slice(1) || rest.slice(1) === wanted.slice(1) || rest === swapped;
}

/** Parses a destination: `transport:rest`, or a bare name, which is taken as `docker://`. */
export function parseDestination(text: string): ImageLocation {
  return parseLocation(text) ?? dockerLocation(withDefaultTag(parseReference(text)));
}

/** Parses `transport:rest`, and nothing else. Throws UsageError. */
export function locate(text: string): ImageLocation {
  const location = parseLocation(text);
  if (location !== undefined) return location;
  throw new UsageError(`"${redactName(text)}" names no transport`, {
    code: 'UNKNOWN_TRANSPORT',
    hint: supported,
  });
}
