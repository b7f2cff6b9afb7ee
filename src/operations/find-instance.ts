/** Which instance of a list a person means: by digest, platform, file name or image name. */
import { ConflictError, NotFoundError, SheafError } from '../foundation/errors.ts';
import { chooseInstance } from '../oci/choose-instance.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { type IndexEntry, parseIndex } from '../oci/image-index.ts';
import { isAttestation } from '../oci/matcher.ts';
import { isIndexType } from '../oci/media-types.ts';
import {
  formatPlatform,
  isKnownSystem,
  type Platform,
  type PlatformSpec,
  parsePlatform,
  samePlatform,
} from '../oci/platform.ts';
import type { ListRecord } from '../store/list-store.ts';
import { openVerifiedSource, parsed } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';
import { findImage } from './find-image.ts';

/** An instance as edits of an index name it. */
export interface FoundInstance {
  readonly digest: Digest;
  /** Where it was found by its platform: others may have the same manifest on the same list. */
  readonly platform?: PlatformSpec;
}

/**
 * The instance of `record` that `text` names: a digest, a platform of the list (`linux/arm64`), the name of an artifact's file,
 * or an image name (which is resolved at its registry). Throws NotFoundError INSTANCE_NOT_FOUND, and ConflictError
 * AMBIGUOUS_INSTANCE where a platform stands for several.
 */
export async function findInstance(env: Env, record: ListRecord, text: string): Promise<FoundInstance> {
  if (isDigest(text)) {
    if (record.index.manifests.some((entry) => entry.digest === text)) return { digest: text };
    throw notFound(record, `no instance matching digest "${text}" found in manifest list ${nameOf(record)}`);
  }
  const byFile = Object.entries(record.files).filter(([, names]) => names.includes(text));
  if (byFile.length > 1)
    throw ambiguous(
      text,
      byFile.map(([digest]) => digest),
    );
  const [file] = byFile;
  if (file !== undefined) return { digest: file[0] as Digest };
  const byPlatform = platformMatches(record, text);
  if (byPlatform.length > 1)
    throw ambiguous(
      text,
      byPlatform.map((entry) => entry.digest),
    );
  const [only] = byPlatform;
  if (only?.platform !== undefined) return { digest: only.digest, platform: specOf(only.platform) };
  if (namesPlatform(text))
    throw notFound(record, `no instance for the platform "${text}" found in manifest list ${nameOf(record)}`);
  return { digest: await byImageName(env, record, text) };
}

function platformMatches(record: ListRecord, text: string): IndexEntry[] {
  let spec: PlatformSpec;
  try {
    spec = parsePlatform(text);
  } catch {
    return [];
  }
  const images = record.index.manifests.filter((entry) => entry.platform !== undefined && !isAttestation(entry));
  const fits = (entry: IndexEntry): boolean =>
    entry.platform !== undefined &&
    entry.platform.os === spec.os &&
    entry.platform.architecture === spec.architecture &&
    (spec.variant === undefined || entry.platform.variant === spec.variant) &&
    (spec.osVersion === undefined || entry.platform['os.version'] === spec.osVersion);
  const exact = images.filter(
    (entry) =>
      entry.platform !== undefined &&
      samePlatform(entry.platform, spec) &&
      (spec.osVersion === undefined || entry.platform['os.version'] === spec.osVersion),
  );
  return exact.length > 0 ? exact : images.filter(fits);
}

/** All that an entry says of its platform, so that no other one is meant. */
function specOf({ os, architecture, variant, ...of }: Platform): PlatformSpec {
  return {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(of['os.version'] === undefined ? {} : { osVersion: of['os.version'] }),
    ...(of['os.features'] === undefined ? {} : { osFeatures: of['os.features'] }),
  };
}

/** Whether `text` can mean nothing but a platform: `linux/arm64`, and no image of a user called "linux". */
function namesPlatform(text: string): boolean {
  const [os = '', architecture, ...rest] = text.split('/');
  return isKnownSystem(os) && architecture !== undefined && rest.length < 2 && !/[:@]/.test(text);
}

/** Resolves the image and finds it, or what it has for this machine, on the list. */
async function byImageName(env: Env, record: ListRecord, text: string): Promise<Digest> {
  const onList = new Set(record.index.manifests.map((entry) => entry.digest));
  let found: readonly Digest[];
  try {
    await using source = await openVerifiedSource(await findImage(env, text), env);
    const root = await source.getManifest();
    if (onList.has(root.digest)) return root.digest;
    if (!isIndexType(root.mediaType)) found = [];
    else {
      const index = parsed(source, () => parseIndex(root));
      const shared = index.manifests.filter((entry) => onList.has(entry.digest));
      found = shared.length > 1 ? [chooseInstance(index, {}, env.host).digest] : shared.map((entry) => entry.digest);
    }
  } catch (thrown) {
    // a word without a registry is more likely a slip than an image: what its registry says is not the point
    const kinds = ['usage', 'not-found', 'unsupported', ...(text.includes('/') ? [] : ['auth', 'registry'])];
    if (thrown instanceof SheafError && kinds.includes(thrown.kind)) {
      throw notFound(
        record,
        `"${text}" is no digest, platform or file name of ${nameOf(record)}, nor the name of an image that can be read`,
        thrown,
      );
    }
    throw thrown;
  }
  const [digest] = found;
  if (digest !== undefined && onList.has(digest)) return digest;
  throw notFound(record, `the image ${text} is not on the list ${nameOf(record)}`);
}

const nameOf = (record: ListRecord): string => record.names[0] ?? record.id;

function notFound(record: ListRecord, message: string, cause?: unknown): NotFoundError {
  const there = record.index.manifests.map((entry) =>
    entry.platform === undefined ? entry.digest : `${formatPlatform(entry.platform)} (${entry.digest.slice(0, 19)}...)`,
  );
  return new NotFoundError(message, {
    code: 'INSTANCE_NOT_FOUND',
    hint: there.length === 0 ? 'The list is empty.' : `On the list are ${there.join(', ')}.`,
    ...(cause === undefined ? {} : { cause }),
  });
}

function ambiguous(text: string, digests: readonly string[]): ConflictError {
  return new ConflictError(`"${text}" stands for ${digests.length} instances: ${digests.join(', ')}`, {
    code: 'AMBIGUOUS_INSTANCE',
    hint: 'Name the one you mean by its digest.',
  });
}
