/** What the parts of one repository share. */
import { RegistryError } from '../foundation/errors.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import type { Grant } from './authorization.ts';
import { type Answer, headerOf, isGzipped } from './exchange.ts';
import type { Http } from './http.ts';
import { looksLikeHtml } from './registry-error.ts';

export interface RepositoryContext {
  http: Http;
  name: string;
  /** For messages: `127.0.0.1:5000/a/b`. */
  label: string;
  /** Path of the repository below the root: `/v2/a/b`. */
  path: string;
  grants: { read: Grant; write: Grant; remove: Grant };
}

export function repositoryContext(http: Http, name: string, use: 'pull' | 'push'): RepositoryContext {
  const grant = (actions: string): Grant => ({ repository: name, scopes: [`repository:${name}:${actions}`] });
  const write = grant('pull,push');
  return {
    http,
    name,
    label: `${http.host}/${name}`,
    path: `/v2/${name.split('/').map(encodeURIComponent).join('/')}`,
    grants: { read: use === 'push' ? write : grant('pull'), write, remove: grant('*') },
  };
}

/** The text of a tag or digest below a repository, for messages. */
export function named(context: RepositoryContext, reference: string): string {
  return `${context.label}${reference.includes(':') ? '@' : ':'}${reference}`;
}

/**
 * The registry's own word for the digest of what it gave or took; `undefined` where it gives none that we understand.
 */
export function contentDigest(answer: Answer): Digest | undefined {
  const digest = headerOf(answer, 'docker-content-digest')?.trim();
  return isDigest(digest) ? digest : undefined;
}

/** The size that the head of an answer declares, in bytes; that of a compressed answer would say nothing. */
export function contentLength(answer: Answer): number | undefined {
  if (isGzipped(answer)) return undefined;
  const text = headerOf(answer, 'content-length');
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Throws RegistryError NOT_A_REGISTRY when a good answer turns out to be a web page. */
export function refuseHtml(answer: Answer, bytes: Uint8Array, what: string): void {
  if (!looksLikeHtml(headerOf(answer, 'content-type'), bytes)) return;
  throw new RegistryError(`cannot ${what}: ${answer.url.host} answered with a web page`, {
    code: 'NOT_A_REGISTRY',
    status: answer.status,
    hint: 'Is this a registry? Check the host, the port and the path.',
  });
}
