/** The config of an attachment: nobody reads it, but it must name the layers as that of any image does. */
import { IntegrityError } from '../../foundation/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { encodeGoJson, isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';

/** As containers/image writes it. */
export function newConfig(diffIds: readonly Digest[]): Uint8Array {
  return Buffer.from(
    encodeGoJson({ architecture: '', os: '', config: {}, rootfs: { type: 'layers', diff_ids: [...diffIds] } }),
  );
}

/** The config with more layers; whatever else is in it stays. Throws IntegrityError. */
export function appendDiffIds(config: Uint8Array, diffIds: readonly Digest[]): Uint8Array {
  const document = parseJson(config, 'the config of the signatures');
  if (!isJsonObject(document)) throw malformed('it is no object');
  const rootfs = document['rootfs'] ?? {};
  if (!isJsonObject(rootfs)) throw malformed('rootfs is no object');
  const before: JsonValue = rootfs['diff_ids'] ?? [];
  if (!Array.isArray(before)) throw malformed('rootfs.diff_ids is no array');
  const after = { type: 'layers', ...rootfs, diff_ids: [...before, ...diffIds] };
  return Buffer.from(encodeGoJson({ ...document, rootfs: after }));
}

function malformed(why: string): IntegrityError {
  return new IntegrityError(`the config of the signatures cannot be used: ${why}`, { code: 'BAD_ATTACHMENT' });
}
