/**
 * What one registry can do, as the OCI Distribution Specification v1.1 has it.
 */
import type { Readable } from 'node:stream';
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { RootCondition } from '../oci/root-condition.ts';
import { createHttp, type HttpEnv, rootPath } from './http.ts';
import { createRepository } from './repository.ts';

export interface RegistryClient {
  /** As the reference names it: `docker.io`, not the host of its API. */
  readonly host: string;
  /**
   * `use`: what it is wanted for; tokens are asked for accordingly, so that a push needs one and not two. Default
   * `pull`; a repository opened for `pull` can be pushed to all the same.
   */
  repository(name: string, use?: RepositoryUse): Repository;
  /**
   * `GET /v2/`, logging in where the registry asks for it: whether it takes our credentials at all. Throws AuthError and
   * RegistryError.
   */
  checkAccess(): Promise<void>;
}

export type RepositoryUse = 'pull' | 'push';

/** Part of a blob: bytes `start` to `end`, both inclusive; without `end` up to the last byte. */
export interface BlobRange {
  start: number;
  end?: number;
}

/** A blob to upload; it can be opened again, so that a try can follow a failed one. */
export interface UploadContent {
  readonly descriptor: { readonly digest: Digest; readonly size: number };
  /** All of it, where it is in memory anyway: sent as it is, which costs far less than a stream for something small. */
  readonly bytes?: Uint8Array;
  /** A new stream of the bytes from `offset` (default 0) to the end. */
  open(offset?: number): Promise<Readable>;
}

export interface UploadOptions {
  /**
   * The location of an upload that was begun earlier (perhaps by another run); gone on with where the registry still
   * has it.
   */
  session?: string;
  /**
   * Told the location under which the upload can be gone on with, each time it changes. May hold secrets of the
   * registry.
   */
  onSession?(location: string): void;
  /**
   * Sends nothing where the registry has the blob already: the request that begins the upload asks whether it can be mounted from
   * this very repository, at no cost. A registry without mounting gets all of it.
   */
  unlessThere?: boolean;
}

/**
 * One repository of a registry. All methods throw AuthError (credentials missing, wrong, not sufficient), RegistryError
 * (anything else that the registry or the way to it does wrong, after retries) and CancelledError.
 */
export interface Repository {
  readonly host: string;
  readonly name: string;
  /**
   * `GET /v2/<name>/manifests/<reference>`. The bytes have been checked against the digest in `reference` and against
   * the registry's `Docker-Content-Digest`. Throws NotFoundError MANIFEST_UNKNOWN, IntegrityError (wrong digest,
   * MANIFEST_TOO_LARGE, not JSON, ambiguous, unknown type), UnsupportedError (schema 1).
   */
  getManifest(reference: string, options?: { maxBytes?: number }): Promise<RawManifest>;
  /** `HEAD` of the same, or `GET` where the answer to that says too little; `undefined` where there is none. */
  headManifest(reference: string): Promise<Descriptor | undefined>;
  /**
   * `PUT` of the bytes. `subject` is the subject that the registry says it has linked (`OCI-Subject`). Throws
   * IntegrityError when the registry took something else than it was given. With `onlyIf` a conditional request (RFC 9110,
   * section 13.1): throws ConflictError UNEXPECTED_DIGEST where the registry knows such and the condition does not hold.
   */
  putManifest(reference: string, manifest: RawManifest, onlyIf?: RootCondition): Promise<{ subject?: Digest }>;
  /** Throws NotFoundError, and UnsupportedError where the registry does not allow it. */
  deleteManifest(reference: string): Promise<void>;
  /**
   * Whether the blob is there, and its size in bytes where the registry tells it; a registry that does not answer HEAD does not
   * say so.
   */
  headBlob(digest: Digest): Promise<{ size: number | undefined } | undefined>;
  /**
   * A stream of the blob's bytes, or of a range of them; a connection that is cut on the way is made again and read on
   * from there. What it holds is **not** checked against the digest. `size` is that of the stream, where it is known.
   * A blob that comes with `Content-Encoding: gzip` is given without, unless it has `blobSize` bytes as it comes: storages
   * say so of layers that are compressed themselves, too. Throws NotFoundError BLOB_UNKNOWN.
   */
  openBlob(digest: Digest, range?: BlobRange, blobSize?: number): Promise<{ body: Readable; size?: number }>;
  /**
   * Takes the blob over from the repository `from` of the same registry. `false` where the registry did not; the upload
   * that it began in place of that is used by the next {@link uploadBlob} of the digest.
   */
  mountBlob(digest: Digest, from: string): Promise<boolean>;
  /**
   * Uploads a blob; goes on at the offset that the registry reports after a cut. Errors of `open()` come out as they
   * are.
   */
  uploadBlob(blob: UploadContent, options?: UploadOptions): Promise<void>;
  /** All tags, page by page, in the registry's order. Throws NotFoundError NAME_UNKNOWN. */
  tags(options?: { pageSize?: number }): AsyncIterable<string>;
  /**
   * Whether the registry says that it knows no repository of this name (NAME_UNKNOWN): no tag is there then, though there may be
   * blobs. `false` where it says anything else, or nothing; asked once, without a second try.
   */
  isUnknown(): Promise<boolean>;
  /** So many requests are about to begin at once: makes connections for them, as far as they will not have to wait for one another. */
  prepare(count: number): void;
  /**
   * Descriptors of the manifests whose `subject` is `digest`, all or those of one `artifactType`. Where the registry
   * has no referrers API (asked once a run), those of the tag that stands in for it; `hasTags` tells whether there can be one.
   */
  referrers(
    digest: Digest,
    options?: { readonly artifactType?: string; hasTags?(): Promise<boolean> },
  ): Promise<Descriptor[]>;
  /** Whether the registry keeps simple signatures itself (`X-Registry-Supports-Signatures`); asked once a run. */
  keepsSignatures(): Promise<boolean>;
  /** `GET /extensions/v2/<name>/signatures/<digest>` of such a registry; at most 4 MiB. Throws IntegrityError. */
  getSignatures(digest: Digest): Promise<Uint8Array>;
  /** `PUT` of one signature, as the JSON document of the extension. */
  putSignature(digest: Digest, document: Uint8Array): Promise<void>;
  /**
   * `GET` of a file on any web server, with what is known of certificates and proxies but without credentials; `undefined`
   * for a 404. Throws IntegrityError SIGNATURE_TOO_LARGE above `maxBytes`.
   */
  getFile(url: URL, maxBytes: number): Promise<Uint8Array | undefined>;
}

export function createRegistryClient(host: string, env: HttpEnv): RegistryClient {
  const http = createHttp(host, env);
  const repositories = new Map<string, Repository>();
  return {
    host,
    repository(name, use = 'pull') {
      const key = `${use} ${name}`;
      let repository = repositories.get(key);
      if (repository === undefined) {
        repository = createRepository(http, name, use, env.settings.uploads ?? {});
        repositories.set(key, repository);
      }
      return repository;
    },
    checkAccess: () =>
      http.send(
        { method: 'GET', target: rootPath, grant: { repository: '', scopes: [] }, what: `log in to ${host}` },
        (answer) => http.discard(answer),
      ),
  };
}
