/**
 * Which manifests refer to a given one.
 *
 * Source: OCI Distribution Specification v1.1, "Listing Referrers".
 */
import type { Digest } from '../../oci/digest.ts';
import { type Context, isReply, nextLink, readDigest } from '../context.ts';
import { indexMediaType, readManifest } from '../manifest-document.ts';
import { jsonReply, type RegistryRequest, type Reply } from '../protocol.ts';

interface ReferrerDescriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  artifactType?: string;
  annotations?: Readonly<Record<string, unknown>>;
}

export async function listReferrers(
  context: Context,
  request: RegistryRequest,
  name: string,
  text: string,
): Promise<Reply> {
  const subject = readDigest(text);
  if (isReply(subject)) return subject;
  const { storage, limits } = context;
  const { path, query } = request;
  const artifactType = query.get('artifactType') || undefined;
  const last = query.get('last');
  const digests = (await storage.referrers(name, subject)).sort().filter((digest) => last === null || digest > last);

  const manifests: ReferrerDescriptor[] = [];
  let bytes = 0;
  let next: string | undefined;
  for (const digest of digests) {
    const descriptor = await describe(context, name, digest);
    if (descriptor === undefined || (artifactType !== undefined && descriptor.artifactType !== artifactType)) continue;
    bytes += JSON.stringify(descriptor).length;
    const full = manifests.length === limits.referrersPageSize || bytes > limits.maxManifestBytes / 2;
    if (full && manifests.length > 0) {
      next = manifests.at(-1)?.digest;
      break;
    }
    manifests.push(descriptor);
  }
  return jsonReply(
    200,
    { schemaVersion: 2, mediaType: indexMediaType, manifests },
    {
      'content-type': indexMediaType,
      ...(artifactType === undefined ? {} : { 'oci-filters-applied': 'artifactType' }),
      ...(next === undefined ? {} : nextLink(path, { ...(artifactType ? { artifactType } : {}), last: next })),
    },
  );
}

async function describe(context: Context, name: string, digest: Digest): Promise<ReferrerDescriptor | undefined> {
  const manifest = await context.storage.manifest(name, digest);
  if (manifest === undefined) return undefined;
  const document = readManifest(await manifest.read(), manifest.mediaType);
  if ('problem' in document) return undefined;
  const { mediaType, artifactType, annotations } = document;
  return {
    mediaType,
    digest,
    size: manifest.size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
