/**
 * Sigstore bundles as manifests that refer to the one that is signed.
 *
 * Source: OCI Distribution Specification v1.1, "Pushing Manifests with Subject", "Listing Referrers"; cosign 3, which writes the
 * same; sigstore bundle v0.3.
 */

import { IntegrityError, NotFoundError, SheafError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { encodeImageManifest, type ImageManifest, parseImageManifest } from '../../oci/manifest.ts';
import { emptyDescriptor, mediaTypes } from '../../oci/media-types.ts';
import { type Absence, createAbsence } from '../absent-repository.ts';
import type { BundleSignature } from '../signature.ts';
import type { TakeMemory } from '../signature-memory.ts';
import type { SignatureRepository } from '../signature-repository.ts';
import {
  maxAllSignatureBytes,
  maxSignatureBytes,
  maxSignatures,
  type SignatureStore,
  type SignedManifest,
  withoutKnown,
} from '../signature-store.ts';
import { putWithBlobs, readSmallBlob } from '../small-blobs.ts';
import { addToFallbackIndex, fallbackTag, missingInFallbackIndex, putIntoFallbackIndex } from './fallback-index.ts';

export const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const anyBundleType = 'application/vnd.dev.sigstore.bundle';
const imageSignaturePredicate = 'https://sigstore.dev/cosign/sign/v1';

/** Manifests that are looked at to find the bundles among them. */
const maxReferrers = 512;

export function createBundleStore(
  repository: SignatureRepository,
  session: Session,
  absence = createAbsence(repository),
): SignatureStore {
  /** What was put into indexes that stand in for the API, and that others may write over. */
  const unconfirmed: Listed[] = [];
  return {
    name: 'bundle',
    keeps: new Set(['bundle']),
    async open(manifest, take) {
      const [isNew, { signatures, problems }] = await Promise.all([
        absence.isAbsent(manifest.digest),
        readBundles(repository, absence, manifest, take),
      ]);
      return {
        signatures,
        problems,
        expectWritable: async () => repository.expectWritable?.(),
        async add(more) {
          const fresh = withoutKnown(more, signatures).filter((one) => one.kind === 'bundle');
          absence.wrote(manifest.digest);
          const written = await Promise.all(
            fresh.map(({ bundle }) => writeBundle(repository, session, manifest, bundle)),
          );
          const entries = written.filter((entry) => entry !== undefined);
          if (entries.length > 0) {
            // somebody else may have begun meanwhile
            const alone = isNew && (await absence.isAlone());
            absence.tagged(fallbackTag(manifest.digest));
            await putIntoFallbackIndex(repository, manifest.digest, entries, alone);
            unconfirmed.push({ subject: manifest.digest, entries });
          }
          return fresh.length;
        },
      };
    },
    async confirm() {
      await Promise.all(
        unconfirmed.splice(0).map(async ({ subject, entries }) => {
          for (const entry of await missingInFallbackIndex(repository, subject, entries)) {
            await addToFallbackIndex(repository, session, subject, entry);
          }
        }),
      );
    },
  };
}

interface Listed {
  readonly subject: Digest;
  readonly entries: readonly Descriptor[];
}

async function readBundles(
  repository: SignatureRepository,
  absence: Absence,
  { digest }: SignedManifest,
  take: TakeMemory,
): Promise<{ signatures: readonly BundleSignature[]; problems: readonly string[] }> {
  // all of them: the index that stands in for the API is written with wrong types by some
  const absent = absence.isAbsent(digest);
  const listed = await repository.referrers(digest, { hasTags: async () => !(await absent) });
  const referrers = listed.filter((one) => one.mediaType === mediaTypes.ociManifest);
  if (referrers.length > maxReferrers) throw tooMany(repository, digest, `${maxReferrers} manifests`);
  const problems: string[] = [];
  /** That one cannot be read must not hide a good one, nor pass unseen. */
  const orProblem = async <T>(referrer: Descriptor, read: Promise<T>): Promise<T | undefined> => {
    try {
      return await read;
    } catch (thrown) {
      if (!(thrown instanceof IntegrityError || thrown instanceof NotFoundError)) throw thrown;
      problems.push(`${referrer.digest}: ${thrown.message}`);
      return undefined;
    }
  };
  const named = await Promise.all(
    referrers.map(async (referrer) => ({ referrer, layer: await orProblem(referrer, bundleOf(repository, referrer)) })),
  );
  const found = named.flatMap(({ referrer, layer }) => (layer === undefined ? [] : { referrer, layer }));
  if (found.length > maxSignatures) throw tooMany(repository, digest, `${maxSignatures} bundles`);
  // one that is too large by itself is not read, and told of
  const bytes = found.reduce((sum, { layer: { size } }) => sum + (size > maxSignatureBytes ? 0 : size), 0);
  if (bytes > maxAllSignatureBytes) {
    throw new IntegrityError(`the bundles of ${repository.host}/${repository.name}@${digest} have ${bytes} bytes`, {
      code: 'TOO_MANY_SIGNATURES',
      hint: `No more than ${maxAllSignatureBytes >> 20} MiB in all are read; remove those that are not needed.`,
    });
  }
  await take(bytes);
  const signatures = await Promise.all(
    found.map(async ({ referrer, layer }): Promise<BundleSignature[]> => {
      const bundle = await orProblem(referrer, readSmallBlob(repository, layer, maxSignatureBytes));
      return bundle === undefined ? [] : [{ kind: 'bundle', bundle }];
    }),
  );
  return { signatures: signatures.flat(), problems };
}

/** The layer that is the bundle; `undefined` for a referrer of another kind. */
async function bundleOf(repository: SignatureRepository, referrer: Descriptor): Promise<Descriptor | undefined> {
  let manifest: ImageManifest;
  try {
    manifest = parseImageManifest(await repository.getManifest(referrer.digest));
  } catch (thrown) {
    // what is of another kind by its own word is no business of ours
    if (thrown instanceof SheafError && mayBeBundle(referrer)) throw thrown;
    if (thrown instanceof IntegrityError) return undefined;
    throw thrown;
  }
  const [layer] = manifest.layers;
  return manifest.layers.length === 1 && layer?.mediaType.startsWith(anyBundleType) ? layer : undefined;
}

function mayBeBundle({ artifactType }: Descriptor): boolean {
  return artifactType === undefined || artifactType === mediaTypes.ociEmpty || artifactType.startsWith(anyBundleType);
}

/** The entry that an index needs for it, where the registry keeps no list of its own. */
async function writeBundle(
  repository: SignatureRepository,
  session: Session,
  subject: SignedManifest,
  bundle: Uint8Array,
): Promise<Descriptor | undefined> {
  const { data: _, ...config } = emptyDescriptor;
  const annotations = {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': imageSignaturePredicate,
    'org.opencontainers.image.created': new Date(session.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
  };
  const manifest = encodeImageManifest({
    mediaType: mediaTypes.ociManifest,
    artifactType: bundleType,
    config,
    layers: [{ mediaType: bundleType, digest: digestOf(bundle), size: bundle.byteLength }],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    annotations,
  });
  const blobs = [Buffer.from('{}'), bundle];
  const put = { reference: manifest.digest, manifest, blobs };
  const { subject: linked } = await putWithBlobs(repository, session, put);
  if (linked === subject.digest) return undefined;
  const { mediaType, digest, bytes } = manifest;
  return { mediaType, digest, size: bytes.byteLength, artifactType: bundleType, annotations };
}

function tooMany(repository: SignatureRepository, digest: string, limit: string): IntegrityError {
  return new IntegrityError(`more than ${limit} refer to ${repository.host}/${repository.name}@${digest}`, {
    code: 'TOO_MANY_SIGNATURES',
    hint: 'That is more than anybody would sign; remove those that are not needed.',
  });
}
