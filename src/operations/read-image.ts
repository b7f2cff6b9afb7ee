/** Reads an image or index that is to go on a list: which entries it gives, where they live, what is worth keeping. */
import { type InstanceSelection, selectInstances } from '../copy/select-instances.ts';
import { ConflictError } from '../foundation/errors.ts';
import { chooseInstance, type PlatformChoice } from '../oci/choose-instance.ts';
import { parseImageConfig } from '../oci/config.ts';
import { descriptorOf, type RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { type IndexEntry, parseIndex } from '../oci/image-index.ts';
import { type ImageManifest, parseImageManifest } from '../oci/manifest.ts';
import { isIndexType, mediaTypes } from '../oci/media-types.ts';
import type { Platform } from '../oci/platform.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource, type VerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';

/** What to take from a source that is an index: one instance by the peers' rule, or a set. */
export type Taking = { readonly one: PlatformChoice } | Exclude<InstanceSelection, 'none'>;

/** What a source gives to a list. */
export interface ReadImage {
  readonly entries: readonly IndexEntry[];
  /** Where each entry's manifest and blobs are. */
  readonly locations: ReadonlyMap<Digest, readonly string[]>;
  /** Small things that were read anyway and are kept, so that nobody asks for them twice: manifests and configs. */
  readonly content: ReadonlyArray<{ readonly digest: Digest; readonly bytes: Uint8Array }>;
  /** The very index, when all of it was taken. */
  readonly base?: RawManifest;
}

/** Configs larger than this are not read. */
const maxConfigBytes = 4 << 20;

/** Only reads. Throws what opening and reading the source throws. */
export async function readImage(env: Env, location: ImageLocation, taking: Taking): Promise<ReadImage> {
  await using source = await openVerifiedSource(location, env);
  const root = await source.getManifest();
  return isIndexType(root.mediaType) ? readIndex(env, source, root, taking) : readSingle(source, root);
}

async function readIndex(env: Env, source: VerifiedSource, root: RawManifest, taking: Taking): Promise<ReadImage> {
  const index = parseIndex(root);
  const entries =
    typeof taking === 'object' && 'one' in taking
      ? [chooseInstance(index, taking.one, env.host)]
      : selectInstances(index, taking, env.host);
  const locations = new Map<Digest, readonly string[]>();
  for (const entry of entries) locations.set(entry.digest, placesOf(source, entry.digest));
  return { entries, locations, content: [], ...(taking === 'all' ? { base: root } : {}) };
}

async function readSingle(source: VerifiedSource, root: RawManifest): Promise<ReadImage> {
  const manifest = parseImageManifest(root);
  const content = [{ digest: root.digest, bytes: root.bytes }];
  let platform: Platform | undefined;
  if (isImageConfig(manifest)) {
    const bytes = await source.readBlob(manifest.config, maxConfigBytes);
    content.push({ digest: manifest.config.digest, bytes });
    platform = platformOf(bytes);
  }
  const entry: IndexEntry = {
    ...descriptorOf(root),
    ...(platform === undefined ? {} : { platform }),
    ...(manifest.artifactType === undefined ? {} : { artifactType: manifest.artifactType }),
  };
  return { entries: [entry], locations: new Map([[root.digest, placesOf(source, root.digest)]]), content };
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
  const parsed = parseImageConfig(config);
  const platform: Platform = {
    architecture: parsed.architecture ?? '',
    os: parsed.os ?? '',
    ...(parsed['os.version'] ? { 'os.version': parsed['os.version'] } : {}),
    ...(parsed['os.features'] && parsed['os.features'].length > 0 ? { 'os.features': parsed['os.features'] } : {}),
    ...(parsed.variant ? { variant: parsed.variant } : {}),
  };
  return platform.architecture === '' && platform.os === '' && Object.keys(platform).length === 2
    ? undefined
    : platform;
}
