/**
 * The local storage of podman, buildah and CRI-O, for reading only. Locks of the storage (`fcntl` on its lock files) cannot be
 * had from here. What is read once, images and layers, stays as it was for the whole run; a layer that others remove
 * meanwhile is noticed, for every byte of it is checked.
 */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { NotFoundError, UnsupportedError } from '../../foundation/errors.ts';
import { createDigester, type Digest } from '../../oci/digest.ts';
import { openFile } from '../local-file.ts';
import type { ByteRange } from '../transport.ts';
import { layerTar } from './layer-tar.ts';
import type { StorageSpec } from './place.ts';
import {
  dataPath,
  driversOf,
  type ImageRecord,
  type ImageStore,
  type LayerRecord,
  readImages,
  readLayers,
} from './records.ts';
import { configuredStorage } from './storage-conf.ts';
import { isThere, readStorageFile } from './storage-files.ts';

/** A layer without compression. */
export interface PlainLayer {
  readonly diffId: Digest;
  readonly size: number;
}

export interface Storage {
  /** Complete: with the driver. */
  readonly spec: StorageSpec;
  readonly images: readonly ImageRecord[];
  /** One of an image's data; `undefined` where there is none. Throws IntegrityError FILE_TOO_LARGE, StorageError. */
  readData(image: ImageRecord, key: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Of the image, base first. Throws NotFoundError LAYER_NOT_FOUND and as {@link Storage.openLayer}. */
  layersOf(image: ImageRecord): Promise<readonly PlainLayer[]>;
  /** The tar of a layer that is known (all but a few are at once, the others after {@link Storage.layersOf}). */
  openLayer(diffId: Digest, range?: ByteRange): Promise<Readable | undefined>;
  /** Whether {@link Storage.openLayer} knows it. */
  hasLayer(diffId: Digest): Promise<boolean>;
}

/** How each driver keeps the files of a layer; of the others nothing is known. */
const filesOf: Readonly<Record<string, (layer: LayerRecord) => string>> = {
  overlay: ({ store, id }) => join(store.root, 'overlay', id, 'diff'),
  vfs: ({ store, id }) => join(store.root, 'vfs', 'dir', id),
};

/** The storage of `spec`, or the configured one. Throws NotFoundError STORAGE_NOT_FOUND, UnsupportedError STORAGE_DRIVER. */
export async function openStorage(spec: StorageSpec | undefined): Promise<Storage> {
  const { graphRoot, driver: named, ...rest } = spec ?? (await configuredStorage());
  const [found] = named === undefined ? await driversOf(graphRoot) : [named];
  if (found === undefined) throw noStorage(graphRoot, undefined);
  const driver = found === 'overlay2' ? 'overlay' : found;
  const own = await readImages({ root: graphRoot, driver });
  if (own === undefined) throw noStorage(graphRoot, driver);
  if (filesOf[driver] === undefined) {
    throw new UnsupportedError(`the local storage ${graphRoot} uses the driver ${driver}, which sheaf cannot read`, {
      code: 'STORAGE_DRIVER',
      hint: 'Write the image to an archive first: podman save --format oci-archive.',
    });
  }
  const others = otherStores(rest.options, driver);
  const images = [...own];
  for (const store of others) images.push(...((await readImages(store)) ?? []));
  return new OpenStorage({ graphRoot, driver, ...rest }, images, [{ root: graphRoot, driver }, ...others]);
}

/** Folders that a storage only reads from. */
function otherStores(options: readonly string[], driver: string): ImageStore[] {
  return options.flatMap((option) => {
    const folder = /^(?:[a-z0-9]+\.)?(?:additional)?imagestore=(\/.*)$/.exec(option.trim())?.[1];
    return folder === undefined ? [] : [{ root: folder, driver }];
  });
}

class OpenStorage implements Storage {
  readonly spec: StorageSpec;
  readonly images: readonly ImageRecord[];
  readonly #stores: readonly ImageStore[];
  #layers: Promise<ReadonlyMap<string, LayerRecord>> | undefined;
  /** Layers whose digest the storage does not know. */
  readonly #measured = new Map<string, PlainLayer>();

  constructor(spec: StorageSpec, images: readonly ImageRecord[], stores: readonly ImageStore[]) {
    this.spec = spec;
    this.images = images;
    this.#stores = stores;
  }

  readData(image: ImageRecord, key: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return readStorageFile(dataPath(image, key), maxBytes);
  }

  async layersOf(image: ImageRecord): Promise<readonly PlainLayer[]> {
    const known = await this.#allLayers();
    const layers: PlainLayer[] = [];
    const seen = new Set<string>();
    for (let id = image.layer; id !== undefined; ) {
      const layer = known.get(id);
      if (layer === undefined || seen.has(id)) {
        throw new NotFoundError(`the layer ${id} of the image ${image.id} is not in ${this.spec.graphRoot}`, {
          code: 'LAYER_NOT_FOUND',
          hint: 'The image was removed meanwhile, or the storage is damaged; pull or build it again.',
        });
      }
      seen.add(id);
      layers.unshift(await this.#measure(layer));
      id = layer.parent;
    }
    return layers;
  }

  async openLayer(diffId: Digest, range?: ByteRange): Promise<Readable | undefined> {
    const layer = await this.#layerOf(diffId);
    if (layer === undefined) return undefined;
    return Readable.from(part(await this.#tarOf(layer), range), { objectMode: false, highWaterMark: 1 << 20 });
  }

  async hasLayer(diffId: Digest): Promise<boolean> {
    return (await this.#layerOf(diffId)) !== undefined;
  }

  async #layerOf(diffId: Digest): Promise<LayerRecord | undefined> {
    const all = [...(await this.#allLayers()).values()];
    return all.find((layer) => (layer.diffId ?? this.#measured.get(layer.id)?.diffId) === diffId);
  }

  #allLayers(): Promise<ReadonlyMap<string, LayerRecord>> {
    this.#layers ??= (async () => {
      const all = (await Promise.all(this.#stores.map(readLayers))).flat();
      // what the storage has itself comes first
      return new Map(all.toReversed().map((layer) => [layer.id, layer]));
    })();
    return this.#layers;
  }

  async #measure(layer: LayerRecord): Promise<PlainLayer> {
    const { id, diffId, size } = layer;
    if (diffId !== undefined && size !== undefined) return { diffId, size };
    let measured = this.#measured.get(id);
    if (measured === undefined) {
      const digester = createDigester();
      let bytes = 0;
      for await (const chunk of await this.#tarOf(layer)) {
        digester.update(chunk);
        bytes += chunk.byteLength;
      }
      measured = { diffId: digester.digest(), size: bytes };
      this.#measured.set(id, measured);
    }
    return measured;
  }

  async #tarOf(layer: LayerRecord): Promise<AsyncGenerator<Uint8Array>> {
    const { store, id } = layer;
    const folder = filesOf[store.driver]?.(layer);
    const recipe = join(store.root, `${store.driver}-layers`, `${id}.tar-split.gz`);
    if (folder === undefined || !(await isThere(recipe))) {
      throw new UnsupportedError(
        `the layer ${id} in ${store.root} cannot be made again as it was: ${recipe} is missing`,
        {
          code: 'NO_TAR_SPLIT',
          side: 'source',
          hint: 'The layer was not made from an image, or it was removed meanwhile; pull or build the image again.',
        },
      );
    }
    if (await isThere(join(store.root, store.driver, id, 'composefs-data'))) {
      throw new UnsupportedError(`the layer ${id} in ${store.root} is kept in a composefs, which sheaf cannot read`, {
        code: 'COMPOSEFS',
        side: 'source',
        hint: 'Write the image to an archive first: podman save --format oci-archive.',
      });
    }
    return layerTar(folder, recipe);
  }
}

/** A file of the storage as a stream. */
export function openData(image: ImageRecord, key: string, range?: ByteRange): Readable {
  return openFile(dataPath(image, key), range);
}

async function* part(chunks: AsyncIterable<Uint8Array>, range?: ByteRange): AsyncGenerator<Uint8Array> {
  const { start, end = Number.POSITIVE_INFINITY } = range ?? { start: 0 };
  let at = 0;
  for await (const chunk of chunks) {
    const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at));
    at += chunk.byteLength;
    if (wanted.byteLength > 0) yield wanted;
    if (at > end) return;
  }
}

function noStorage(root: string, driver: string | undefined): NotFoundError {
  const what = `a local storage${driver === undefined ? '' : ` of the driver ${driver}`}`;
  return new NotFoundError(`${root} is not ${what}, or has never had an image`, {
    code: 'STORAGE_NOT_FOUND',
    hint: 'Name the storage that is meant: containers-storage:[DRIVER@GRAPHROOT+RUNROOT]IMAGE; `podman info` says what it is.',
  });
}
