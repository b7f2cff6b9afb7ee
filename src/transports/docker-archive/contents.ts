/**
 * What an archive of `docker save` holds, in each of its dialects: `manifest.json` (Docker 1.10 and later, and everybody
 * else), `repositories` with a folder for each layer (before that). The third one, an OCI layout, is read by `source.ts`.
 *
 * Source: Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"; v1.0 for the older one.
 */
import type { TarFile } from '../../archive/tar-file.ts';
import { IntegrityError } from '../../foundation/errors.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import type { JsonObject } from '../../oci/json-value.ts';

/** One image, as its archive lists it. */
export interface ListedImage {
  /** `NAME:TAG`, as written there. */
  readonly tags: readonly string[];
  /** Name of the config's file; `undefined` in the older dialect, which has none. */
  readonly config?: string;
  /** Names of the layers' files, base first. */
  readonly layers: readonly string[];
  /** In the older dialect: the JSON of each layer, base first. */
  readonly histories?: readonly JsonObject[];
}

const maxDocumentBytes = 4 << 20;
/** Docker itself stops at 125. */
const maxLayers = 1024;

/** In the order of the archive; `undefined` where it is no such archive. Throws IntegrityError MALFORMED_ARCHIVE. */
export async function listImages(archive: TarFile): Promise<readonly ListedImage[] | undefined> {
  const manifest = await archive.read('manifest.json', maxDocumentBytes);
  if (manifest !== undefined) return fromManifest(parseJson(manifest, `manifest.json in ${archive.where}`), archive);
  const repositories = await archive.read('repositories', maxDocumentBytes);
  if (repositories === undefined) return undefined;
  return fromRepositories(parseJson(repositories, `repositories in ${archive.where}`), archive);
}

function fromManifest(document: JsonValue, archive: TarFile): ListedImage[] {
  if (!Array.isArray(document)) throw malformed(archive, 'manifest.json is no list of images');
  return document.map((item: JsonValue, at) => {
    if (!isJsonObject(item)) throw malformed(archive, `entry ${at} of manifest.json is no object`);
    const { Config: config, RepoTags: tags, Layers: layers } = item;
    if (typeof config !== 'string') throw malformed(archive, `entry ${at} of manifest.json names no config`);
    return {
      config: plainName(config),
      tags: texts(tags, archive, `RepoTags of entry ${at}`),
      layers: texts(layers, archive, `Layers of entry ${at}`).map(plainName),
    };
  });
}

function texts(value: JsonValue | undefined, archive: TarFile, what: string): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw malformed(archive, `${what} of manifest.json is no list`);
  if (value.length > maxLayers) throw malformed(archive, `${what} of manifest.json has ${value.length} members`);
  return value.map((text: JsonValue) => {
    if (typeof text !== 'string') throw malformed(archive, `${what} of manifest.json holds something else than texts`);
    return text;
  });
}

/** Names are given with and without `./`, and with the separators of the system that wrote them. */
function plainName(name: string): string {
  return name
    .replaceAll('\\', '/')
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

async function fromRepositories(document: JsonValue, archive: TarFile): Promise<ListedImage[]> {
  if (!isJsonObject(document)) throw malformed(archive, 'repositories is no object');
  const tags = new Map<string, string[]>();
  for (const [name, versions] of Object.entries(document)) {
    if (!isJsonObject(versions)) throw malformed(archive, `"${name}" in repositories is no object`);
    for (const [tag, id] of Object.entries(versions)) {
      if (typeof id !== 'string') throw malformed(archive, `"${name}:${tag}" in repositories names no layer`);
      tags.set(id, [...(tags.get(id) ?? []), `${name}:${tag}`]);
    }
  }
  return Promise.all([...tags].map(async ([id, names]) => ({ tags: names, ...(await chainOf(id, archive)) })));
}

/** The layer called `top` and those below it. */
async function chainOf(top: string, archive: TarFile): Promise<Pick<ListedImage, 'layers' | 'histories'>> {
  const layers: string[] = [];
  const histories: JsonObject[] = [];
  for (let id: JsonValue | undefined = top; typeof id === 'string' && id !== ''; ) {
    if (layers.length === maxLayers) throw malformed(archive, `the image ${top} has more than ${maxLayers} layers`);
    const name: string = `${plainName(id)}/json`;
    const bytes = await archive.read(name, maxDocumentBytes);
    const history: JsonValue | undefined = bytes && parseJson(bytes, `${name} in ${archive.where}`);
    if (!isJsonObject(history)) throw malformed(archive, `${name}, which describes a layer, is not there or no object`);
    layers.unshift(`${plainName(id)}/layer.tar`);
    histories.unshift(history);
    id = history['parent'];
  }
  return { layers, histories };
}

export function malformed(archive: TarFile, what: string): IntegrityError {
  return new IntegrityError(`${archive.where} is not a sound docker archive: ${what}`, {
    code: 'MALFORMED_ARCHIVE',
    hint: 'Make the archive again.',
  });
}
