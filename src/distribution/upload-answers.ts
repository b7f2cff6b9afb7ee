/** What the answers to uploads say. */
import { IntegrityError, RegistryError } from '../foundation/errors.ts';
import { algorithmOf, type Digest } from '../oci/digest.ts';
import { type Answer, headerOf } from './exchange.ts';
import { parseUrl } from './hosts.ts';
import { printable } from './registry-error.ts';
import { contentDigest, named, type RepositoryContext } from './repository-context.ts';

/**
 * The last byte that the registry has, as `Range: 0-99` says; the spec has no unit there, some registries write
 * `bytes=`.
 */
export function rangeEnd(answer: Answer): number | undefined {
  const match = /^(?:bytes[= ])?0-(\d{1,15})$/.exec(headerOf(answer, 'range')?.trim() ?? '');
  return match === null ? undefined : Number(match[1]);
}

/** Where the registry wants the upload. A registry behind a proxy often does not know that it is reached over TLS. */
export function uploadLocation(answer: Answer, what: string): URL {
  const location = headerOf(answer, 'location');
  const bad = (why: string): RegistryError =>
    new RegistryError(`cannot ${what}: ${answer.url.host} ${why}`, {
      code: 'BAD_LOCATION',
      status: answer.status,
      hint: 'Check the name of the registry and what stands before it.',
    });
  if (location === undefined) throw bad('did not say where to upload to (no Location)');
  const url = parseUrl(location, answer.url);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw bad(`wants the upload at "${printable(location, 100)}", which is not a web address`);
  }
  url.hash = '';
  url.username = '';
  url.password = '';
  if (url.host === answer.url.host) url.protocol = answer.url.protocol;
  if (answer.url.protocol === 'https:' && url.protocol === 'http:')
    throw bad(`wants the upload over plain HTTP (${url.host})`);
  return url;
}

/** Throws IntegrityError when the registry names another digest for a blob that it took. */
export function refuseOtherDigest(context: RepositoryContext, digest: Digest, answer: Answer): void {
  const taken = contentDigest(answer);
  if (taken === undefined || taken === digest || algorithmOf(taken) !== algorithmOf(digest)) return;
  throw new IntegrityError(`the registry took the blob ${named(context, digest)} as ${taken}`, {
    code: 'DIGEST_MISMATCH',
    hint: 'The registry, or something on the way to it, is damaged or lies.',
  });
}
