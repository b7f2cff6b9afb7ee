/**
 * The one seam through which sources are opened. Every byte that comes out has been checked: manifests by digest and kind,
 * blobs by size and digest. The last chunk of a blob is held back until its digest is known to be right, so that nobody
 * ever holds a whole blob that is wrong.
 */
import { Readable } from 'node:stream';
import { ChunkReader } from '../foundation/chunk-reader.ts';
import { asError, type ErrorKind, IntegrityError, SheafError } from '../foundation/errors.ts';
import { handOver } from '../foundation/own-bytes.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import { algorithmOf, createDigester, type Digest, digestOf } from '../oci/digest.ts';
import type { Companion, ImageLocation, ImageSource, TransportEnv } from './transport.ts';

/** A source whose answers have been checked. Made by {@link openVerifiedSource} alone. */
export interface VerifiedSource extends AsyncDisposable {
  readonly location: ImageLocation;
  /**
   * The manifest that the location names, or one instance by digest. The same for all who ask, even where the name has moved
   * meanwhile: what was checked is what is copied. Throws NotFoundError, IntegrityError.
   */
  getManifest(instance?: Digest): Promise<RawManifest>;
  /**
   * A stream of the blob's bytes that fails with IntegrityError instead of ending when size or
   * digest are wrong; the whole blob is read and checked whatever the offset.
   */
  openBlob(blob: Descriptor, options?: OpenBlobOptions): Promise<Readable>;
  /**
   * Throws NotFoundError or IntegrityError where the blob is surely not there, or not whole, as far as that can be told on this
   * machine and without reading it.
   */
  checkBlob(blob: Descriptor): Promise<void>;
  /** Where the bytes of an instance really are, best first. */
  origins(instance: Digest): readonly ImageLocation[];
  /** What stands beside a manifest and speaks of it; nothing where the source cannot tell. */
  companions(of: Digest): Promise<readonly Companion[]>;
  /** A whole blob in memory, for configs; throws IntegrityError when it is larger than `maxBytes`. */
  readBlob(blob: Descriptor, maxBytes: number): Promise<Uint8Array>;
}

export interface OpenBlobOptions {
  /** The first byte wanted; 0 without it. */
  offset?: number;
  /** Told how many bytes were handed out, chunk by chunk. */
  onBytes?: (count: number) => void;
}

/** Opens `location` for reading. */
export async function openVerifiedSource(location: ImageLocation, env: TransportEnv): Promise<VerifiedSource> {
  return verifiedSource(location, await location.openSource(env));
}

/** Wraps a raw source; every caller but tests wants {@link openVerifiedSource}. */
export function verifiedSource(location: ImageLocation, source: ImageSource): VerifiedSource {
  const name = location.format();
  const documents = new Documents(async (instance) => {
    const manifest = await blaming(
      source.getManifest(instance),
      instance === undefined ? location.bareName : undefined,
    );
    const actual = digestOf(manifest.bytes, algorithmOf(instance ?? manifest.digest));
    const wanted = instance ?? manifest.digest;
    if (actual !== wanted) {
      throw new IntegrityError(`the manifest ${wanted} from ${name} has the digest ${actual}`, {
        code: 'DIGEST_MISMATCH',
        side: 'source',
        hint: 'The place that keeps it is damaged or lies; fetch the image from another place.',
      });
    }
    return { ...manifest, digest: wanted };
  });
  const verified: VerifiedSource = {
    location,
    getManifest: (instance) => documents.get(instance),
    async openBlob(blob, options = {}) {
      const raw =
        blob.data === undefined
          ? await blaming(source.openBlob(blob))
          : Readable.from([Buffer.from(blob.data, 'base64')]);
      const bytes = handOut(checked(new ChunkReader(raw), blob, name), options);
      const stream = Readable.from(bytes, { objectMode: false, highWaterMark: 1 << 20 });
      // also where it is destroyed before anybody has read from it: the generators have not begun then
      stream.once('close', () => raw.destroy());
      return stream;
    },
    async checkBlob(blob) {
      if (blob.data !== undefined || source.sizeOfBlob === undefined) return;
      const size = await blaming(source.sizeOfBlob(blob));
      if (size !== undefined) checkSize(size, blob, name);
    },
    origins: (instance) => source.origins?.(instance) ?? [location],
    companions: async (of) =>
      (await (source.companions === undefined ? undefined : blaming(source.companions(of)))) ?? [],
    async readBlob(blob, maxBytes) {
      if (blob.size > maxBytes) {
        throw new IntegrityError(
          `the blob ${blob.digest} from ${name} has ${blob.size} bytes, more than the ${maxBytes} allowed`,
          {
            code: 'BLOB_TOO_LARGE',
            side: 'source',
          },
        );
      }
      const chunks: Uint8Array[] = [];
      for await (const chunk of await verified.openBlob(blob)) chunks.push(chunk as Uint8Array);
      return Buffer.concat(chunks);
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
  return verified;
}

/** Manifests that were read, as long as they are not too many: several parts of a run look at the same ones. */
class Documents {
  readonly #read: (instance: Digest | undefined) => Promise<RawManifest>;
  readonly #known = new Map<Digest | undefined, Promise<RawManifest>>();
  #bytes = 0;

  constructor(read: (instance: Digest | undefined) => Promise<RawManifest>) {
    this.#read = read;
  }

  get(instance: Digest | undefined): Promise<RawManifest> {
    const known = this.#known.get(instance);
    if (known !== undefined) return known;
    const reading = this.#read(instance);
    this.#known.set(instance, reading);
    reading.then(
      ({ digest, bytes }) => {
        this.#bytes += bytes.byteLength;
        // what the location names is kept in any case
        if (instance === undefined) this.#known.set(digest, reading);
        else if (this.#bytes > keptDocumentBytes) this.#known.delete(instance);
      },
      // another try may do better
      () => this.#known.delete(instance),
    );
    return reading;
  }
}

const keptDocumentBytes = 2 << 20;

/**
 * Parses what came from `source`: a document that is malformed is told with the place that it came from. Passes on what
 * `parse` throws.
 */
export function parsed<T>(source: Pick<VerifiedSource, 'location'>, parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    if (!(thrown instanceof IntegrityError)) throw thrown;
    throw new IntegrityError(`${source.location.format()} cannot be used: ${thrown.message}`, {
      code: thrown.code,
      side: 'source',
      cause: thrown.cause,
      hint: thrown.hint ?? 'Whoever made it must mend it: push it again with a tool that writes it right.',
    });
  }
}

async function* checked(reader: ChunkReader, blob: Descriptor, name: string): AsyncGenerator<Uint8Array> {
  const digester = createDigester(algorithmOf(blob.digest));
  let size = 0;
  let held: Uint8Array | undefined;
  try {
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
      size += chunk.byteLength;
      if (size > blob.size) break;
      countYoungBytes(chunk.byteLength);
      digester.update(chunk);
      if (held !== undefined) yield held;
      held = handOver(chunk);
    }
  } catch (thrown) {
    throw blame(thrown);
  }
  checkSize(size, blob, name);
  checkDigest(digester.digest(), blob, name);
  if (held !== undefined) yield held;
}

function checkSize(size: number, blob: Descriptor, name: string): void {
  if (size === blob.size) return;
  const how = size > blob.size ? 'is longer than' : `ended after ${size} of`;
  throw new IntegrityError(`the blob ${blob.digest} from ${name} ${how} its ${blob.size} bytes`, {
    code: 'SIZE_MISMATCH',
    side: 'source',
    hint: 'The place that keeps it is damaged or the connection was cut; try again or fetch the image from another place.',
  });
}

function checkDigest(actual: Digest, blob: Descriptor, name: string): void {
  if (actual === blob.digest) return;
  throw new IntegrityError(`the blob ${blob.digest} from ${name} has the digest ${actual}`, {
    code: 'DIGEST_MISMATCH',
    side: 'source',
    hint: 'The place that keeps it is damaged or lies; fetch the image from another place.',
  });
}

async function* handOut(bytes: AsyncGenerator<Uint8Array>, options: OpenBlobOptions): AsyncGenerator<Uint8Array> {
  let toSkip = options.offset ?? 0;
  for await (const chunk of bytes) {
    // the very view that was handed over, where all of it is wanted
    const wanted = toSkip === 0 ? chunk : chunk.subarray(toSkip);
    toSkip = Math.max(0, toSkip - chunk.byteLength);
    if (wanted.byteLength === 0) continue;
    options.onBytes?.(wanted.byteLength);
    yield wanted;
  }
}

/** Marks what a source throws as the source's fault. */
async function blaming<T>(work: Promise<T>, bareName?: string): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw blame(thrown, bareName);
  }
}

function blame(thrown: unknown, bareName?: string): Error {
  if (thrown instanceof SheafError) {
    thrown.side ??= 'source';
    if (bareName !== undefined && mayBeAnotherName.includes(thrown.kind)) {
      thrown.hint = `${thrown.hint ?? ''} There is no local list "${bareName}" either.`.trim();
    }
  }
  return asError(thrown);
}

/** How registries, and the way to them, fail for a misspelt name. */
const mayBeAnotherName: readonly ErrorKind[] = ['not-found', 'auth', 'registry'];
