/**
 * Signatures as the layers of an image with the tag `<algorithm>-<hex>.sig` beside the one that is signed.
 *
 * Source: cosign specs/SIGNATURE_SPEC.md ("Storage", "Tag-based Discovery"); containers/image docker/ (what it writes and reads).
 */
import { isDeepStrictEqual } from 'node:util';

import { ConflictError, IntegrityError, NotFoundError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { encodeImageManifest, type ImageManifest, parseImageManifest } from '../../oci/manifest.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { type Absence, createAbsence } from '../absent-repository.ts';
import type { AttachmentSignature } from '../signature.ts';
import type { SignatureRepository } from '../signature-repository.ts';
import {
  type KeptSignatures,
  maxAllSignatureBytes,
  maxSignatureBytes,
  type SignatureStore,
  withoutKnown,
} from '../signature-store.ts';
import { maxTries, pause, putWithBlobs, readSmallBlob, writeSmallBlob } from '../small-blobs.ts';
import { appendDiffIds, newConfig } from './attachment-config.ts';

/** The media type of a layer whose payload is a claim; others are attestations and the like. */
export const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';

/** Layers of one manifest; cosign reads as many. */
const maxLayers = 1000;

/** Of the first signatures of a repository, as many are looked at in the end. */
const maxSample = 8;

/** Bytes of payloads of one manifest that are kept until it is seen that they stay. */
const maxKeptPayloads = 64 << 10;

/**
 * Manifests signed in one go of which each gets a config that names its layers, as containers/image writes it. Of longer lists all
 * get the same one, which names none and is sent once: a config for each costs a registry nearly as much as all the rest.
 */
const maxOwnConfigs = 16;

/** The tag beside the image that holds its signatures. */
export function attachmentTag(digest: Digest): string {
  return `${digest.replace(':', '-')}.sig`;
}

export function createAttachmentStore(
  repository: SignatureRepository,
  session: Session,
  absence = createAbsence(repository),
): SignatureStore {
  /** What was written over something, or beside somebody: whether it stays is seen in the end. */
  const unconfirmed: Appending[] = [];
  /** What was written where nobody else was. */
  const first: Appending[] = [];
  let ownConfig = true;
  return {
    name: 'attachment',
    keeps: new Set(['attachment']),
    expect(manifests) {
      ownConfig = manifests <= maxOwnConfigs;
    },
    async open({ digest }, take): Promise<KeptSignatures> {
      const tag = attachmentTag(digest);
      const isNew = await absence.isAbsent(digest);
      const before = isNew ? undefined : await readManifest(repository, tag);
      if (before !== undefined) await take(bytesOf(before.manifest));
      const signatures = before === undefined ? [] : await readLayers(repository, before.manifest, tag);
      return {
        signatures,
        problems: [],
        expectWritable: async () => repository.expectWritable?.(),
        async add(more) {
          absence.wrote(digest);
          const fresh = withoutKnown(more, signatures).filter((one) => one.kind === 'attachment');
          if (fresh.length === 0) return 0;
          const appending = appendingOf(tag, fresh, ownConfig);
          if (isNew && (await putFirst(repository, session, appending, absence))) {
            first.push(whenWritten(appending));
          } else {
            await append(repository, session, appending, before);
            unconfirmed.push(whenWritten(appending));
          }
          return fresh.length;
        },
      };
    },
    async confirm() {
      unconfirmed.push(...(await doubtful(repository, first.splice(0))));
      for (let tried = 1; unconfirmed.length > 0; tried += 1) {
        const lost = await overwritten(repository, unconfirmed);
        unconfirmed.length = 0;
        const [first] = lost;
        if (first === undefined) return;
        if (tried === maxTries) throw raced(repository, first.appending.tag);
        await pause(session, tried);
        await Promise.all(lost.map(({ appending, now }) => append(repository, session, appending, now)));
        unconfirmed.push(...lost.map(({ appending }) => appending));
      }
    },
  };
}

/** Of the first to sign in a repository that was not there. False where somebody else has begun meanwhile: nothing is put then. */
async function putFirst(
  repository: SignatureRepository,
  session: Session,
  appending: Appending,
  absence: Absence,
): Promise<boolean> {
  const made = await withLayers(repository, appending, undefined);
  await Promise.all(made.blobs.map((blob) => writeSmallBlob(repository, blob)));
  if (!(await absence.isAlone())) return false;
  absence.tagged(appending.tag);
  await put(repository, session, appending.tag, made);
  return true;
}

/** Whoever signs the same at the same moment writes over many of them: a few tell whether all must be looked at. */
async function doubtful(repository: SignatureRepository, written: readonly Appending[]): Promise<readonly Appending[]> {
  const every = Math.ceil(written.length / maxSample);
  const lost = await overwritten(
    repository,
    written.filter((_, at) => at % every === 0),
  );
  return lost.length === 0 ? [] : written;
}

/** What stands under a tag. */
interface Standing {
  readonly manifest: ImageManifest;
  readonly digest: Digest;
}

interface Appending {
  readonly tag: string;
  readonly layers: readonly Descriptor[];
  /** The blobs of the layers, as far as they have to be sent. */
  readonly payloads: readonly Uint8Array[];
  /** Whether a new config names the layers. */
  readonly ownConfig: boolean;
}

function appendingOf(tag: string, fresh: readonly AttachmentSignature[], ownConfig: boolean): Appending {
  const payloads = new Map(fresh.map(({ payload }) => [digestOf(payload), payload]));
  const layers = fresh.map(({ mediaType, payload, annotations }) => ({
    mediaType,
    digest: digestOf(payload),
    size: payload.byteLength,
    annotations,
  }));
  return { tag, layers, payloads: [...payloads.values()], ownConfig };
}

/** The blobs are at the registry now; small ones are kept for one that loses them, large ones would add up in memory. */
function whenWritten(appending: Appending): Appending {
  const bytes = appending.payloads.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return bytes > maxKeptPayloads ? { ...appending, payloads: [] } : appending;
}

interface Lost {
  readonly appending: Appending;
  readonly now: Standing | undefined;
}

async function overwritten(repository: SignatureRepository, written: readonly Appending[]): Promise<readonly Lost[]> {
  const looked = await Promise.all(
    written.map(async (appending) => ({ appending, now: await readManifest(repository, appending.tag) })),
  );
  return looked.filter(({ appending, now }) => !appending.layers.every((layer) => hasLayer(now, layer)));
}

async function readManifest(repository: SignatureRepository, tag: string): Promise<Standing | undefined> {
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
  if (manifest.layers.length > maxLayers || bytesOf(manifest) > maxAllSignatureBytes) {
    throw new IntegrityError(`${where} holds more than anybody would sign`, {
      code: 'TOO_MANY_SIGNATURES',
      hint: `No more than ${maxLayers} signatures of ${maxAllSignatureBytes >> 20} MiB in all are read; remove those that are not needed.`,
    });
  }
  return { manifest, digest: raw.digest };
}

function bytesOf({ layers }: ImageManifest): number {
  return layers.reduce((sum, layer) => sum + layer.size, 0);
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

/**
 * Nobody can lock a tag. What stands there is looked at once more when everything for the new manifest is there, so that next to
 * no time is left for others to come between.
 */
async function append(
  repository: SignatureRepository,
  session: Session,
  appending: Appending,
  before: Standing | undefined,
): Promise<void> {
  let known = before;
  for (let tried = 1; tried <= maxTries; tried += 1) {
    const made = await withLayers(repository, appending, known);
    await Promise.all(made.blobs.map((blob) => writeSmallBlob(repository, blob)));
    const now = await readManifest(repository, appending.tag);
    if (now?.digest === known?.digest) return put(repository, session, appending.tag, made);
    known = now;
    if (appending.layers.every((layer) => hasLayer(now, layer))) return;
  }
  throw raced(repository, appending.tag);
}

async function put(
  repository: SignatureRepository,
  session: Session,
  reference: string,
  { manifest, blobs }: Made,
): Promise<void> {
  await putWithBlobs(repository, session, { reference, manifest: encodeImageManifest(manifest), blobs });
}

function hasLayer(standing: Standing | undefined, layer: Descriptor): boolean {
  return (standing?.manifest.layers ?? []).some(
    (one) =>
      one.mediaType === layer.mediaType &&
      one.digest === layer.digest &&
      isDeepStrictEqual({ ...one.annotations }, { ...layer.annotations }),
  );
}

interface Made {
  readonly manifest: ImageManifest;
  /** That it needs beside those that are there. */
  readonly blobs: readonly Uint8Array[];
}

/** The manifest with ours after what is known to stand there. */
async function withLayers(
  repository: SignatureRepository,
  appending: Appending,
  known: Standing | undefined,
): Promise<Made> {
  const before = known?.manifest;
  const layers = appending.layers.filter((layer) => !hasLayer(known, layer));
  const all = [...(before?.layers ?? []), ...layers];
  const config =
    before === undefined
      ? newConfig(appending.ownConfig ? all.map((layer) => layer.digest) : [])
      : appendDiffIds(
          await readSmallBlob(repository, before.config, maxSignatureBytes),
          all.map((layer) => layer.digest),
          before.layers.length,
        );
  const blobs = [config, ...appending.payloads];
  const descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.byteLength };
  if (before === undefined) {
    return { manifest: { mediaType: mediaTypes.ociManifest, config: descriptor, layers: all }, blobs };
  }
  return { manifest: { ...before, config: { ...before.config, ...descriptor }, layers: all }, blobs };
}

function raced(repository: SignatureRepository, tag: string): ConflictError {
  return new ConflictError(`others write ${repository.host}/${repository.name}:${tag} all the time`, {
    code: 'ATTACHMENT_RACE',
    hint: 'Sign again when they have done; what is signed already is not signed twice.',
  });
}
