/** Which blobs of a layout are needed: everything that index.json leads to, in either direction. */
import { IntegrityError } from '../../foundation/errors.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { ImageIndex } from '../../oci/image-index.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import { MAX_MANIFEST_BYTES } from '../../oci/manifest.ts';
import { isIndexType, isManifestType } from '../../oci/media-types.ts';
import { blobName } from './layout.ts';
import type { LayoutFiles } from './layout-files.ts';

/** A descriptor as far as it matters here. */
interface Named {
  readonly digest: Digest;
  readonly mediaType: string;
}

/**
 * What `entries` name, and what these name in turn: nested indexes, configs, layers, subjects, whatever else is described by a
 * digest. Of the other blobs of the layout (`present`) those documents that have one of these for their subject, with all that
 * they name. What is named and not there is no fault. Throws IntegrityError where a manifest that is needed cannot be read.
 */
export async function reachable(
  files: LayoutFiles,
  entries: ImageIndex['manifests'],
  present: readonly Digest[],
): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  const follow = async (roots: readonly Named[]): Promise<void> => {
    const waiting = [...roots];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (found.has(next.digest)) continue;
      found.add(next.digest);
      const document = await readDocument(files, next);
      if (document !== undefined) waiting.push(...descriptorsIn(document));
    }
  };
  await follow(entries);
  // a referrer may have referrers of its own
  const subjects = await subjectsOf(files, present, found);
  for (let more = true; more; ) {
    more = false;
    for (const [digest, { subject, mediaType }] of subjects) {
      if (found.has(digest) || !found.has(subject)) continue;
      await follow([{ digest, mediaType }]);
      more = true;
    }
  }
  return found;
}

/** Where a blob is a document that may name others. */
async function readDocument(files: LayoutFiles, { digest, mediaType }: Named): Promise<JsonValue | undefined> {
  const isManifest = isManifestType(mediaType) || isIndexType(mediaType);
  if (!isManifest && !/json$/.test(mediaType)) return undefined;
  const size = await files.size(blobName(digest));
  if (size === undefined) return undefined;
  if (size > MAX_MANIFEST_BYTES && !isManifest) return undefined;
  const bytes = await files.read(blobName(digest), MAX_MANIFEST_BYTES);
  try {
    return bytes && parseJson(bytes, `${digest} in ${files.where}`);
  } catch (thrown) {
    if (isManifest || !(thrown instanceof IntegrityError)) throw thrown;
    return undefined;
  }
}

/** Every object with a digest, however deep: also in fields that nobody knows yet. */
function descriptorsIn(document: JsonValue): Named[] {
  if (Array.isArray(document)) return document.flatMap((value: JsonValue) => descriptorsIn(value));
  if (!isJsonObject(document)) return [];
  const { digest, mediaType } = document;
  const own = isDigest(digest) ? [{ digest, mediaType: typeof mediaType === 'string' ? mediaType : 'json' }] : [];
  return [...own, ...Object.values(document).flatMap(descriptorsIn)];
}

/** Documents among the blobs that nothing leads to, and what each has for its subject. */
async function subjectsOf(
  files: LayoutFiles,
  present: readonly Digest[],
  found: ReadonlySet<Digest>,
): Promise<Map<Digest, { subject: Digest; mediaType: string }>> {
  const subjects = new Map<Digest, { subject: Digest; mediaType: string }>();
  for (const digest of present) {
    if (found.has(digest)) continue;
    const size = await files.size(blobName(digest));
    if (size === undefined || size > MAX_MANIFEST_BYTES) continue;
    const bytes = await files.read(blobName(digest), MAX_MANIFEST_BYTES);
    // most are layers: they are told by their first byte
    if (bytes?.[0] !== 0x7b) continue;
    const document = readable(bytes);
    const described = isJsonObject(document) ? document['subject'] : undefined;
    const subject = isJsonObject(described) ? described['digest'] : undefined;
    const mediaType = isJsonObject(document) ? document['mediaType'] : undefined;
    if (isDigest(subject))
      subjects.set(digest, { subject, mediaType: typeof mediaType === 'string' ? mediaType : 'json' });
  }
  return subjects;
}

function readable(bytes: Uint8Array): JsonValue | undefined {
  try {
    return parseJson(bytes, 'a blob');
  } catch {
    return undefined;
  }
}
