/**
 * Reading, writing and deleting manifests and tags.
 *
 * Source: OCI Distribution Specification v1.1, "Pulling manifests", "Pushing Manifests", "Deleting tags", "Deleting
 * Manifests"; from its main branch the `tag` parameter of a push by digest; RFC 9110, section 13 (conditions).
 */
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts';
import { type Context, isReply, readDigest } from '../context.ts';
import { type ContentReference, type ManifestDocument, readManifest } from '../manifest-document.ts';
import { changeAllowed, etagOf, isUnmodified } from '../preconditions.ts';
import { type ErrorCode, errorReply, type RegistryRequest, type Reply, reply } from '../protocol.ts';
import { isTag } from '../route.ts';

type Reference = { tag: string } | { digest: Digest };

/** A colon is in every digest and in no tag. */
function readReference(text: string): Reference | Reply {
  if (text.includes(':')) {
    const digest = readDigest(text);
    return isReply(digest) ? digest : { digest };
  }
  return isTag(text) ? { tag: text } : refuse(400, 'TAG_INVALID', 'not a tag', { tag: text.slice(0, 256) });
}

export async function readManifestAt(
  context: Context,
  request: RegistryRequest,
  name: string,
  text: string,
): Promise<Reply> {
  const { storage } = context;
  const reference = readReference(text);
  // what cannot be a tag is no tag that exists: reading it is not an error of the request
  if ('status' in reference) return text.includes(':') ? reference : manifestUnknown(name, text);
  const digest = 'digest' in reference ? reference.digest : await storage.tag(name, reference.tag);
  const manifest = digest && (await storage.manifest(name, digest));
  if (!manifest) return manifestUnknown(name, text);
  const headers = {
    'content-type': manifest.mediaType,
    'docker-content-digest': manifest.digest,
    etag: etagOf(manifest.digest),
  };
  if (isUnmodified(request.headers, manifest.digest)) return { status: 304, headers };
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield await manifest.read();
  };
  return reply(200, { ...headers, 'content-length': `${manifest.size}` }, open);
}

export async function writeManifest(
  context: Context,
  request: RegistryRequest,
  name: string,
  text: string,
): Promise<Reply> {
  const reference = readReference(text);
  if ('status' in reference) return reference;
  const tags = tagsOf(context, request, reference);
  if ('status' in tags) return tags;

  const bytes = await readBody(request, context.limits.maxManifestBytes);
  if (bytes === 'too large') {
    const message = `manifest is larger than ${context.limits.maxManifestBytes} bytes`;
    return errorReply(413, { code: 'SIZE_INVALID', message });
  }
  const digest = digestOf(bytes, 'digest' in reference ? algorithmOf(reference.digest) : 'sha256');
  if ('digest' in reference && reference.digest !== digest) {
    return refuse(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content', {
      provided: reference.digest,
      content: digest,
    });
  }
  const document = readManifest(bytes, request.headers['content-type']);
  if ('problem' in document) return refuse(400, 'MANIFEST_INVALID', document.problem);

  return context.repositoryLock.run(name, async () => {
    const current = await currentOf(context, name, reference);
    if (!changeAllowed(request.headers, current)) return preconditionFailed(current);
    const missing = await missingOf(context, name, document);
    if (missing.length > 0) return errorReply(400, missing.map(blobUnknown));
    await context.storage.putManifest(name, { digest, bytes, ...document });
    for (const tag of tags) await context.storage.putTag(name, tag, digest);
    return reply(201, {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
      etag: etagOf(digest),
      ...(document.subject === undefined ? {} : { 'oci-subject': document.subject }),
      ...('digest' in reference && tags.length > 0 ? { 'oci-tag': tags } : {}),
    });
  });
}

/** The tags that a push sets: the one in its path, or those in its query beside a digest. */
function tagsOf(context: Context, request: RegistryRequest, reference: Reference): readonly string[] | Reply {
  const asked = request.query.getAll('tag');
  if ('tag' in reference) {
    return asked.length === 0
      ? [reference.tag]
      : refuse(400, 'TAG_INVALID', 'the tag parameter goes with a push by digest');
  }
  if (asked.length > context.limits.maxTagsPerPush) {
    return refuse(414, 'TAG_INVALID', `more than ${context.limits.maxTagsPerPush} tags in one push`);
  }
  const bad = asked.find((tag) => !isTag(tag));
  return bad === undefined ? [...new Set(asked)] : refuse(400, 'TAG_INVALID', 'not a tag', { tag: bad.slice(0, 256) });
}

export async function deleteManifestAt(
  context: Context,
  request: RegistryRequest,
  name: string,
  text: string,
): Promise<Reply> {
  const reference = readReference(text);
  if ('status' in reference) return reference;
  return context.repositoryLock.run(name, async () => {
    const current = await currentOf(context, name, reference);
    if (current === undefined) return manifestUnknown(name, text);
    if (!changeAllowed(request.headers, current)) return preconditionFailed(current);
    if ('tag' in reference) await context.storage.deleteTag(name, reference.tag);
    else await context.storage.deleteManifest(name, reference.digest);
    return reply(202);
  });
}

/** What `reference` names at present. */
async function currentOf({ storage }: Context, name: string, reference: Reference): Promise<Digest | undefined> {
  if ('tag' in reference) return storage.tag(name, reference.tag);
  return (await storage.manifest(name, reference.digest))?.digest;
}

async function missingOf(
  { storage, limits }: Context,
  name: string,
  document: ManifestDocument,
): Promise<ContentReference[]> {
  const missing: ContentReference[] = [];
  for (const reference of document.references) {
    if (reference.kind === 'manifest') {
      if (!limits.sparseIndexes && !(await storage.manifest(name, reference.digest))) missing.push(reference);
    } else if (!(await storage.blob(name, reference.digest))) missing.push(reference);
  }
  return missing;
}

async function readBody(request: RegistryRequest, limit: number): Promise<Uint8Array | 'too large'> {
  if ((request.bodyLength ?? 0) > limit) return 'too large';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > limit) return 'too large';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function blobUnknown({ digest, kind }: ContentReference) {
  const code: ErrorCode = 'MANIFEST_BLOB_UNKNOWN';
  return { code, message: `${kind} unknown to registry`, detail: { digest } };
}

function manifestUnknown(name: string, reference: string): Reply {
  return refuse(404, 'MANIFEST_UNKNOWN', 'manifest unknown to registry', { name, reference: reference.slice(0, 256) });
}

function preconditionFailed(current: Digest | undefined): Reply {
  const error = {
    code: 'PRECONDITION_FAILED',
    message: 'the manifest is not the one that the request expects',
    detail: { current: current ?? null },
  } as const;
  return errorReply(412, error, current === undefined ? {} : { etag: etagOf(current) });
}

function refuse(status: number, code: ErrorCode, message: string, detail?: Record<string, unknown>): Reply {
  return errorReply(status, detail === undefined ? { code, message } : { code, message, detail });
}
