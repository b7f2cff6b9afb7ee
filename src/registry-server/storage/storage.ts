/**
 * What a registry keeps, behind one interface: in memory or in a folder. Names that come in have passed the grammar of
 * `route.ts`. Every change is whole or not there at all, also when the process is killed in the middle of it.
 */
import type { Digest } from '../../oci/digest.ts';
import type { ByteRange } from '../ranges.ts';

/** Pieces of any size, in order. */
export type ByteStream = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface StoredBlob {
  /** Bytes. */
  readonly size: number;
  open(range?: ByteRange): ByteStream;
}

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  read(): Promise<Uint8Array>;
}

/** A manifest on its way in. */
export interface NewManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** The manifest that this one refers to. */
  readonly subject?: Digest;
}

/** A blob on its way in. Not safe for two callers at once: `uploads.ts` sees to that. */
export interface Upload {
  readonly id: string;
  /** Bytes that have arrived. */
  readonly offset: number;
  /** Adds to the end. When `body` throws, what came before that is kept, and the error goes on to the caller. */
  append(body: AsyncIterable<Uint8Array>): Promise<void>;
  /** Forgets everything from `offset` on. */
  truncate(offset: number): Promise<void>;
  /** Makes it a blob of the repository if that is its digest. False: it is not. The upload is over either way. */
  finish(digest: Digest): Promise<boolean>;
  cancel(): Promise<void>;
}

export type DigestAlgorithm = 'sha256' | 'sha512';

export interface RegistryStorage {
  /** Whether anything was ever stored under that name. */
  hasRepository(repository: string): Promise<boolean>;
  /** In no order. */
  repositories(): Promise<string[]>;

  /** Only blobs that were pushed or mounted into `repository`. */
  blob(repository: string, digest: Digest): Promise<StoredBlob | undefined>;
  /** False when `from` does not have it. */
  mountBlob(repository: string, digest: Digest, from: string): Promise<boolean>;
  /** False when it was not there. */
  deleteBlob(repository: string, digest: Digest): Promise<boolean>;

  /** `algorithm` is a guess that saves reading everything once more at the end. */
  createUpload(repository: string, algorithm: DigestAlgorithm): Promise<Upload>;
  /** Also one that was begun before a restart. */
  upload(repository: string, id: string): Promise<Upload | undefined>;

  manifest(repository: string, digest: Digest): Promise<StoredManifest | undefined>;
  putManifest(repository: string, manifest: NewManifest): Promise<void>;
  /** With all tags that point to it. False when it was not there. */
  deleteManifest(repository: string, digest: Digest): Promise<boolean>;
  /** Manifests of `repository` whose subject is `subject`, in no order. */
  referrers(repository: string, subject: Digest): Promise<Digest[]>;

  tag(repository: string, tag: string): Promise<Digest | undefined>;
  putTag(repository: string, tag: string, digest: Digest): Promise<void>;
  /** False when it was not there. */
  deleteTag(repository: string, tag: string): Promise<boolean>;
  /** In no order. */
  tags(repository: string): Promise<string[]>;

  close(): Promise<void>;
}
