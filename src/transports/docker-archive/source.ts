/**
 * Reads an image from an archive of `docker save`. Where the archive is an OCI layout too (Docker 25 and later), and whole,
 * that is taken: it has the real manifests, and all platforms. Else a manifest is made from config and layers, always the
 * same for the same archive.
 */
import { Readable } from 'node:stream';
import type { TarFile } from '../../archive/tar-file.ts';
import { NotFoundError, SheafError, UsageError } from '../../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import { type Digest, digestOf, isDigest } from '../../oci/digest.ts';
import type { ImageIndex, IndexEntry } from '../../oci/image-index.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import { encodeImageManifest, MAX_MANIFEST_BYTES } from '../../oci/manifest.ts';
import { isIndexType, mediaTypes } from '../../oci/media-types.ts';
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts';
import { openArchive } from '../archive-file.ts';
import { namedBy } from '../named-content.ts';
import { blobName, readLayoutIndex } from '../oci/layout.ts';
import { containerdNameAnnotation } from '../oci/layout-entries.ts';
import { createLayoutSource } from '../oci/source.ts';
import { archivedFiles } from '../oci-archive/source.ts';
import type { ByteRange, ImageSource, TransportEnv } from '../transport.ts';
import { type ListedImage, listImages, malformed } from './contents.ts';
import { readLayer } from './layers.ts';
import type { DockerArchiveChoice, DockerArchivePlace } from './location.ts';
import { configOf } from './old-config.ts';

const maxConfigBytes = 4 << 20;

type OpenBlob = (range?: ByteRange) => Readable;

/** Throws NotFoundError ARCHIVE_NOT_FOUND, IMAGE_NOT_FOUND, IntegrityError for what is no such archive. */
export async function openDockerArchiveSource(
  place: DockerArchivePlace,
  text: string,
  env: TransportEnv,
): Promise<ImageSource> {
  return createDockerArchiveSource(await openArchive(place.path, env), place, text, env.session.signal);
}

/** A source over an open archive, which it closes in the end. `text` is the name of the image, for messages. */
export async function createDockerArchiveSource(
  archive: TarFile,
  choice: DockerArchiveChoice,
  text: string,
  signal?: AbortSignal,
): Promise<ImageSource> {
  try {
    const layout = await wholeLayout(archive, choice);
    const close = (): Promise<void> => archive[Symbol.asyncDispose]();
    if (layout !== undefined) {
      const source = createLayoutSource(
        archivedFiles(archive),
        layout.index,
        { path: archive.where, digest: layout.root },
        text,
      );
      return { ...source, [Symbol.asyncDispose]: close };
    }
    const images = await listImages(archive);
    if (images === undefined) {
      throw malformed(archive, 'there is neither a manifest.json nor a file "repositories" in it');
    }
    return new DockerArchiveSource(archive, images, choice, text, signal);
  } catch (thrown) {
    await archive[Symbol.asyncDispose]();
    throw thrown;
  }
}

class DockerArchiveSource implements ImageSource {
  readonly #archive: TarFile;
  readonly #images: readonly ListedImage[];
  readonly #choice: DockerArchiveChoice;
  readonly #text: string;
  readonly #signal: AbortSignal | undefined;
  readonly #manifests = new Map<ListedImage, Promise<RawManifest>>();
  readonly #blobs = new Map<Digest, OpenBlob>();

  constructor(
    archive: TarFile,
    images: readonly ListedImage[],
    choice: DockerArchiveChoice,
    text: string,
    signal: AbortSignal | undefined,
  ) {
    this.#archive = archive;
    this.#images = images;
    this.#choice = choice;
    this.#text = text;
    this.#signal = signal;
  }

  async getManifest(instance: Digest | undefined = this.#choice.digest): Promise<RawManifest> {
    if (instance === undefined) return this.#manifestOf(chooseImage(this.#images, this.#choice, this.#archive));
    for (const image of this.#images) {
      const manifest = await this.#manifestOf(image);
      if (manifest.digest === instance) return manifest;
    }
    throw missing(instance, this.#text);
  }

  async openBlob(blob: Descriptor, range?: ByteRange): Promise<Readable> {
    return (await this.#blobOf(blob))(range);
  }

  /** That it is there is all that can be told. */
  async sizeOfBlob(blob: Descriptor): Promise<undefined> {
    await this.#blobOf(blob);
  }

  /** The blobs of an image are known by what its manifest calls them. */
  async #blobOf({ digest }: Descriptor): Promise<OpenBlob> {
    if (!this.#blobs.has(digest)) await this.getManifest();
    const open = this.#blobs.get(digest);
    if (open === undefined) throw missing(digest, this.#text);
    return open;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#archive[Symbol.asyncDispose]();
  }

  #manifestOf(image: ListedImage): Promise<RawManifest> {
    let manifest = this.#manifests.get(image);
    if (manifest === undefined) {
      manifest = this.#makeManifest(image);
      this.#manifests.set(image, manifest);
    }
    return manifest;
  }

  async #makeManifest(image: ListedImage): Promise<RawManifest> {
    const archive = this.#archive;
    let config = image.config === undefined ? undefined : await archive.read(image.config, maxConfigBytes);
    if (image.config !== undefined && config === undefined) {
      throw malformed(archive, `the config ${image.config} is not there`);
    }
    const told = config && diffIdsOf(parseJson(config, `${image.config} in ${archive.where}`), image, archive);
    const seen = new Map<string, Digest>();
    const layers: Descriptor[] = [];
    const diffIds: Digest[] = [];
    for (const [at, name] of image.layers.entries()) {
      const layer = await readLayer(archive, name, told?.[at], this.#signal);
      const other = seen.get(name);
      if (other !== undefined && other !== layer.diffId) {
        throw malformed(archive, `the layer ${name} is said to be both ${other} and ${layer.diffId}`);
      }
      seen.set(name, layer.diffId);
      this.#blobs.set(layer.descriptor.digest, layer.open);
      layers.push(layer.descriptor);
      diffIds.push(layer.diffId);
    }
    config ??= configOf(image.histories ?? [], diffIds);
    const bytes = config;
    const digest = digestOf(bytes);
    this.#blobs.set(digest, ({ start, end } = { start: 0 }) =>
      Readable.from([Buffer.from(bytes.subarray(start, end === undefined ? undefined : end + 1))], {
        objectMode: false,
      }),
    );
    return encodeImageManifest({
      mediaType: mediaTypes.dockerManifest,
      config: { mediaType: mediaTypes.dockerConfig, digest, size: bytes.byteLength },
      layers,
    });
  }
}

/** What the config says that the layers are. */
function diffIdsOf(config: JsonValue, image: ListedImage, archive: TarFile): Digest[] {
  const rootfs = isJsonObject(config) ? config['rootfs'] : undefined;
  const diffIds = isJsonObject(rootfs) ? (rootfs['diff_ids'] ?? []) : undefined;
  if (!Array.isArray(diffIds)) throw malformed(archive, `the config ${image.config} does not say what its layers are`);
  if (diffIds.length !== image.layers.length) {
    throw malformed(
      archive,
      `the config ${image.config} has ${diffIds.length} layers, manifest.json ${image.layers.length}`,
    );
  }
  return diffIds.map((diffId: JsonValue) => {
    if (!isDigest(diffId)) throw malformed(archive, `the config ${image.config} has a diff ID that is no digest`);
    return diffId;
  });
}

function chooseImage(images: readonly ListedImage[], choice: DockerArchiveChoice, archive: TarFile): ListedImage {
  const names = images.map((image) => image.tags[0] ?? '(no name)').join(', ');
  if (choice.position !== undefined) {
    const image = images[choice.position];
    if (image !== undefined) return image;
    throw new NotFoundError(`there is no image ${choice.position} in ${archive.where}, which has ${images.length}`, {
      code: 'IMAGE_NOT_FOUND',
      hint: 'Positions are counted from 0.',
    });
  }
  if (choice.reference !== undefined) {
    const wanted = formatReference(choice.reference);
    const found = images.find((image) => image.tags.some((tag) => fullName(tag) === wanted));
    if (found !== undefined) return found;
    throw new NotFoundError(`there is no image ${wanted} in ${archive.where}`, {
      code: 'IMAGE_NOT_FOUND',
      hint: `It holds ${names || 'nothing'}.`,
    });
  }
  const [only, second] = images;
  if (only === undefined) throw new NotFoundError(`there is no image in ${archive.where}`, { code: 'IMAGE_NOT_FOUND' });
  if (second === undefined) return only;
  throw new UsageError(`there is more than one image in ${archive.where}`, {
    code: 'AMBIGUOUS_IMAGE',
    hint: `Add :NAME:TAG (or :@N, counted from 0) to choose one of ${names}.`,
  });
}

/** A name as written in archives, in full; the same text where it is no name. */
function fullName(tag: string): string {
  try {
    return formatReference(withDefaultTag(parseReference(tag)));
  } catch (thrown) {
    if (thrown instanceof SheafError) return tag;
    throw thrown;
  }
}

/**
 * The OCI layout in the archive, where there is one that has everything that is meant: `docker save` may leave out platforms,
 * and names things in two ways.
 */
async function wholeLayout(
  archive: TarFile,
  choice: DockerArchiveChoice,
): Promise<{ index: ImageIndex; root: Digest } | undefined> {
  if (choice.position !== undefined) return undefined;
  const index = await readLayoutIndex(archivedFiles(archive));
  if (index === undefined) return undefined;
  if (choice.digest !== undefined) {
    return archive.size(blobName(choice.digest)) === undefined ? undefined : { index, root: choice.digest };
  }
  const wanted = choice.reference && formatReference(choice.reference);
  const candidates = index.manifests.filter(
    ({ annotations }) => wanted === undefined || fullName(annotations?.[containerdNameAnnotation] ?? '') === wanted,
  );
  const digests = new Set(candidates.map(({ digest }) => digest));
  const [root] = candidates;
  if (root === undefined || digests.size > 1) return undefined;
  return (await isWhole(archive, root)) ? { index, root: root.digest } : undefined;
}

/** Whether the manifest and all that it names are there. */
async function isWhole(archive: TarFile, entry: IndexEntry, depth = 0): Promise<boolean> {
  const bytes = await archive.read(blobName(entry.digest), MAX_MANIFEST_BYTES);
  if (bytes === undefined || depth > 8) return false;
  const { blobs, instances } = namedBy({ bytes, mediaType: entry.mediaType, digest: entry.digest });
  if (blobs.some((blob) => archive.size(blobName(blob.digest)) === undefined)) return false;
  if (isIndexType(entry.mediaType) && instances.length === 0) return false;
  for (const instance of instances) {
    if (!(await isWhole(archive, instance, depth + 1))) return false;
  }
  return true;
}

function missing(digest: Digest, text: string): NotFoundError {
  return new NotFoundError(`${digest} is not in ${text}`, { code: 'BLOB_NOT_FOUND' });
}
