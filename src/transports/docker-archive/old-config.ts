/**
 * The config of an image from the time before images had one: what the top layer says, with the digests of all layers and
 * a history. Docker makes the same of it when it loads such an archive.
 *
 * Source: Docker Image Specification v1.0, "Image JSON Field Descriptions", and v1.1, which has the config of today.
 */
import type { Digest } from '../../oci/digest.ts';
import { encodeGoJson, isJsonObject, type JsonValue } from '../../oci/json.ts';
import type { JsonObject } from '../../oci/json-value.ts';

const ofLayersOnly = new Set(['id', 'parent', 'parent_id', 'layer_id', 'Size', 'throwaway']);

/** `histories` and `diffIds` are in the same order, base first. */
export function configOf(histories: readonly JsonObject[], diffIds: readonly Digest[]): Uint8Array {
  const top = histories.at(-1) ?? {};
  const members = new Map<string, JsonValue>(Object.entries(top).filter(([key]) => !ofLayersOnly.has(key)));
  members.set('rootfs', { type: 'layers', diff_ids: [...diffIds] });
  members.set('history', histories.map(historyOf));
  const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(encodeGoJson(Object.fromEntries(sorted)));
}

function historyOf(layer: JsonObject): JsonObject {
  const { created, author, comment, container_config: container } = layer;
  const command = isJsonObject(container) ? container['Cmd'] : undefined;
  return {
    ...(typeof created === 'string' ? { created } : {}),
    ...(typeof author === 'string' && author !== '' ? { author } : {}),
    ...(Array.isArray(command) ? { created_by: command.join(' ') } : {}),
    ...(typeof comment === 'string' && comment !== '' ? { comment } : {}),
  };
}
