/** Small blobs of a repository, whole in memory: payloads, bundles and configs of signatures. */
import { Readable } from 'node:stream';
import { IntegrityError, RegistryError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, digestOf } from '../oci/digest.ts';
import type { SignatureRepository } from './signature-repository.ts';

/** Throws NotFoundError, and IntegrityError when it is larger than `maxBytes` or not what the descriptor says. */
export async function readSmallBlob(
  repository: SignatureRepository,
  blob: Pick<Descriptor, 'digest' | 'size'>,
  maxBytes: number,
): Promise<Uint8Array> {
  if (blob.size > maxBytes) throw tooLarge(repository, blob.digest, maxBytes);
  const { body } = await repository.openBlob(blob.digest, undefined, blob.size);
  // one piece of memory: hundreds of large ones would be there twice
  const bytes = Buffer.alloc(blob.size);
  let size = 0;
  for await (const piece of body) {
    const chunk = piece as Uint8Array;
    const from = size;
    size += chunk.byteLength;
    // leaving the loop ends the connection
    if (size > blob.size) break;
    bytes.set(chunk, from);
  }
  if (size !== blob.size || digestOf(bytes, algorithmOf(blob.digest)) !== blob.digest) {
    throw new IntegrityError(
      `the blob ${blob.digest} of ${repository.host}/${repository.name} is not what it should be`,
      {
        code: 'DIGEST_MISMATCH',
        hint: 'The registry, or something on the way to it, is damaged or lies.',
      },
    );
  }
  return bytes;
}

/** What was written, or is being written, in this run. */
const written = new WeakMap<SignatureRepository, Map<Digest, Promise<void>>>();

/**
 * Writes a blob once a run, however many ask for it: all signatures have the same empty config, and two uploads of one blob at
 * once confuse CNCF distribution 2.8, which then has it under neither.
 */
export async function writeSmallBlob(repository: SignatureRepository, bytes: Uint8Array): Promise<Digest> {
  const digest = digestOf(bytes);
  const ofRepository = written.get(repository) ?? new Map<Digest, Promise<void>>();
  written.set(repository, ofRepository);
  let writing = ofRepository.get(digest);
  if (writing === undefined) {
    writing = repository.uploadBlob({
      descriptor: { digest, size: bytes.byteLength },
      bytes,
      open: async (offset = 0) => Readable.from([bytes.subarray(offset)], { objectMode: false }),
    });
    ofRepository.set(digest, writing);
    // who comes after a failure may have more luck
    writing.catch(() => ofRepository.delete(digest));
  }
  await writing;
  return digest;
}

/**
 * Puts a manifest after its blobs. Where two programs upload one blob at once, CNCF distribution 2.8 may come to have it under
 * neither: what it misses then is sent again.
 */
export async function putWithBlobs(
  repository: SignatureRepository,
  session: Session,
  { reference, manifest, blobs }: { reference: string; manifest: RawManifest; blobs: readonly Uint8Array[] },
): Promise<{ subject?: Digest }> {
  for (let tried = 1; ; tried += 1) {
    await Promise.all(blobs.map((blob) => writeSmallBlob(repository, blob)));
    try {
      return await repository.putManifest(reference, manifest);
    } catch (thrown) {
      if (tried === maxTries || !(thrown instanceof RegistryError) || !missesBlob(thrown)) throw thrown;
      for (const blob of blobs) written.get(repository)?.delete(digestOf(blob));
      await pause(session, tried);
    }
  }
}

function missesBlob({ code, errors }: RegistryError): boolean {
  return [code, ...(errors ?? []).map((one) => one.code)].includes('MANIFEST_BLOB_UNKNOWN');
}

/** How often something is tried in which others come between. */
export const maxTries = 6;

/** Longer each time, and never the same for two who wait for each other. */
export function pause(session: Session, tried: number): Promise<void> {
  return session.clock.sleep(100 * 2 ** tried * (0.5 + Math.random()), session.signal);
}

function tooLarge(repository: SignatureRepository, digest: Digest, maxBytes: number): IntegrityError {
  return new IntegrityError(
    `the blob ${digest} of ${repository.host}/${repository.name} is larger than ${maxBytes >> 20} MiB`,
    { code: 'SIGNATURE_TOO_LARGE', hint: 'No signature is that large.' },
  );
}
