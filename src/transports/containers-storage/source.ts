/** Reads an image, or a list that podman or buildah made, from the local storage. */
import type { Readable } from 'node:stream';
import { NotFoundError, SheafError } from '../../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { applyEdits, type EntryReplacement } from '../../oci/edits.ts';
import { encodeIndex, parseIndex } from '../../oci/image-index.ts';
import { isJsonObject, parseJson } from '../../oci/json.ts';
import { MAX_MANIFEST_BYTES, rawManifest } from '../../oci/manifest.ts';
import { isIndexType, zstdAnnotation } from '../../oci/media-types.ts';
import type { ByteRange, ImageLocation, ImageSource, TransportEnv } from '../transport.ts';
import { findImage } from './find-image.ts';
import { storageLocation } from './location.ts';
import type { StoragePlace } from './place.ts';
import { plainManifest } from './plain-manifest.ts';
import type { ImageRecord } from './records.ts';
import { openData, openStorage, type Storage } from './storage.ts';

/** Throws NotFoundError STORAGE_NOT_FOUND, StorageError STORAGE_UNREADABLE, and as `openStorage`. */
export async function openStorageSource(place: StoragePlace, text: string, env: TransportEnv): Promise<ImageSource> {
  return new StorageSource(await openStorage(place.storage), place, text, env);
}

/** An image and one of the manifests that are kept of it. */
interface KeptManifest {
  readonly image: ImageRecord;
  readonly raw: RawManifest;
}

class StorageSource implements ImageSource {
  readonly #storage: Storage;
  readonly #place: StoragePlace;
  readonly #text: string;
  readonly #env: TransportEnv;
  /** Where the instances are that were handed out. */
  readonly #origins = new Map<Digest, ImageLocation>();
  /** Instances of a list that are not in the storage, by the locations that the list knows. */
  readonly #elsewhere = new Map<string, Promise<ImageSource>>();
  readonly #told = new Set<Digest>();

  constructor(storage: Storage, place: StoragePlace, text: string, env: TransportEnv) {
    this.#storage = storage;
    this.#place = place;
    this.#text = text;
    this.#env = env;
  }

  async getManifest(instance?: Digest): Promise<RawManifest> {
    if (instance !== undefined) return this.#instance(instance);
    const image = findImage(this.#storage, this.#place, this.#text);
    const wanted = this.#place.digest ?? this.#place.reference?.digest;
    const kept = await this.#manifestsOf(image);
    const found = wanted === undefined ? kept[0] : kept.find(({ raw }) => raw.digest === wanted);
    if (found === undefined) throw missing(wanted ?? 'its manifest', this.#text);
    const served = await this.#served(found);
    this.#tellIfChanged(found, served);
    return served;
  }

  async openBlob(blob: Descriptor, range?: ByteRange): Promise<Readable> {
    const layer = await this.#storage.openLayer(blob.digest, range);
    if (layer !== undefined) return layer;
    for (const image of this.#storage.images) {
      for (const [key, digest] of image.data) if (digest === blob.digest) return openData(image, key, range);
    }
    for (const source of this.#elsewhere.values()) {
      try {
        return await (await source).openBlob(blob, range);
      } catch (thrown) {
        if (!(thrown instanceof NotFoundError)) throw thrown;
      }
    }
    throw missing(blob.digest, this.#text);
  }

  /** That it is there is all that can be told; what is elsewhere is looked for when it is read. */
  async sizeOfBlob({ digest }: Descriptor): Promise<undefined> {
    if (this.#elsewhere.size > 0 || (await this.#storage.hasLayer(digest))) return;
    if (this.#storage.images.some((image) => [...image.data.values()].includes(digest))) return;
    throw missing(digest, this.#text);
  }

  origins(instance: Digest): readonly ImageLocation[] {
    const origin = this.#origins.get(instance);
    return [origin ?? storageLocation({ ...this.#place, storage: this.#storage.spec })];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const source of await Promise.allSettled(this.#elsewhere.values())) {
      if (source.status === 'fulfilled') await source.value[Symbol.asyncDispose]();
    }
  }

  /** The manifest of that digest, of whichever image: the storage may have an image under several, as it was pulled. */
  async #instance(wanted: Digest): Promise<RawManifest> {
    let changed: RawManifest | undefined;
    for (const image of this.#ownFirst()) {
      for (const kept of await this.#manifestsOf(image)) {
        const served = await this.#servedOrNothing(kept, wanted);
        if (served?.digest === wanted) return served;
        if (kept.raw.digest === wanted) changed = served;
      }
    }
    if (changed !== undefined) {
      throw new NotFoundError(`${wanted} is in ${this.#text} as ${changed.digest} only, without compression`, {
        code: 'LAYERS_UNPACKED',
        hint: 'The local storage does not keep compressed layers; name the registry that the image came from instead.',
      });
    }
    for (const image of this.#ownFirst()) {
      const location = (await this.#locationsOf(image)).get(wanted);
      if (location !== undefined) return this.#fromElsewhere(wanted, location);
    }
    throw missing(wanted, this.#text);
  }

  #ownFirst(): ImageRecord[] {
    const { images } = this.#storage;
    try {
      const own = findImage(this.#storage, this.#place, this.#text);
      return [own, ...images.filter((image) => image !== own)];
    } catch (thrown) {
      // pinned by the digest of what is served, which is in no record
      if (thrown instanceof NotFoundError) return [...images];
      throw thrown;
    }
  }

  /** The one that counts first. */
  async #manifestsOf(image: ImageRecord): Promise<KeptManifest[]> {
    const keys = [...image.data.keys()].filter((key) => key.startsWith('manifest-'));
    const kept: KeptManifest[] = [];
    for (const key of ['manifest', ...keys]) {
      const bytes = await this.#storage.readData(image, key, MAX_MANIFEST_BYTES);
      if (bytes === undefined) continue;
      const raw = rawManifest(bytes);
      if (!kept.some((other) => other.raw.digest === raw.digest)) kept.push({ image, raw });
    }
    return kept;
  }

  /** Images that are not meant may be broken. */
  async #servedOrNothing(kept: KeptManifest, wanted: Digest): Promise<RawManifest | undefined> {
    try {
      return await this.#served(kept);
    } catch (thrown) {
      if (kept.raw.digest !== wanted && thrown instanceof SheafError) return undefined;
      throw thrown;
    }
  }

  /** What a kept manifest is served as: with uncompressed layers. */
  async #served(kept: KeptManifest): Promise<RawManifest> {
    const { image, raw } = kept;
    const served = isIndexType(raw.mediaType)
      ? await this.#servedIndex(kept)
      : plainManifest(raw, await this.#storage.layersOf(image));
    this.#origins.set(served.digest, storageLocation({ storage: this.#storage.spec, id: image.id }));
    return served;
  }

  /** A list, with entries for what its instances are served as. */
  async #servedIndex({ image, raw }: KeptManifest): Promise<RawManifest> {
    const index = parseIndex(raw);
    const elsewhere = await this.#locationsOf(image);
    const replacements: EntryReplacement[] = [];
    for (const [position, entry] of index.manifests.entries()) {
      const served = await this.#servedAs(entry.digest, image);
      const location = elsewhere.get(entry.digest);
      if (served === undefined && location !== undefined) this.#origins.set(entry.digest, this.#env.locate(location));
      if (served === undefined || served.digest === entry.digest) continue;
      const { [zstdAnnotation]: _compressed, ...annotations } = entry.annotations ?? {};
      const descriptor = { mediaType: served.mediaType, digest: served.digest, size: served.bytes.byteLength };
      replacements.push({ position, descriptor, annotations, replaceAnnotations: true });
    }
    if (replacements.length === 0) return raw;
    return encodeIndex(applyEdits(index, [{ op: 'replace-entries', replacements }]));
  }

  /** The instance of a list that an image of the storage is; `undefined` where none is. */
  async #servedAs(instance: Digest, list: ImageRecord): Promise<RawManifest | undefined> {
    for (const image of this.#storage.images) {
      // a list that is on itself is nothing that podman would make
      if (image === list || ![...image.data.values()].includes(instance)) continue;
      const kept = (await this.#manifestsOf(image)).find(({ raw }) => raw.digest === instance);
      if (kept === undefined || isIndexType(kept.raw.mediaType)) continue;
      return this.#served(kept);
    }
    return undefined;
  }

  async #fromElsewhere(instance: Digest, location: string): Promise<RawManifest> {
    let source = this.#elsewhere.get(location);
    if (source === undefined) {
      source = this.#env.locate(location).openSource(this.#env);
      this.#elsewhere.set(location, source);
    }
    return (await source).getManifest(instance);
  }

  /** Where a list of podman or buildah says that its instances are. */
  async #locationsOf(image: ImageRecord): Promise<ReadonlyMap<string, string>> {
    const bytes = image.data.has('instances.json')
      ? await this.#storage.readData(image, 'instances.json', MAX_MANIFEST_BYTES)
      : undefined;
    const document = bytes && parseJson(bytes, `instances.json of ${image.id}`);
    if (!isJsonObject(document)) return new Map();
    return new Map(
      Object.entries(document).filter(
        (pair): pair is [string, string] => pair[0] !== '' && typeof pair[1] === 'string',
      ),
    );
  }

  #tellIfChanged({ image, raw }: KeptManifest, served: RawManifest): void {
    if (raw.digest === served.digest || this.#told.has(raw.digest)) return;
    this.#told.add(raw.digest);
    const name = image.names[0] ?? image.id;
    this.#env.session.emit({
      type: 'warning',
      code: 'LAYERS_UNPACKED',
      message: `${name} (${raw.digest}) is read from the local storage as ${served.digest}: layers are kept there without compression.`,
    });
  }
}

function missing(what: string, text: string): NotFoundError {
  return new NotFoundError(`${what} is not in the local storage of ${text}`, { code: 'BLOB_NOT_FOUND' });
}
