/**
 * The folders that Docker before 1.10 read: one for each layer, named by an ID that stands for the layer, those below it,
 * and (on top) the config. IDs and documents are those of containers/image, byte for byte.
 */
import { type Digest, digestOf, encodedOf } from '../../oci/digest.ts';
import { encodeString } from '../../oci/go-json.ts';
import { rawMembers } from './raw-members.ts';

export interface LegacyLayer {
  /** 64 hexadecimal digits: the name of the folder. */
  readonly id: string;
  readonly diffId: Digest;
  /** What stands in the file `json`. */
  readonly json: Uint8Array;
}

/** What of the config stands in the top layer; `null` where the config has it not. */
const configKeys = ['architecture', 'config', 'container', 'container_config', 'created', 'docker_version', 'os'];

/** Base first. Throws IntegrityError for a config that is no JSON object. */
export function legacyLayers(config: Uint8Array, diffIds: readonly Digest[]): LegacyLayer[] {
  const members = rawMembers(config, 'image config');
  const layers: LegacyLayer[] = [];
  let chain: string | undefined;
  for (const [at, diffId] of diffIds.entries()) {
    const document = new Map<string, string>();
    const below = layers.at(-1);
    if (below !== undefined) document.set('parent', encodeString(below.id));
    if (at === diffIds.length - 1) for (const key of configKeys) document.set(key, members.get(key) ?? 'null');
    chain = chain === undefined ? diffId : digestOf(Buffer.from(`${chain} ${diffId}`));
    const id = encodedOf(digestOf(encode(new Map([...document, ['layer_id', encodeString(chain)]]))));
    layers.push({ id, diffId, json: encode(new Map([...document, ['id', encodeString(id)]])) });
  }
  return layers;
}

/** As Go writes a map: sorted. */
function encode(document: ReadonlyMap<string, string>): Uint8Array {
  const sorted = [...document].sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(`{${sorted.map(([key, value]) => `${encodeString(key)}:${value}`).join(',')}}`);
}
