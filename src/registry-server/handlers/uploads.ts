/**
 * Blobs on their way in: mount, one request, or a session of chunks that can be taken up again.
 *
 * Source: OCI Distribution Specification v1.1, "Pushing blobs", "Mounting a blob from another repository".
 */
import { isNoRoom } from '../../foundation/file-errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { blobPath, type Context, isReply, readDigest } from '../context.ts';
import { errorReply, type RegistryRequest, type Reply, reply } from '../protocol.ts';
import { chunkRange } from '../ranges.ts';
import { isRepositoryName } from '../route.ts';
import type { Upload } from '../storage/storage.ts';

/** POST to `/blobs/uploads/`. */
export async function beginUpload(context: Context, request: RegistryRequest, name: string): Promise<Reply> {
  const { query } = request;
  const mounted = await mount(context, request, name);
  if (mounted !== undefined) return mounted;

  const wanted = query.get('digest');
  const digest = wanted === null || query.has('mount') ? undefined : readDigest(wanted);
  if (digest !== undefined && isReply(digest)) return digest;
  const algorithm = digest?.startsWith('sha512:') || query.get('digest-algorithm') === 'sha512' ? 'sha512' : 'sha256';
  const upload = await context.storage.createUpload(name, algorithm);
  if (digest === undefined) {
    const { minChunkBytes } = context.limits;
    const hint = minChunkBytes === undefined ? {} : { 'oci-chunk-min-length': `${minChunkBytes}` };
    return reply(202, { ...sessionHeaders(name, upload), ...hint });
  }
  try {
    await upload.append(request.body);
  } catch (thrown) {
    // nobody knows the name of this session, so nobody could go on with it
    await upload.cancel();
    throw thrown;
  }
  return finish(name, upload, digest);
}

/** Undefined where no mount is asked for; a session where it cannot be done, as the specification wants. */
async function mount(context: Context, request: RegistryRequest, name: string): Promise<Reply | undefined> {
  const text = request.query.get('mount');
  if (text === null) return undefined;
  const digest = readDigest(text);
  if (isReply(digest)) return digest;
  const from = request.query.get('from') ?? '';
  const allowed = isRepositoryName(from) && (from === name || (await context.mayPull(request, from)));
  if (!allowed || !(await context.storage.mountBlob(name, digest, from))) return undefined;
  return created(name, digest);
}

/** PATCH of a session. */
export async function appendChunk(
  context: Context,
  request: RegistryRequest,
  name: string,
  id: string,
): Promise<Reply> {
  return withUpload(context, request, name, id, async (upload) => {
    return (await append(request, name, upload)) ?? reply(202, sessionHeaders(name, upload));
  });
}

/** PUT of a session, with a last chunk or without. */
export async function closeUpload(
  context: Context,
  request: RegistryRequest,
  name: string,
  id: string,
): Promise<Reply> {
  const digest = readDigest(request.query.get('digest'));
  if (isReply(digest)) return digest;
  return withUpload(context, request, name, id, async (upload) => {
    return (await append(request, name, upload)) ?? finish(name, upload, digest);
  });
}

/** GET of a session. */
export async function uploadStatus(context: Context, name: string, id: string): Promise<Reply> {
  const upload = await context.storage.upload(name, id);
  if (upload === undefined) return uploadUnknown(id);
  const { 'content-length': _, ...headers } = reply(204, sessionHeaders(name, upload)).headers;
  return { status: 204, headers };
}

/** DELETE of a session. */
export async function cancelUpload(
  context: Context,
  request: RegistryRequest,
  name: string,
  id: string,
): Promise<Reply> {
  return withUpload(context, request, name, id, async (upload) => {
    await upload.cancel();
    return { status: 204, headers: {} };
  });
}

async function withUpload(
  context: Context,
  request: RegistryRequest,
  name: string,
  id: string,
  work: (upload: Upload) => Promise<Reply>,
): Promise<Reply> {
  return context.writers.run(id, request.cut, async () => {
    const upload = await context.storage.upload(name, id);
    if (upload === undefined) return uploadUnknown(id);
    try {
      return await work(upload);
    } catch (thrown) {
      // what it holds is room that others need, and it would fail again
      if (isNoRoom(thrown)) await upload.cancel();
      throw thrown;
    }
  });
}

/** Takes the body of `request` as the next chunk; a reply where it is not. */
async function append(request: RegistryRequest, name: string, upload: Upload): Promise<Reply | undefined> {
  const header = request.headers['content-range'];
  if (header === undefined) {
    await upload.append(request.body);
    return undefined;
  }
  const range = chunkRange(header);
  if (range === undefined) {
    return errorReply(400, {
      code: 'BLOB_UPLOAD_INVALID',
      message: 'Content-Range is not of the form <first>-<last>',
      detail: { 'content-range': header.slice(0, 128) },
    });
  }
  const { offset } = upload;
  if (range.start !== offset) {
    const error = { code: 'BLOB_UPLOAD_INVALID', message: 'chunk out of order', detail: { offset } } as const;
    return errorReply(416, error, sessionHeaders(name, upload));
  }
  const size = range.end - range.start + 1;
  if (request.bodyLength !== undefined && request.bodyLength !== size) return sizeInvalid(size, request.bodyLength);
  await upload.append(request.body);
  const received = upload.offset - offset;
  if (received === size) return undefined;
  await upload.truncate(offset);
  return sizeInvalid(size, received);
}

async function finish(name: string, upload: Upload, digest: Digest): Promise<Reply> {
  const { offset } = upload;
  if (await upload.finish(digest)) return created(name, digest);
  return errorReply(400, {
    code: 'DIGEST_INVALID',
    message: 'provided digest did not match uploaded content',
    detail: { digest, size: offset },
  });
}

function created(name: string, digest: Digest): Reply {
  return reply(201, { location: blobPath(name, digest), 'docker-content-digest': digest });
}

function sessionHeaders(name: string, upload: Upload): Record<string, string> {
  return {
    location: `/v2/${name}/blobs/uploads/${upload.id}`,
    // an empty session has no last byte; `0-0` is what registries say then
    range: `0-${Math.max(0, upload.offset - 1)}`,
    'docker-upload-uuid': upload.id,
  };
}

function uploadUnknown(id: string): Reply {
  return errorReply(404, {
    code: 'BLOB_UPLOAD_UNKNOWN',
    message: 'blob upload unknown to registry',
    detail: { id: id.slice(0, 64) },
  });
}

function sizeInvalid(wanted: number, received: number): Reply {
  return errorReply(400, {
    code: 'SIZE_INVALID',
    message: 'provided length did not match content length',
    detail: { wanted, received },
  });
}
