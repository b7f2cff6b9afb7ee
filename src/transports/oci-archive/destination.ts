/**
 * Writes an OCI image layout in a tar archive. Blobs wait in a folder until the image is complete, for the order of entries
 * is to depend on nothing but the image; then the archive is written at once. It takes the place of one that was there, whose
 * blobs need not be sent again.
 */
import { join } from 'node:path';
import type { TarFile } from '../../archive/tar-file.ts';
import { TarPacker } from '../../archive/tar-packer.ts';
import { NotFoundError, UnsupportedError } from '../../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import { algorithmOf, type Digest } from '../../oci/digest.ts';
import { emptyIndex, encodeIndex, type ImageIndex } from '../../oci/image-index.ts';
import { MAX_MANIFEST_BYTES, rawManifest } from '../../oci/manifest.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { type ArchiveOutput, archiveOutput, oneAtATime } from '../archive-output.ts';
import { writeBlobFile } from '../blob-file.ts';
import { openFile, passing, readSmallFile, sizeOfFile } from '../local-file.ts';
import { namedBy } from '../named-content.ts';
import { assertDigest, layoutTraits } from '../oci/destination.ts';
import { blobName, headerBytes, headerName, indexName, readLayoutIndex } from '../oci/layout.ts';
import { nameOf, withRoot } from '../oci/layout-entries.ts';
import { assertName, type LayoutPlace } from '../oci/location.ts';
import type { BlobContent, ImageDestination, TransportEnv } from '../transport.ts';
import { CurrentArchive } from './current-archive.ts';
import { archivedFiles } from './source.ts';

const fileMode = 0o644;
const folderMode = 0o755;

/** With `output` the archive goes there. Throws IntegrityError where a file is there that is no such archive, StorageError. */
export async function createOciArchiveDestination(
  place: LayoutPlace,
  env: TransportEnv,
  output?: ArchiveOutput,
): Promise<ImageDestination> {
  const archive = new LayoutArchive(place.path, env, output ?? (await archiveOutput(place.path, env)));
  return {
    ...partsOf(archive),
    async currentRoot(tag) {
      if (tag !== undefined) archive.checkTag(tag);
      return archive.rootOf(tag ?? place.name);
    },
    async commit(root) {
      archive.clear();
      archive.enter(root, place.name);
      await archive.write();
    },
    async tag(root, tag) {
      archive.checkTag(tag);
      if (archive.isEmpty) archive.enter(root, place.name);
      archive.enter(root, tag);
      await archive.write();
    },
    [Symbol.asyncDispose]: () => archive[Symbol.asyncDispose](),
  };
}

/** What destinations do that have an archive for themselves or share one. */
export function partsOf(
  archive: LayoutArchive,
): Pick<ImageDestination, 'traits' | 'hasBlob' | 'hasManifest' | 'expectWritable' | 'putBlob' | 'putManifest'> {
  return {
    traits: layoutTraits,
    hasBlob: (blob) => archive.hasBlob(blob),
    hasManifest: (digest) => archive.hasManifest(digest),
    expectWritable: () => archive.expectWritable(),
    putBlob: (content) => archive.putBlob(content),
    putManifest: async (manifest, at) => archive.putManifest(manifest, at),
  };
}

/** A layout on its way into an archive, with any number of images. */
export class LayoutArchive implements AsyncDisposable {
  readonly #env: TransportEnv;
  readonly #output: ArchiveOutput;
  readonly #manifests = new Map<Digest, Uint8Array>();
  readonly #reader: CurrentArchive;
  /** What index.json will name. */
  #entries: Array<{ readonly root: RawManifest; readonly name: string | undefined }> = [];

  /** Tags come side by side. */
  readonly write = oneAtATime(() => this.#writeNow());

  constructor(path: string, env: TransportEnv, output: ArchiveOutput) {
    this.#env = env;
    this.#output = output;
    this.#reader = new CurrentArchive(output.rewritable ? path : undefined, env);
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  async hasBlob(blob: Descriptor): Promise<boolean> {
    if ((await sizeOfFile(this.#waiting(blob.digest))) === blob.size) return true;
    return this.#before(async (archive) => archive?.size(blobName(blob.digest)) === blob.size);
  }

  async hasManifest(digest: Digest): Promise<boolean> {
    if (this.#manifests.has(digest)) return true;
    return this.#before(async (archive) => archive?.size(blobName(digest)) !== undefined);
  }

  /** What the archive that stands there calls `name`. */
  async rootOf(name: string | undefined): Promise<Digest | undefined> {
    return this.#before(async (archive) => {
      const index = archive && (await readLayoutIndex(archivedFiles(archive)));
      return index?.manifests.find((entry) => nameOf(entry) === name)?.digest;
    });
  }

  expectWritable(): Promise<void> {
    return this.#output.expectWritable();
  }

  async putBlob(content: BlobContent): Promise<void> {
    await this.#output.makeWorkFolder();
    const { workFolder } = this.#output;
    const path = this.#waiting(content.descriptor.digest);
    await writeBlobFile(workFolder, path, content, this.#env, { durable: false });
  }

  putManifest(manifest: RawManifest, at: Digest): void {
    assertDigest(manifest, at);
    this.#manifests.set(at, manifest.bytes);
  }

  /** Has the archive name `root`, which must be there with all that it needs before {@link write}. */
  enter(root: RawManifest, name: string | undefined): void {
    this.#manifests.set(root.digest, root.bytes);
    this.#entries.push({ root, name });
  }

  /** Has the archive name what the one that stands there calls `name`, if it knows that name. Throws IntegrityError. */
  async keep(name: string): Promise<void> {
    const digest = await this.rootOf(name);
    const bytes = digest && (await this.#before((archive) => this.#manifestBytes(digest, archive)));
    if (digest !== undefined && bytes !== undefined) this.enter({ ...rawManifest(bytes), digest }, name);
  }

  clear(): void {
    this.#entries = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
    await this.#output.removeWorkFolder();
  }

  /** Throws UsageError INVALID_IMAGE_NAME, UnsupportedError ONE_NAME_ONLY. */
  checkTag(tag: string): void {
    assertName(tag, this.#output.where);
    if (this.#output.rewritable) return;
    throw new UnsupportedError(`${this.#output.where} takes an archive with one name only`, {
      code: 'ONE_NAME_ONLY',
      side: 'destination',
      hint: 'Write to a file to give the image more names.',
    });
  }

  #waiting(digest: Digest): string {
    return join(this.#output.workFolder, digest.replace(':', '-'));
  }

  /** Answers from the archive that stands there now; `undefined` where there is none. */
  async #before<T>(answer: (archive: TarFile | undefined) => Promise<T>): Promise<T> {
    return answer(await this.#reader.current());
  }

  /** The archive with all that its entries need, from what waits and from what stood there. */
  async #writeNow(): Promise<void> {
    const entries = [...this.#entries];
    if (entries.length === 0) return;
    await this.#before(async (archive) => {
      const named = new Set<Digest>();
      for (const { root } of entries) await this.#addContents(named, root, archive);
      const index = entries.reduce<ImageIndex>(
        (known, { root, name }) => withRoot(known, root, name),
        emptyIndex(mediaTypes.ociIndex),
      );
      await this.#output.write(async (stream) => {
        const packer = new TarPacker(stream, this.#env.session.signal);
        try {
          await packer.folder('blobs/', folderMode);
          let algorithm = '';
          for (const digest of [...named].sort()) {
            if (algorithmOf(digest) !== algorithm) {
              algorithm = algorithmOf(digest);
              await packer.folder(`blobs/${algorithm}/`, folderMode);
            }
            await this.#pack(packer, digest, archive);
          }
          await packer.file(indexName, encodeIndex(index).bytes, fileMode);
          await packer.file(headerName, headerBytes, fileMode);
          await packer.finish();
        } catch (thrown) {
          await packer.abort();
          throw thrown;
        }
      });
    });
  }

  async #pack(packer: TarPacker, digest: Digest, archive: TarFile | undefined): Promise<void> {
    const name = blobName(digest);
    const manifest = this.#manifests.get(digest);
    if (manifest !== undefined) return packer.file(name, manifest, fileMode);
    const size = await sizeOfFile(this.#waiting(digest));
    if (size !== undefined) return packer.stream(name, size, passing(openFile(this.#waiting(digest))), fileMode);
    const known = archive?.size(name);
    if (archive !== undefined && known !== undefined) {
      return packer.stream(name, known, passing(archive.open(name)), fileMode);
    }
  }

  /** Everything below the root that is there. Instances of a sparse index may be missing, what an image needs may not. */
  async #addContents(named: Set<Digest>, root: RawManifest, archive: TarFile | undefined): Promise<void> {
    const isThere = async (digest: Digest): Promise<boolean> =>
      (await sizeOfFile(this.#waiting(digest))) !== undefined || archive?.size(blobName(digest)) !== undefined;
    const visit = async (manifest: RawManifest): Promise<void> => {
      named.add(manifest.digest);
      const { blobs, instances } = namedBy(manifest);
      for (const { digest, urls } of blobs) {
        if (await isThere(digest)) named.add(digest);
        else if ((urls?.length ?? 0) === 0) throw incomplete(manifest.digest, digest);
      }
      for (const { digest, mediaType } of instances) {
        if (named.has(digest)) continue;
        const bytes = await this.#manifestBytes(digest, archive);
        if (bytes !== undefined) await visit({ bytes, mediaType, digest });
      }
    };
    await visit(root);
  }

  async #manifestBytes(digest: Digest, archive: TarFile | undefined): Promise<Uint8Array | undefined> {
    return (
      this.#manifests.get(digest) ??
      (await readSmallFile(this.#waiting(digest), MAX_MANIFEST_BYTES)) ??
      (await archive?.read(blobName(digest), MAX_MANIFEST_BYTES))
    );
  }
}

function incomplete(manifest: Digest, blob: Digest): NotFoundError {
  return new NotFoundError(`the blob ${blob} of the image ${manifest} was not written`, {
    code: 'BLOB_NOT_FOUND',
    side: 'destination',
  });
}
