/**
 * What a storage writes down of its images and layers: `images.json` and `layers.json`. Both are always replaced as a whole, so
 * that each is consistent in itself however busy the storage is.
 *
 * Source: the files of github.com/containers/storage, "images.go" and "layers.go".
 */
import { join } from 'node:path';
import { IntegrityError } from '../../foundation/errors.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import type { JsonObject } from '../../oci/json-value.ts';
import { isThere, readStorageFile } from './storage-files.ts';

/** A place with images of one driver: the storage itself, or one that it only reads from. */
export interface ImageStore {
  readonly root: string;
  readonly driver: string;
}

export interface ImageRecord {
  readonly store: ImageStore;
  /** 64 hexadecimal digits: of the config's digest, random for lists. */
  readonly id: string;
  readonly names: readonly string[];
  /** ID of the topmost layer. */
  readonly layer?: string;
  /** What else is kept of it, by key: manifests, config. */
  readonly data: ReadonlyMap<string, Digest | undefined>;
  /** JSON of whoever has put the image there: what of its data is signatures, among other things. */
  readonly metadata?: string;
}

export interface LayerRecord {
  readonly store: ImageStore;
  readonly id: string;
  /** ID of the layer below. */
  readonly parent?: string;
  /** Of the uncompressed tar; unknown for some layers that were pulled in parts. */
  readonly diffId?: Digest;
  /** Of the same, in bytes. */
  readonly size?: number;
}

const maxRecordBytes = 256 << 20;
const idPattern = /^[0-9a-f]{64}$/;

/** `undefined` where the folder holds no such storage. Throws IntegrityError MALFORMED_STORAGE, StorageError. */
export async function readImages(store: ImageStore): Promise<ImageRecord[] | undefined> {
  const records = await readRecords(join(store.root, `${store.driver}-images`, 'images.json'));
  return records?.map((record): ImageRecord => {
    const digests = record['big-data-digests'];
    const data = new Map<string, Digest | undefined>();
    for (const key of texts(record['big-data-names'])) {
      const digest = isJsonObject(digests) ? digests[key] : undefined;
      data.set(key, isDigest(digest) ? digest : undefined);
    }
    const { layer, metadata } = record;
    return {
      store,
      id: String(record['id']),
      names: texts(record['names']),
      data,
      ...(typeof layer === 'string' && idPattern.test(layer) ? { layer } : {}),
      ...(typeof metadata === 'string' && metadata !== '' ? { metadata } : {}),
    };
  });
}

/** By ID. Throws as {@link readImages}. */
export async function readLayers(store: ImageStore): Promise<LayerRecord[]> {
  const folder = join(store.root, `${store.driver}-layers`);
  const records = [
    ...((await readRecords(join(folder, 'layers.json'))) ?? []),
    ...((await readRecords(join(folder, 'volatile-layers.json'))) ?? []),
  ];
  return records.map((record): LayerRecord => {
    const { parent } = record;
    const [diffId, size] = [record['diff-digest'], record['diff-size']];
    return {
      store,
      id: String(record['id']),
      ...(typeof parent === 'string' && idPattern.test(parent) ? { parent } : {}),
      ...(isDigest(diffId) ? { diffId } : {}),
      ...(typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? { size } : {}),
    };
  });
}

/** Records whose ID is one, for it becomes part of paths. */
async function readRecords(path: string): Promise<JsonObject[] | undefined> {
  const bytes = await readStorageFile(path, maxRecordBytes);
  if (bytes === undefined) return undefined;
  const document: JsonValue = bytes.byteLength === 0 ? [] : parseJson(bytes, path);
  if (document === null) return [];
  if (!Array.isArray(document)) throw malformed(path, 'it is no list');
  return document.map((record: JsonValue, at) => {
    const id = isJsonObject(record) ? record['id'] : undefined;
    if (!isJsonObject(record) || typeof id !== 'string' || !idPattern.test(id)) {
      throw malformed(path, `record ${at} has no ID`);
    }
    return record;
  });
}

function texts(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((text: JsonValue) => typeof text === 'string') : [];
}

function malformed(path: string, why: string): IntegrityError {
  return new IntegrityError(`${path} is not as a storage writes it: ${why}`, {
    code: 'MALFORMED_STORAGE',
    hint: 'Let `podman system check` look at the storage.',
  });
}

/** The file of one of an image's data; keys with characters that a file should not have are encoded. */
export function dataPath({ store, id }: ImageRecord, key: string): string {
  const name = /^[.0-9a-z]+$/.test(key) ? key : `=${Buffer.from(key).toString('base64')}`;
  // "." and ".." are no names of files; "/" cannot come out of base64 of ASCII, but may out of other texts
  return join(store.root, `${store.driver}-images`, id, /^\.+$/.test(name) ? '=' : name.replaceAll('/', '='));
}

/** Which drivers have images below `root`, the usual ones first. */
export async function driversOf(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const driver of ['overlay', 'vfs', 'btrfs', 'zfs', 'aufs', 'devicemapper']) {
    if (await isThere(join(root, `${driver}-images`, 'images.json'))) found.push(driver);
  }
  return found;
}
