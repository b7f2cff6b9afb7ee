/**
 * From a path to what it names. Nothing that does not match the grammar of the specification gets any further, so no
 * handler and no storage ever sees a name with `..`, an empty component or a separator in it.
 *
 * Source: OCI Distribution Specification v1.1, "Pulling manifests" (grammar of names and tags) and "Endpoints".
 */
import { type ErrorEntry, errorReply, type Reply } from './protocol.ts';

export type Route =
  | { kind: 'base' }
  | { kind: 'catalog' }
  | { kind: 'manifest'; repository: string; reference: string }
  | { kind: 'blob'; repository: string; digest: string }
  | { kind: 'uploads'; repository: string }
  | { kind: 'upload'; repository: string; id: string }
  | { kind: 'tags'; repository: string }
  | { kind: 'referrers'; repository: string; digest: string };

const namePattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const maxNameLength = 255;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Whether `text` can name a repository. */
export function isRepositoryName(text: string): boolean {
  return text.length <= maxNameLength && namePattern.test(text);
}

export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

const endpoints: ReadonlyArray<[RegExp, (repository: string, rest: string) => Route]> = [
  [/^\/v2\/(.+)\/blobs\/uploads\/?$/, (repository) => ({ kind: 'uploads', repository })],
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, (repository, id) => ({ kind: 'upload', repository, id })],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, (repository, digest) => ({ kind: 'blob', repository, digest })],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, (repository, reference) => ({ kind: 'manifest', repository, reference })],
  [/^\/v2\/(.+)\/tags\/list$/, (repository) => ({ kind: 'tags', repository })],
  [/^\/v2\/(.+)\/referrers\/([^/]+)$/, (repository, digest) => ({ kind: 'referrers', repository, digest })],
];

/** What `path` (decoded, without query) names, or the reply that says why it names nothing. */
export function routeOf(path: string): { route: Route } | { refusal: Reply } {
  if (path === '/v2/' || path === '/v2') return { route: { kind: 'base' } };
  if (path === '/v2/_catalog') return { route: { kind: 'catalog' } };
  for (const [pattern, make] of endpoints) {
    const match = pattern.exec(path);
    if (match === null) continue;
    const [, repository = '', rest = ''] = match;
    if (!isRepositoryName(repository)) return { refusal: errorReply(400, invalidName(repository)) };
    return { route: make(repository, rest) };
  }
  return { refusal: errorReply(404, { code: 'UNSUPPORTED', message: 'this registry has no such endpoint' }) };
}

function invalidName(repository: string): ErrorEntry {
  return {
    code: 'NAME_INVALID',
    message: 'invalid repository name',
    detail: { name: repository.slice(0, maxNameLength + 1) },
  };
}
