/**
 * Writes an archive as `docker save` and skopeo do: layers and configs once each however many images share them, the folders
 * of old, `manifest.json`, `repositories`. Entries, modes, order and documents are those of containers/image.
 */
import type { Readable, Writable } from 'node:stream';
import { TarPacker } from '../../archive/tar-packer.ts';
import { type Digest, digestOf, encodedOf } from '../../oci/digest.ts';
import { encodeGoJson, type JsonValue } from '../../oci/json.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';
import { passing } from '../local-file.ts';
import { legacyLayers } from './legacy-layers.ts';

/** A layer without compression. */
export interface PlainLayer {
  readonly diffId: Digest;
  /** Bytes. */
  readonly size: number;
  open(): Readable;
}

export interface PackedImage {
  readonly config: Uint8Array;
  /** Base first; their diff IDs are those of the config. */
  readonly layers: readonly PlainLayer[];
  /** Each has a tag. */
  readonly tags: readonly Reference[];
}

const mode = 0o444;

interface Item {
  readonly config: string;
  readonly layers: readonly string[];
  readonly tags: string[];
}

/**
 * Writes `images` to `output` and ends it. Images with the same config become one, with the names of both. Throws what reading
 * the layers and writing fails with.
 */
export async function packDockerArchive(
  images: readonly PackedImage[],
  output: Writable,
  signal?: AbortSignal,
): Promise<void> {
  const packer = new TarPacker(output, signal);
  try {
    await pack(packer, images);
    await packer.finish();
  } catch (thrown) {
    await packer.abort();
    throw thrown;
  }
}

async function pack(packer: TarPacker, images: readonly PackedImage[]): Promise<void> {
  const written = new Set<string>();
  const items = new Map<string, Item>();
  const repositories = new Map<string, Map<string, string>>();
  const once = async (name: string, write: () => Promise<void>): Promise<void> => {
    if (written.has(name)) return;
    written.add(name);
    await write();
  };
  for (const { config, layers, tags } of images) {
    for (const layer of layers) {
      const name = layerName(layer.diffId);
      await once(name, () => packer.stream(name, layer.size, passing(layer.open()), mode));
    }
    const configName = `${encodedOf(digestOf(config))}.json`;
    await once(configName, () => packer.file(configName, config, mode));
    const folders = legacyLayers(
      config,
      layers.map(({ diffId }) => diffId),
    );
    for (const { id, diffId, json } of folders) {
      await once(id, async () => {
        await packer.link(`${id}/layer.tar`, `../${layerName(diffId)}`);
        await packer.file(`${id}/VERSION`, Buffer.from('1.0'), mode);
        await packer.file(`${id}/json`, json, mode);
      });
    }
    const item = items.get(configName) ?? {
      config: configName,
      layers: layers.map(({ diffId }) => layerName(diffId)),
      tags: [],
    };
    items.set(configName, item);
    for (const tag of tags) {
      const text = formatReference(tag);
      if (!item.tags.includes(text)) item.tags.push(text);
      const top = folders.at(-1)?.id;
      if (top === undefined) continue;
      const name = `${tag.registry}/${tag.repository}`;
      repositories.set(name, (repositories.get(name) ?? new Map<string, string>()).set(tag.tag ?? '', top));
    }
  }
  await packer.file('manifest.json', manifestOf([...items.values()]), mode);
  await packer.file('repositories', sortedJson(repositories), mode);
}

function layerName(diffId: Digest): string {
  return `${encodedOf(diffId)}.tar`;
}

function manifestOf(items: readonly Item[]): Uint8Array {
  const documents = items.map(
    ({ config, tags, layers }): JsonValue => ({ Config: config, RepoTags: tags, Layers: layers }),
  );
  return Buffer.from(encodeGoJson(documents));
}

/** Maps as Go writes them. */
function sortedJson(repositories: ReadonlyMap<string, ReadonlyMap<string, string>>): Uint8Array {
  const sorted = <T>(map: ReadonlyMap<string, T>): Array<[string, T]> => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  const members = sorted(repositories).map(
    ([name, tags]) =>
      `${encodeGoJson(name)}:{${sorted(tags)
        .map(([tag, id]) => `${encodeGoJson(tag)}:${encodeGoJson(id)}`)
        .join(',')}}`,
  );
  return Buffer.from(`{${members.join(',')}}`);
}
