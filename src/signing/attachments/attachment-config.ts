/** The config of an attachment: a manifest must have one, and nobody reads it. */
import { IntegrityError } from '../../foundation/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { encodeGoJson, isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';

/**
 * As containers/image writes it. Without layers it is one for all: readers take layers from the manifest, and who adds one adds it
 * to what the config names, as {@link appendDiffIds} does.
 */
export function newConfig(diffIds: readonly Digest[]): Uint8Array {
  return Buffer.from(
    encodeGoJson({ architecture: '', os: '', config: {}, rootfs: { type: 'layers', diff_ids: [...diffIds] } }),
  );
}

/**
 * The config with all layers that the manifest has, of which those from `known` on are new; whatever else is in it stays. One
 * that did not name what was there names it now: payloads are not compressed, so that they have one digest. Throws IntegrityError.
 */
export function appendDiffIds(config: Uint8Array, layers: readonly Digest[], known: number): Uint8Array {
  const document = parseJson(config, 'the config of the signatures');
  if (!isJsonObject(document)) throw malformed('it is no object');
  const rootfs = document['rootfs'] ?? {};
  if (!isJsonObject(rootfs)) throw malformed('rootfs is no object');
  const named: JsonValue = rootfs['diff_ids'] ?? [];
  if (!Array.isArray(named)) throw malformed('rootfs.diff_ids is no array');
  const before = named.length === known ? named : layers.slice(0, known);
  const after = { type: 'layers', ...rootfs, diff_ids: [...before, ...layers.slice(known)] };
  return Buffer.from(encodeGoJson({ ...document, rootfs: after }));
}

function malformed(why: string): IntegrityError {
  return new IntegrityError(`the config of the signatures cannot be used: ${why}`, { code: 'BAD_ATTACHMENT' });
}
