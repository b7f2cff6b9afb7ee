/** Reads an image or index that is to go on a list: which entries it gives, where they live, what is worth keeping. */
import { type InstanceSelection, selectInstances } from '../copy/select-instances.ts';
import { ConflictError } from '../foundation/errors.ts';
import { chooseInstance, type PlatformChoice } from '../oci/choose-instance.ts';
import { parseImageConfig } from '../oci/config.ts';
import { descriptorOf, type RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { type IndexEntry, parseIndex } from '../oci/image-index.ts';
import { type ImageManifest, parseImageManifest } from '../oci/manifest.ts';
import { isIndexType, isManifestType, mediaTypes } from '../oci/media-types.ts';
import type { Platform } from '../oci/platform.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource, parsed, type VerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';

/** What to take from a source that is an index: one instance by the peers' rule, or a set. */
export type Taking = { readonly one: PlatformChoice } | Exclude<InstanceSelection, 'none'>;

interface KeptBlob {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** What a source gives to a list. */
export interface ReadImage {
  readonly entries: readonly IndexEntry[];
  /** Where each entry's manifest and blobs are. */
  readonly locations: ReadonlyMap<Digest, readonly string[]>;
  /** Small things that were read anyway and are kept, so that nobody asks for them twice: manifests and configs. */
  readonly content: readonly KeptBlob[];
  /** The very index, when all of it was taken. */
  readonly base?: RawManifest;
}

/** Configs larger than this are not read. */
const maxConfigBytes = 4 << 20;

/** Only reads. Throws what opening and reading the source throws. */
export async function readImage(env: Env, location: ImageLocation, taking: Taking): Promise<ReadImage> {
  await using source = await openVerifiedSource(location, env);
  const root = await source.getManifest();
  // (awaited here: the source is closed when this function returns)
  if (isIndexType(root.mediaType)) return await readIndex(env, source, root, taking);
  await env.checkSource?.({ location, root: descriptorOf(root), used: [descriptorOf(root)] });
  return await readSingle(source, root);
}

async function readIndex(env: Env, source: VerifiedSource, root: RawManifest, taking: Taking): Promise<ReadImage> {
  const index = parsed(source, () => parseIndex(root));
  const chosen =
    typeof taking === 'object' && 'one' in taking
      ? [chooseInstance(index, taking.one, env.host)]
      : selectInstances(index, taking, env.host);
  await env.checkSource?.({ location: source.location, root: descriptorOf(root), used: chosen });
  const content: KeptBlob[] = [];
  const entries = await Promise.all(chosen.map((entry) => withPlatform(source, entry, content)));
  const locations = new Map<Digest, readonly string[]>();
  for (const entry of entries) locations.set(entry.digest, placesOf(source, entry.digest));
  return { entries, locations, content, ...(taking === 'all' ? { base: root } : {}) };
}

/**
 * An entry whose index does not say for which operating system or architecture it is gets that from its config, as with the
 * peers. What had to be read goes to `content`.
 */
async function withPlatform(source: VerifiedSource, entry: IndexEntry, content: KeptBlob[]): Promise<IndexEntry> {
  const { platform } = entry;
  if ((platform?.os && platform.architecture) || entry.artifactType !== undefined || !isManifestType(entry.mediaType)) {
    return entry;
  }
  const raw = await source.getManifest(entry.digest);
  const image = await readImageOf(source, raw, content);
  if (image.platform === undefined) return entry;
  const { os, architecture, variant, 'os.version': osVersion, 'os.features': osFeatures } = image.platform;
  return {
    ...entry,
    platform: {
      ...(platform ?? { os, architecture }),
      ...(platform?.os
        ? {}
        : {
            os,
            ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
            ...(osFeatures === undefined ? {} : { 'os.features': osFeatures }),
          }),
      ...(platform?.architecture ? {} : { architecture, ...(variant === undefined ? {} : { variant }) }),
    },
  };
}

async function readSingle(source: VerifiedSource, root: RawManifest): Promise<ReadImage> {
  const content: KeptBlob[] = [];
  const entry = await entryOf(source, root, content);
  return { entries: [entry], locations: new Map([[root.digest, placesOf(source, root.digest)]]), content };
}

/** A single image or artifact as an index would name it, for which its config is read. What was read goes to `content`. */
export async function entryOf(
  source: VerifiedSource,
  root: RawManifest,
  content: KeptBlob[] = [],
): Promise<IndexEntry> {
  const { platform, manifest } = await readImageOf(source, root, content);
  return {
    ...descriptorOf(root),
    ...(platform === undefined ? {} : { platform }),
    ...(manifest.artifactType === undefined ? {} : { artifactType: manifest.artifactType }),
  };
}

/** A manifest and, where it is one of an image, the platform that its config states. What was read goes to `content`. */
async function readImageOf(
  source: VerifiedSource,
  raw: RawManifest,
  content: KeptBlob[],
): Promise<{ manifest: ImageManifest; platform: Platform | undefined }> {
  const manifest = parsed(source, () => parseImageManifest(raw));
  content.push({ digest: raw.digest, bytes: raw.bytes });
  if (!isImageConfig(manifest)) return { manifest, platform: undefined };
  const bytes = await source.readBlob(manifest.config, maxConfigBytes);
  content.push({ digest: manifest.config.digest, bytes });
  return { manifest, platform: parsed(source, () => platformOf(bytes)) };
}

/** Where an instance of `source` will still be found later: pinned by digest wherever the transport can. */
function placesOf(source: VerifiedSource, instance: Digest): readonly string[] {
  const places = source.origins(instance).map((origin) => {
    const pinned = origin.pinned(instance);
    if (pinned === undefined) {
      throw new ConflictError(
        `${origin.format()} cannot be kept as the place of ${instance}: it may name something else later`,
        {
          code: 'LOCATION_NOT_STABLE',
          hint: 'Copy it to a file, a layout or a registry with `sheaf image copy` first, and add it from there.',
        },
      );
    }
    return pinned.format();
  });
  return [...new Set(places)];
}

function isImageConfig(manifest: ImageManifest): boolean {
  const { mediaType } = manifest.config;
  return (
    manifest.artifactType === undefined && (mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig)
  );
}

/** The platform that a config states; `undefined` where it states nothing (as in containers/image: all fields empty). */
function platformOf(config: Uint8Array): Platform | undefined {
  const stated = parseImageConfig(config);
  const platform: Platform = {
    architecture: stated.architecture ?? '',
    os: stated.os ?? '',
    ...(stated['os.version'] ? { 'os.version': stated['os.version'] } : {}),
    ...(stated['os.features'] && stated['os.features'].length > 0 ? { 'os.features': stated['os.features'] } : {}),
    ...(stated.variant ? { variant: stated.variant } : {}),
  };
  return platform.architecture === '' && platform.os === '' && Object.keys(platform).length === 2
    ? undefined
    : platform;
}
