/**
 * Signatures that a storage keeps with the images that were pulled: one behind the other in one of the image's data, with their
 * sizes in its metadata. They speak of manifests as these came, with compressed layers, which the storage does not have.
 *
 * Source: containers/image storage/ (storageImageMetadata, "signatures", "signature-<hex>").
 */
import { IntegrityError, NotFoundError, SheafError } from '../../foundation/errors.ts';
import type { RawManifest } from '../../oci/descriptor.ts';
import { type Digest, digestOf, encodedOf, isDigest } from '../../oci/digest.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import { MAX_MANIFEST_BYTES, rawManifest } from '../../oci/manifest.ts';
import { isIndexType } from '../../oci/media-types.ts';
import type { Reference } from '../../oci/reference.ts';
import type { ImageSignature } from '../../signing/signature.ts';
import { decodeSignatureBlob } from '../../signing/signature-blob.ts';
import { maxSignatureBytes, maxSignatures } from '../../signing/signature-store.ts';
import { findImage } from './find-image.ts';
import { parseStoragePlace, type StoragePlace } from './place.ts';
import { plainManifest } from './plain-manifest.ts';
import type { ImageRecord } from './records.ts';
import { openStorage, type Storage } from './storage.ts';

/** Bytes of all signatures of one manifest. */
const maxAllBytes = 16 << 20;

export interface KeptSigned {
  /** As it was pulled, which is what is signed. */
  readonly manifest: RawManifest;
  /** Of what sheaf makes of it: the same where the layers had no compression. */
  readonly served: Digest;
  readonly signatures: readonly ImageSignature[];
}

/**
 * Of all images of the storage. `text`: the name of one of them, which must not be damaged, whatever the others are. Throws
 * IntegrityError BAD_SIGNATURE, StorageError.
 */
export async function keptSignatures(text: string): Promise<readonly KeptSigned[]> {
  const place = placeOf(text);
  const storage = await openStorage(place.storage);
  const own = ownImage(storage, place, text);
  const found = storage.images.map(async (image) => {
    try {
      return await signedOf(storage, image);
    } catch (thrown) {
      if (image !== own && thrown instanceof SheafError) return [];
      throw thrown;
    }
  });
  return (await Promise.all(found)).flat();
}

/** One that is pinned by the digest under which it is handed out is in no record. */
function ownImage(storage: Storage, place: StoragePlace, text: string): ImageRecord | undefined {
  try {
    return findImage(storage, place, text);
  } catch (thrown) {
    if (thrown instanceof NotFoundError) return undefined;
    throw thrown;
  }
}

/** What one name means, as it was pulled. */
export interface KeptImage {
  readonly manifest: RawManifest;
  /** The name that was asked for; an ID is none. */
  readonly reference?: Reference;
  readonly signatures: readonly ImageSignature[];
}

/** Throws NotFoundError IMAGE_NOT_FOUND, IntegrityError BAD_SIGNATURE, StorageError. */
export async function keptImage(text: string): Promise<KeptImage> {
  const place = placeOf(text);
  const storage = await openStorage(place.storage);
  const image = findImage(storage, place, text);
  const wanted = place.digest ?? place.reference?.digest;
  const key = wanted === undefined ? 'manifest' : [...image.data].find(([, digest]) => digest === wanted)?.[0];
  const bytes = await storage.readData(image, key ?? 'manifest', MAX_MANIFEST_BYTES);
  const manifest = bytes && rawManifest(bytes);
  if (manifest === undefined || (wanted !== undefined && manifest.digest !== wanted)) {
    throw damaged(image, `its manifest ${wanted ?? ''} is not there`);
  }
  const signatures = (await blobsOf(storage, image, await mainDigest(storage, image))).get(manifest.digest) ?? [];
  const named = place.id === undefined && !isById(place, image) ? place.reference : undefined;
  return { manifest, signatures: decoded(signatures, image), ...(named === undefined ? {} : { reference: named }) };
}

/** Whether what may be the beginning of an ID was taken for one. */
function isById({ maybeId }: StoragePlace, { id }: ImageRecord): boolean {
  return maybeId !== undefined && id.startsWith(maybeId);
}

function placeOf(text: string): StoragePlace {
  return parseStoragePlace(text.slice('containers-storage:'.length));
}

async function signedOf(storage: Storage, image: ImageRecord): Promise<KeptSigned[]> {
  if (sizesOf(image).size === 0) return [];
  const signed: KeptSigned[] = [];
  for (const [digest, blobs] of await blobsOf(storage, image, await mainDigest(storage, image))) {
    const key = [...image.data].find(([name, other]) => name.startsWith('manifest') && other === digest)?.[0];
    const bytes = key === undefined ? undefined : await storage.readData(image, key, MAX_MANIFEST_BYTES);
    if (bytes === undefined || digestOf(bytes) !== digest) continue;
    const manifest = rawManifest(bytes);
    const isIndex = isIndexType(manifest.mediaType);
    const served = isIndex ? digest : plainManifest(manifest, await storage.layersOf(image)).digest;
    signed.push({ manifest, served, signatures: decoded(blobs, image) });
  }
  return signed;
}

/** The digest of the manifest that counts, which older storages have signatures of alone. */
async function mainDigest(storage: Storage, image: ImageRecord): Promise<Digest | undefined> {
  if (sizesOf(image).get('') === undefined) return undefined;
  const bytes = await storage.readData(image, 'manifest', MAX_MANIFEST_BYTES);
  return bytes && digestOf(bytes);
}

/** The signatures of each manifest, as they stand there. */
async function blobsOf(
  storage: Storage,
  image: ImageRecord,
  main: Digest | undefined,
): Promise<ReadonlyMap<string, readonly Uint8Array[]>> {
  const found = new Map<string, readonly Uint8Array[]>();
  for (const [digest, sizes] of sizesOf(image)) {
    const of = isDigest(digest) ? digest : main;
    if (of === undefined || sizes.length === 0 || found.has(of)) continue;
    const key = digest === '' ? 'signatures' : `signature-${encodedOf(of)}`;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total > maxAllBytes) throw damaged(image, 'they are larger than anybody needs');
    const bytes = await storage.readData(image, key, maxAllBytes);
    if (bytes?.byteLength !== total)
      throw damaged(image, `it should have ${sizes.length} signatures, which are not there`);
    let at = 0;
    const blobs = sizes.map((size) => {
      at += size;
      return bytes.subarray(at - size, at);
    });
    found.set(of, blobs);
  }
  return found;
}

/** Sizes of the signatures by the digest of the manifest; those of the one that counts under no digest, and last. */
function sizesOf(image: ImageRecord): ReadonlyMap<string, readonly number[]> {
  const { metadata } = image;
  const found = new Map<string, readonly number[]>();
  if (metadata === undefined || !metadata.includes('signature')) return found;
  const document = parseJson(Buffer.from(metadata), `the metadata of the image ${image.id}`);
  if (!isJsonObject(document)) return found;
  const each = document['signatures-sizes'];
  for (const [digest, sizes] of isJsonObject(each) ? Object.entries(each) : []) {
    if (isDigest(digest) && image.data.has(`signature-${encodedOf(digest)}`)) found.set(digest, numbers(sizes, image));
  }
  const own = numbers(document['signature-sizes'], image);
  if (own.length > 0 && image.data.has('signatures')) found.set('', own);
  return found;
}

function numbers(value: JsonValue | undefined, image: ImageRecord): readonly number[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > maxSignatures)
    throw damaged(image, 'it has more signatures than anybody needs');
  return value.map((size: JsonValue) => {
    if (typeof size === 'number' && Number.isSafeInteger(size) && size > 0 && size <= maxSignatureBytes) return size;
    throw damaged(image, 'a signature has no size that could be');
  });
}

function decoded(blobs: readonly Uint8Array[], image: ImageRecord): readonly ImageSignature[] {
  return blobs.map((blob, at) => decodeSignatureBlob(blob, `signature ${at + 1} of the image ${image.id}`));
}

function damaged(image: ImageRecord, why: string): IntegrityError {
  return new IntegrityError(`the signatures of the image ${image.names[0] ?? image.id} cannot be read: ${why}`, {
    code: 'BAD_SIGNATURE',
    hint: 'The storage is damaged; pull the image again.',
  });
}
