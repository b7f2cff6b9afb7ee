/**
 * Content-addressed blobs: `blobs/<algorithm>/<hex>`, as in an OCI image layout (OCI Image Specification v1.1,
 * image-layout.md, "Content"). A file under that name is whole and has that digest: it is written elsewhere, hashed
 * on the way, fsynced and only then renamed. Whoever reads checks the bytes once more (the verified source does).
 *
 * What is put stays as long as a lease or a list holds it: see leases.ts.
 */
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { BugError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';

/** What is known of a blob once it is kept. */
export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface PutOptions {
  /** What the bytes must have; else IntegrityError and nothing is kept. */
  readonly digest?: Digest;
  /** Bytes that there must be; else IntegrityError and nothing is kept. */
  readonly size?: number;
  /** Of the digest to compute, where `digest` does not say it. Default `sha256`. */
  readonly algorithm?: 'sha256' | 'sha512';
  /** ID of the lease that keeps the blob until a list does. Default: a lease that ends when the store is closed. */
  readonly lease?: string;
  /** Takes the place of a blob that is there: its file is known to be damaged. */
  readonly replace?: boolean;
}

/** Bytes `start` to `end`, both inclusive; without `end` up to the last byte. */
export interface ContentRange {
  readonly start: number;
  readonly end?: number;
}

/** Every method throws StorageError when the disk fails. */
export interface ContentStore {
  /** Where the file of a blob is, or would be. */
  path(digest: Digest): string;
  has(digest: Digest): Promise<boolean>;
  /** Bytes; `undefined` when the blob is not there. */
  size(digest: Digest): Promise<number | undefined>;
  /** A stream of the bytes as they are on disk. Throws NotFoundError BLOB_NOT_FOUND. */
  open(digest: Digest, range?: ContentRange): Promise<Readable>;
  /** The whole blob. Throws NotFoundError BLOB_NOT_FOUND, IntegrityError BLOB_TOO_LARGE above `maxBytes`. */
  read(digest: Digest, maxBytes: number): Promise<Uint8Array>;
  /** Keeps `bytes`. Throws IntegrityError DIGEST_MISMATCH or SIZE_MISMATCH. */
  putBytes(bytes: Uint8Array, options?: Omit<PutOptions, 'replace'>): Promise<StoredBlob>;
  /** Keeps many small blobs at once, for the price of one transaction. Results are in the order of `blobs`. */
  putAll(
    blobs: ReadonlyArray<{ readonly bytes: Uint8Array; readonly digest?: Digest }>,
    options?: Pick<PutOptions, 'algorithm' | 'lease'>,
  ): Promise<StoredBlob[]>;
  /**
   * Keeps what `stream` gives, to its end. A blob that is known by `options.digest` and is there already is not read
   * (but with `options.replace`): the stream is destroyed. Errors of the stream pass through unchanged. Throws IntegrityError DIGEST_MISMATCH or
   * SIZE_MISMATCH.
   */
  putStream(stream: Readable, options?: PutOptions): Promise<StoredBlob>;
  /** Takes a blob away. Throws ConflictError BLOB_IN_USE when a list or a lease holds it. */
  remove(digest: Digest): Promise<void>;
}

/** Where the file of a blob is in a store. */
export function blobPath(dir: string, digest: Digest): string {
  // a digest becomes part of a path here: nothing but a digest may
  const match = /^(sha256|sha512):([0-9a-f]{64}|[0-9a-f]{128})$/.exec(digest);
  if (match?.[1] === undefined || match[2] === undefined)
    throw new BugError(`${JSON.stringify(digest)} is not a digest`);
  return join(dir, 'blobs', match[1], match[2]);
}
