/**
 * Signatures as the layers of an image with the tag `<algorithm>-<hex>.sig` beside the one that is signed.
 *
 * Source: cosign specs/SIGNATURE_SPEC.md ("Storage", "Tag-based Discovery"); containers/image docker/ (what it writes and reads).
 */

import { IntegrityError, NotFoundError } from '../../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { encodeImageManifest, type ImageManifest, parseImageManifest } from '../../oci/manifest.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { createAbsence } from '../absent-repository.ts';
import type { AttachmentSignature, ImageSignature } from '../signature.ts';
import type { SignatureRepository } from '../signature-repository.ts';
import { type KeptSignatures, maxSignatureBytes, type SignatureStore, withoutKnown } from '../signature-store.ts';
import { readSmallBlob, writeSmallBlob } from '../small-blobs.ts';
import { appendDiffIds, newConfig } from './attachment-config.ts';

/** The media type of a layer whose payload is a claim; others are attestations and the like. */
export const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';

/** Layers of one manifest, and bytes of all of them together; cosign reads as many. */
const maxLayers = 1000;
const maxAllBytes = 64 << 20;

/** The tag beside the image that holds its signatures. */
export function attachmentTag(digest: Digest): string {
  return `${digest.replace(':', '-')}.sig`;
}

export function createAttachmentStore(
  repository: SignatureRepository,
  absence = createAbsence(repository),
): SignatureStore {
  return {
    name: 'attachment',
    keeps: new Set(['attachment']),
    async open({ digest }): Promise<KeptSignatures> {
      const tag = attachmentTag(digest);
      const before = (await absence.isAbsent()) ? undefined : await readManifest(repository, tag);
      const signatures = before === undefined ? [] : await readLayers(repository, before, tag);
      const add = (more: readonly ImageSignature[]): Promise<number> => {
        absence.wrote();
        return append(repository, tag, before, signatures, more);
      };
      return { signatures, problems: [], add };
    },
  };
}

async function readManifest(repository: SignatureRepository, tag: string): Promise<ImageManifest | undefined> {
  let raw: RawManifest;
  try {
    raw = await repository.getManifest(tag);
  } catch (thrown) {
    if (thrown instanceof NotFoundError) return undefined;
    throw thrown;
  }
  const where = `${repository.host}/${repository.name}:${tag}`;
  if (raw.mediaType !== mediaTypes.ociManifest) {
    throw new IntegrityError(`${where} should hold signatures, but is of the type ${raw.mediaType}`, {
      code: 'BAD_ATTACHMENT',
      hint: 'Something else was given that tag; look at it with sheaf manifest inspect --raw.',
    });
  }
  const manifest = parseImageManifest(raw);
  const bytes = manifest.layers.reduce((sum, layer) => sum + layer.size, 0);
  if (manifest.layers.length > maxLayers || bytes > maxAllBytes) {
    throw new IntegrityError(`${where} holds more than anybody would sign`, {
      code: 'TOO_MANY_SIGNATURES',
      hint: `No more than ${maxLayers} signatures of ${maxAllBytes >> 20} MiB in all are read; remove those that are not needed.`,
    });
  }
  return manifest;
}

function readLayers(
  repository: SignatureRepository,
  { layers }: ImageManifest,
  tag: string,
): Promise<readonly AttachmentSignature[]> {
  return Promise.all(
    layers.map(async ({ mediaType, digest, size, annotations = {} }): Promise<AttachmentSignature> => {
      try {
        const payload = await readSmallBlob(repository, { digest, size }, maxSignatureBytes);
        return { kind: 'attachment', mediaType, payload, annotations };
      } catch (thrown) {
        if (!(thrown instanceof NotFoundError)) throw thrown;
        // a signature that is named and withheld is not one that was never made
        throw new IntegrityError(`${repository.host}/${repository.name}:${tag} names ${digest}, which is not there`, {
          code: 'BAD_ATTACHMENT',
          cause: thrown,
        });
      }
    }),
  );
}

async function append(
  repository: SignatureRepository,
  tag: string,
  before: ImageManifest | undefined,
  existing: readonly ImageSignature[],
  more: readonly ImageSignature[],
): Promise<number> {
  const fresh = withoutKnown(more, existing).filter((one) => one.kind === 'attachment');
  if (fresh.length === 0) return 0;
  const layers = fresh.map(
    ({ mediaType, payload, annotations }): Descriptor => ({
      mediaType,
      digest: digestOf(payload),
      size: payload.byteLength,
      annotations,
    }),
  );
  const diffIds = layers.map((layer) => layer.digest);
  const config =
    before === undefined
      ? newConfig(diffIds)
      : appendDiffIds(await readSmallBlob(repository, before.config, maxSignatureBytes), diffIds);
  const payloads = new Map(fresh.map(({ payload }) => [digestOf(payload), payload]));
  await Promise.all([config, ...payloads.values()].map((blob) => writeSmallBlob(repository, blob)));
  const descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.byteLength };
  const manifest: ImageManifest =
    before === undefined
      ? { mediaType: mediaTypes.ociManifest, config: descriptor, layers }
      : { ...before, config: { ...before.config, ...descriptor }, layers: [...before.layers, ...layers] };
  await repository.putManifest(tag, encodeImageManifest(manifest));
  return fresh.length;
}
