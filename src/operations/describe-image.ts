/** What an image or index says of itself, for a person who looks at it. */
import type { PlatformChoice } from '../oci/choose-instance.ts';
import { parseImageConfig } from '../oci/config.ts';
import type { Annotations, Descriptor, RawManifest } from '../oci/descriptor.ts';
import { type ImageIndex, parseIndex } from '../oci/image-index.ts';
import { isJsonObject, type JsonValue, parseJson } from '../oci/json.ts';
import { parseImageManifest } from '../oci/manifest.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { Platform } from '../oci/platform.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource, parsed, type VerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';
import { oneInstance } from './one-instance.ts';

/** How an image is run, as its config says. */
export interface RunSettings {
  readonly user?: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir?: string;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface DescribedImage {
  readonly kind: 'image';
  readonly manifest: RawManifest;
  /** The index from which it was chosen. */
  readonly index: RawManifest | undefined;
  readonly artifactType: string | undefined;
  readonly annotations: Annotations;
  readonly layers: readonly Descriptor[];
  /** Digest, size and type of the config. */
  readonly config: Descriptor;
  /** What the config says; `undefined` where it is not one of an image (artifacts). */
  readonly image:
    | (Omit<Partial<Platform>, 'unknown'> & {
        readonly created?: string;
        readonly author?: string;
        readonly dockerVersion?: string;
        readonly run: RunSettings;
      })
    | undefined;
}

export interface DescribedIndex {
  readonly kind: 'index';
  readonly manifest: RawManifest;
  readonly index: ImageIndex;
}

/** Configs larger than this are not read. */
const maxConfigBytes = 4 << 20;

/**
 * Describes what `location` names, or the instance of it that `choice` means.
 *
 * @throws NotFoundError NO_IMAGE_FOR_PLATFORM, IntegrityError for a config that is none, and what reading throws
 */
export async function describeImage(
  env: Env,
  location: ImageLocation,
  choice?: PlatformChoice,
): Promise<DescribedImage | DescribedIndex> {
  await using source = await openVerifiedSource(location, env);
  if (choice === undefined) {
    const manifest = await source.getManifest();
    if (isIndexType(manifest.mediaType)) {
      return { kind: 'index', manifest, index: parsed(source, () => parseIndex(manifest)) };
    }
  }
  const { manifest: raw, index } = await oneInstance(source, choice ?? {}, env.host);
  const { artifactType, annotations = {}, layers, config } = parsed(source, () => parseImageManifest(raw));
  const described = { kind: 'image', manifest: raw, index, artifactType, annotations, layers, config } as const;
  if (artifactType !== undefined || !isImageConfig(config)) return { ...described, image: undefined };
  const bytes = await source.readBlob(config, maxConfigBytes);
  return { ...described, image: parsed(source, () => readConfig(bytes)) };
}

/**
 * The config of the image that `location` names, as it is. Of an index it is that of the instance that `choice` means.
 *
 * @throws as {@link describeImage}
 */
export async function readConfigOf(env: Env, location: ImageLocation, choice: PlatformChoice): Promise<Uint8Array> {
  await using source: VerifiedSource = await openVerifiedSource(location, env);
  const { manifest: raw } = await oneInstance(source, choice, env.host);
  const { config } = parsed(source, () => parseImageManifest(raw));
  return await source.readBlob(config, maxConfigBytes);
}

/** All tags of the repository that `location` names; none, with a warning, where that is in no registry. */
export async function tagsOf(env: Env, location: ImageLocation): Promise<string[]> {
  const { reference } = location;
  if (reference === undefined) {
    const message = `${location.format()} is not in a registry, and has no list of tags`;
    env.session.emit({ type: 'warning', code: 'NO_REPOSITORY', message });
    return [];
  }
  const { insecure } = (await env.routes?.push(`${reference.registry}/${reference.repository}`)) ?? {};
  const client = env.registries.client(reference.registry, insecure === undefined ? {} : { insecure });
  const tags: string[] = [];
  for await (const tag of client.repository(reference.repository).tags()) tags.push(tag);
  return tags;
}

function isImageConfig({ mediaType }: Descriptor): boolean {
  return /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(mediaType);
}

function readConfig(bytes: Uint8Array): DescribedImage['image'] {
  const { unknown, ...platform } = parseImageConfig(bytes);
  const document = isJsonObject(unknown) ? unknown : {};
  const run = isJsonObject(document['config']) ? document['config'] : {};
  const created = textOf(document['created']);
  const author = textOf(document['author']);
  const dockerVersion = textOf(document['docker_version']);
  const user = textOf(run['User']);
  const workingDir = textOf(run['WorkingDir']);
  const stopSignal = textOf(run['StopSignal']);
  return {
    ...platform,
    ...(created === undefined ? {} : { created }),
    ...(author === undefined ? {} : { author }),
    ...(dockerVersion === undefined ? {} : { dockerVersion }),
    run: {
      ...(user === undefined ? {} : { user }),
      env: textsOf(run['Env']),
      entrypoint: textsOf(run['Entrypoint']),
      cmd: textsOf(run['Cmd']),
      ...(workingDir === undefined ? {} : { workingDir }),
      exposedPorts: keysOf(run['ExposedPorts']),
      volumes: keysOf(run['Volumes']),
      ...(stopSignal === undefined ? {} : { stopSignal }),
      labels: Object.fromEntries(
        Object.entries(isJsonObject(run['Labels']) ? run['Labels'] : {}).flatMap(([key, value]) =>
          typeof value === 'string' ? [[key, value] as const] : [],
        ),
      ),
    },
  };
}

/** What has another type than the specification says is not shown: looking at an image fails for no such thing. */
function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function textsOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function keysOf(value: JsonValue | undefined): string[] {
  return isJsonObject(value) ? Object.keys(value) : [];
}

/** A document with indentation, for reading. Throws IntegrityError where it is no JSON. */
export function readable(bytes: Uint8Array, what: string): { text: string; document: JsonValue } {
  const document = parseJson(bytes, what);
  return { text: JSON.stringify(document, undefined, 4), document };
}
