/**
 * Writes images in the form of `docker save`: one, or those of a list under a name each (`list-names.ts`). Layers are unpacked as they arrive and wait in a folder: the archive can only
 * be begun when sizes and order are known. A manifest is not kept in such archives, so that any manifest of an image will do,
 * whatever the compression of its layers.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decompress } from '../../compression/decompress.ts';
import { declaredCompression } from '../../compression/detect.ts';
import {
  BugError,
  ConflictError,
  IntegrityError,
  NotFoundError,
  SheafError,
  UnsupportedError,
} from '../../foundation/errors.ts';
import { writeError } from '../../foundation/file-errors.ts';
import { countYoungBytes } from '../../foundation/young-garbage.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import { algorithmOf, createDigester, type Digest } from '../../oci/digest.ts';
import { parseIndex } from '../../oci/image-index.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import { parseImageManifest } from '../../oci/manifest.ts';
import { isIndexType, mediaTypes } from '../../oci/media-types.ts';
import type { Reference } from '../../oci/reference.ts';
import { archiveLimits } from '../archive-limits.ts';
import { type ArchiveOutput, archiveOutput, oneAtATime } from '../archive-output.ts';
import { givenUp, openFile, sizeOfFile } from '../local-file.ts';
import { taggedAs } from '../tag-names.ts';
import type { BlobContent, DestinationTraits, ImageDestination, ImageOfList, TransportEnv } from '../transport.ts';
import { unpackedBy } from '../unpack-program.ts';
import { isRunnable, nameImages, notesOf, withSuffix } from './list-names.ts';
import type { DockerArchivePlace } from './location.ts';
import { type PackedImage, type PlainLayer, packDockerArchive } from './pack.ts';

const maxConfigBytes = 4 << 20;

/** Throws ConflictError ARCHIVE_EXISTS, StorageError. */
export async function openDockerArchiveDestination(
  place: DockerArchivePlace,
  env: TransportEnv,
): Promise<ImageDestination> {
  const occupied = (): ConflictError =>
    new ConflictError(`docker-archive doesn't support modifying existing images: ${place.path} is there already`, {
      code: 'ARCHIVE_EXISTS',
      side: 'destination',
      hint: 'Remove the file, or choose another name.',
    });
  const output = await archiveOutput(place.path, env, { occupied });
  if (output.rewritable && (await sizeOfFile(place.path))) throw occupied();
  return createDockerArchiveDestination(output, place.reference, env);
}

/** A destination that writes one image, called `reference`, to `output`. */
export function createDockerArchiveDestination(
  output: ArchiveOutput,
  reference: Reference | undefined,
  env: TransportEnv,
): ImageDestination {
  return new DockerArchiveDestination(output, reference, env);
}

/** Of destinations that are sent such an archive. */
export const singleImageTraits = {
  manifestTypes: [mediaTypes.dockerManifest, mediaTypes.ociManifest],
  sparseIndex: false,
  manifestsComplete: false,
  opensLayers: true,
} as const satisfies DestinationTraits;

class DockerArchiveDestination implements ImageDestination {
  readonly traits: DestinationTraits = {
    ...singleImageTraits,
    manifestTypes: [...singleImageTraits.manifestTypes, mediaTypes.dockerList, mediaTypes.ociIndex],
  };
  readonly #output: ArchiveOutput;
  readonly #reference: Reference | undefined;
  readonly #env: TransportEnv;
  /** By the digest under which they came. */
  readonly #configs = new Map<Digest, Uint8Array>();
  readonly #layers = new Map<Digest, PlainLayer>();
  /** Of the members of an index. */
  readonly #manifests = new Map<Digest, RawManifest>();
  /** Each with what follows its tag. */
  #images: ReadonlyArray<Omit<PackedImage, 'tags'> & { readonly suffix: string }> = [];
  readonly #tags: string[] = [];
  #count = 0;

  /** Tags come side by side. */
  readonly #write = oneAtATime(() => this.#writeNow());

  constructor(output: ArchiveOutput, reference: Reference | undefined, env: TransportEnv) {
    this.#output = output;
    this.#reference = reference;
    this.#env = env;
  }

  async hasBlob(blob: Descriptor): Promise<boolean> {
    return this.#configs.has(blob.digest) || this.#layers.has(blob.digest);
  }

  async hasManifest(): Promise<boolean> {
    return false;
  }

  async currentRoot(tag?: string): Promise<undefined> {
    if (tag === undefined) return undefined;
    this.#references([tag]);
    if (this.#output.rewritable) return undefined;
    throw new UnsupportedError(`${this.#output.where} takes an archive with one name only`, {
      code: 'ONE_NAME_ONLY',
      side: 'destination',
      hint: 'Write to a file to give the image more names.',
    });
  }

  expectWritable(): Promise<void> {
    return this.#output.expectWritable();
  }

  async putBlob(content: BlobContent): Promise<void> {
    const { mediaType, digest } = content.descriptor;
    if (isRunnable(mediaType)) {
      this.#configs.set(digest, await readConfig(content));
    } else {
      this.#layers.set(digest, await this.#unpack(content));
    }
  }

  async putManifest(manifest: RawManifest, at: Digest): Promise<void> {
    this.#manifests.set(at, manifest);
  }

  describeList(members: readonly ImageOfList[], tags: readonly string[]): readonly string[] {
    const { where } = this.#output;
    const references = this.#references(tags);
    return notesOf(members, nameImages(members, references, where), references, where);
  }

  async commit(root: RawManifest): Promise<void> {
    if (isIndexType(root.mediaType)) {
      const named = nameImages(this.#membersOf(root), this.#references(), this.#output.where);
      this.#images = named.map(({ entry, suffix }) => ({ ...this.#imageOf(this.#manifest(entry.digest)), suffix }));
    } else {
      this.#images = [{ ...this.#imageOf(root), suffix: '' }];
    }
    await this.#write();
  }

  async tag(_root: RawManifest, tag: string): Promise<void> {
    if (this.#images.length === 0) throw new BugError('a tag for an image that is not there yet');
    this.#tags.push(tag);
    await this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#output.removeWorkFolder();
  }

  async #writeNow(): Promise<void> {
    const references = this.#references(this.#tags);
    const images = this.#images.map(({ suffix, ...image }) => ({
      ...image,
      tags: references.map((reference) => withSuffix(reference, suffix)),
    }));
    await this.#output.write((stream) => packDockerArchive(images, stream, this.#env.session.signal));
  }

  /** The location's own, then those with `tags`. */
  #references(tags: readonly string[] = []): Reference[] {
    const reference = this.#reference;
    const { where } = this.#output;
    return [...(reference === undefined ? [] : [reference]), ...tags.map((tag) => taggedAs(reference, tag, where))];
  }

  #manifest(digest: Digest): RawManifest {
    const manifest = this.#manifests.get(digest);
    if (manifest === undefined) throw notWritten(digest, digest);
    return manifest;
  }

  /** What was put of what the index names, those of nested indexes too. */
  #membersOf(index: RawManifest): ImageOfList[] {
    return parseIndex(index).manifests.flatMap((entry) => {
      const manifest = this.#manifests.get(entry.digest);
      if (manifest === undefined) return [];
      if (isIndexType(entry.mediaType)) return this.#membersOf(manifest);
      return [{ entry, config: parseImageManifest(manifest).config }];
    });
  }

  #imageOf(root: RawManifest): Omit<PackedImage, 'tags'> {
    const manifest = parseImageManifest(root);
    const config = this.#configs.get(manifest.config.digest);
    if (config === undefined) {
      if (!isRunnable(manifest.config.mediaType)) throw notAnImage(root.digest, manifest.config.mediaType);
      throw notWritten(manifest.config.digest, root.digest);
    }
    // a layer has no type in such an archive: whoever loads it takes it for a tar
    const isOci = manifest.mediaType === mediaTypes.ociManifest;
    const other = manifest.layers.find((layer) => isOci && declaredCompression(layer) === undefined);
    if (other !== undefined) throw notAnImage(root.digest, other.mediaType);
    const layers = manifest.layers.map(({ digest }) => {
      const layer = this.#layers.get(digest);
      if (layer === undefined) throw notWritten(digest, root.digest);
      return layer;
    });
    assertDiffIds(config, layers);
    return { config, layers };
  }

  /** The layer without its compression, in a file; what came is checked on the way. */
  async #unpack(content: BlobContent): Promise<PlainLayer> {
    this.#count += 1;
    const path = join(this.#output.workFolder, String(this.#count));
    const unpacked = createDigester();
    const { unpackedBytes } = archiveLimits();
    let size = 0;
    const measured = async function* (): AsyncGenerator<Uint8Array> {
      const packed = checked(await content.open(), content.descriptor);
      for await (const chunk of decompress(packed, undefined, unpackedBy)) {
        unpacked.update(chunk);
        countYoungBytes(chunk.byteLength);
        size += chunk.byteLength;
        if (size > unpackedBytes) throw tooLarge(content.descriptor, unpackedBytes);
        yield chunk;
      }
    };
    let file: WriteStream | undefined;
    try {
      await this.#output.makeWorkFolder();
      file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
      await pipeline(measured(), file, { signal: this.#env.session.signal });
    } catch (thrown) {
      await givenUp(file);
      await rm(path, { force: true });
      throw thrown instanceof SheafError ? thrown : writeError(thrown, `cannot unpack a layer to ${path}`);
    }
    return { diffId: unpacked.digest(), size, open: () => openFile(path) };
  }
}

async function readConfig(content: BlobContent): Promise<Uint8Array> {
  const { digest, size } = content.descriptor;
  if (size > maxConfigBytes) {
    throw new IntegrityError(`the config ${digest} has ${size} bytes, more than the ${maxConfigBytes} allowed`, {
      code: 'BLOB_TOO_LARGE',
    });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of checked(await content.open(), content.descriptor)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Throws IntegrityError DIGEST_MISMATCH in the end where it is not what the descriptor says. */
async function* checked(stream: Readable, { digest, size }: Descriptor): AsyncGenerator<Uint8Array> {
  const digester = createDigester(algorithmOf(digest));
  let read = 0;
  for await (const chunk of stream) {
    const bytes = chunk as Uint8Array;
    read += bytes.byteLength;
    digester.update(bytes);
    yield bytes;
  }
  const actual = digester.digest();
  if (actual === digest && read === size) return;
  throw new IntegrityError(`what was read for ${digest} (${size} bytes) has ${read} bytes and the digest ${actual}`, {
    code: 'DIGEST_MISMATCH',
  });
}

/** Readers of such archives believe the config. */
function assertDiffIds(config: Uint8Array, layers: readonly PlainLayer[]): void {
  const document = parseJson(config, 'image config');
  const rootfs = isJsonObject(document) ? document['rootfs'] : undefined;
  const told: JsonValue = (isJsonObject(rootfs) ? rootfs['diff_ids'] : undefined) ?? [];
  const same =
    Array.isArray(told) && told.length === layers.length && layers.every(({ diffId }, at) => told[at] === diffId);
  if (same) return;
  throw new IntegrityError('the layers of the image are not those that its config names', {
    code: 'DIFF_ID_MISMATCH',
    side: 'source',
    hint: 'The image is broken: no program could load it. Build it again.',
  });
}

function tooLarge({ digest }: Descriptor, most: number): IntegrityError {
  return new IntegrityError(`the layer ${digest} unpacks to more than the ${most} bytes allowed`, {
    code: 'LAYER_TOO_LARGE',
    hint: 'If you trust it, raise the limit with SHEAF_ARCHIVE_SIZE.',
  });
}

/** What it has in the place of a config or a layer is of `mediaType`. */
function notAnImage(manifest: Digest, mediaType: string): UnsupportedError {
  return new UnsupportedError(`${manifest} is no image that could run: ${mediaType}`, {
    code: 'NOT_AN_IMAGE',
    side: 'destination',
    hint: 'Artifacts can be written to oci-archive:, oci:, dir: and registries.',
  });
}

function notWritten(blob: Digest, manifest: Digest): NotFoundError {
  return new NotFoundError(`the blob ${blob} of the image ${manifest} was not written`, {
    code: 'BLOB_NOT_FOUND',
    side: 'destination',
  });
}
