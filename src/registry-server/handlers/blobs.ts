/**
 * Reading and deleting blobs.
 *
 * Source: OCI Distribution Specification v1.1, "Pulling blobs", "Deleting Blobs"; RFC 9110, section 14 (ranges).
 */
import { type Context, isReply, readDigest } from '../context.ts';
import { etagOf, isUnmodified } from '../preconditions.ts';
import { errorReply, type RegistryRequest, type Reply, reply } from '../protocol.ts';
import { requestedRange } from '../ranges.ts';

export async function readBlob(context: Context, request: RegistryRequest, name: string, text: string): Promise<Reply> {
  const digest = readDigest(text);
  if (isReply(digest)) return digest;
  const blob = await context.storage.blob(name, digest);
  if (blob === undefined) return blobUnknown(digest);

  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag: etagOf(digest),
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000',
  };
  if (isUnmodified(request.headers, digest)) return { status: 304, headers };
  const range = rangeOf(request, blob.size, etagOf(digest));
  if (range === 'unsatisfiable') {
    const error = { code: 'SIZE_INVALID', message: 'the blob has no such range', detail: { size: blob.size } } as const;
    return errorReply(416, error, { 'content-range': `bytes */${blob.size}` });
  }
  if (range === 'whole') return reply(200, { ...headers, 'content-length': `${blob.size}` }, () => blob.open());
  const partHeaders = {
    ...headers,
    'content-length': `${range.end - range.start + 1}`,
    'content-range': `bytes ${range.start}-${range.end}/${blob.size}`,
  };
  return reply(206, partHeaders, () => blob.open(range));
}

function rangeOf(request: RegistryRequest, size: number, etag: string): ReturnType<typeof requestedRange> {
  if (request.method !== 'GET') return 'whole';
  const condition = request.headers['if-range'];
  if (condition !== undefined && condition !== etag) return 'whole';
  return requestedRange(request.headers.range, size);
}

export async function deleteBlob(context: Context, name: string, text: string): Promise<Reply> {
  const digest = readDigest(text);
  if (isReply(digest)) return digest;
  return (await context.storage.deleteBlob(name, digest)) ? reply(202) : blobUnknown(digest);
}

function blobUnknown(digest: string): Reply {
  return errorReply(404, { code: 'BLOB_UNKNOWN', message: 'blob unknown to registry', detail: { digest } });
}
