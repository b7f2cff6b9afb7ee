/** What every handler works with. */
import { type Digest, isDigest } from '../oci/digest.ts';
import type { KeyedLock } from './keyed-lock.ts';
import { errorReply, type RegistryRequest, type Reply } from './protocol.ts';
import type { RegistryStorage } from './storage/storage.ts';
import type { UploadWriters } from './upload-writers.ts';

export interface RegistryLimits {
  /** Bytes of a manifest. */
  readonly maxManifestBytes: number;
  /** Tags in one push of a manifest by digest. */
  readonly maxTagsPerPush: number;
  /** Descriptors in one answer to a referrers request. */
  readonly referrersPageSize: number;
  /** Whether an index may name manifests that the repository does not have. */
  readonly sparseIndexes: boolean;
  /** Bytes; announced as `OCI-Chunk-Min-Length`, not enforced. */
  readonly minChunkBytes: number | undefined;
}

export interface Context {
  readonly storage: RegistryStorage;
  readonly limits: RegistryLimits;
  /** By repository: manifests and tags change one after the other, so that conditions on them hold. */
  readonly repositoryLock: KeyedLock;
  readonly writers: UploadWriters;
  /** Whether whoever sent `request` may read `repository`. */
  mayPull(request: RegistryRequest, repository: string): Promise<boolean>;
}

export function blobPath(repository: string, digest: Digest): string {
  return `/v2/${repository}/blobs/${digest}`;
}

/** The digest that `text` is; otherwise the reply that says that it is none. */
export function readDigest(text: string | null): Digest | Reply {
  if (isDigest(text)) return text;
  const detail = { digest: text?.slice(0, 256) ?? '' };
  return errorReply(400, {
    code: 'DIGEST_INVALID',
    message: text === null ? 'a digest is missing' : 'not a sha256 or sha512 digest',
    detail,
  });
}

export function isReply(value: object | string): value is Reply {
  return typeof value === 'object';
}

export function nameUnknown(repository: string): Reply {
  return errorReply(404, {
    code: 'NAME_UNKNOWN',
    message: 'repository name not known to registry',
    detail: { name: repository },
  });
}

/** `n` of a paginated list: a number, undefined where it is absent, or a reply where it is neither. */
export function pageSize(query: URLSearchParams): number | undefined | Reply {
  const text = query.get('n');
  if (text === null) return undefined;
  const n = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(n)) return n;
  return errorReply(400, {
    code: 'PAGINATION_NUMBER_INVALID',
    message: 'invalid number of results requested',
    detail: { n: text.slice(0, 32) },
  });
}

/** The `link` header that leads to what follows `last` (RFC 8288). */
export function nextLink(path: string, query: Readonly<Record<string, string>>): { link: string } {
  return { link: `<${path}?${new URLSearchParams(query)}>; rel="next"` };
}
