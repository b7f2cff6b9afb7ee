/** Which format a manifest is to have at the destination. Pure. */
import { UnsupportedError } from '../foundation/errors.ts';
import { mediaTypes } from '../oci/media-types.ts';
import type { CopyRequest, ManifestFormat } from './copy-request.ts';
import { type CompressionRecipe, isZstd } from './recipe.ts';

/**
 * The format to convert a manifest of `mediaType` to; `undefined` where it can stay as it is. With `recipe` its layers are
 * compressed so, with `encrypts` some of them are encrypted. Throws UnsupportedError COMPRESSION_NOT_IN_FORMAT, ENCRYPTED_LAYER.
 */
export function targetFormat(
  { format, destination }: CopyRequest,
  mediaType: string,
  recipe?: CompressionRecipe,
  encrypts = false,
): ManifestFormat | undefined {
  const current: ManifestFormat =
    mediaType === mediaTypes.dockerManifest || mediaType === mediaTypes.dockerList ? 'docker' : 'oci';
  const isZstandard = recipe !== undefined && isZstd(recipe);
  const needsOci = encrypts || isZstandard;
  const { manifestTypes: takes } = destination.traits;
  const isDocker = format === 'docker' || (takes !== undefined && !takes.includes(mediaTypes.ociManifest));
  if (encrypts && isDocker) {
    throw new UnsupportedError(
      `encryption required together with format ${mediaTypes.dockerManifest}, which does not support encryption`,
      { code: 'ENCRYPTED_LAYER', hint: 'Write OCI images (--format oci), or to a place that holds them.' },
    );
  }
  if (isZstandard && isDocker) {
    throw new UnsupportedError(
      `compression using ${recipe.format} required together with format ${mediaTypes.dockerManifest}, which does not support it`,
      { code: 'COMPRESSION_NOT_IN_FORMAT', hint: 'Write OCI images (--format oci), or choose gzip.' },
    );
  }
  const wanted = format ?? (needsOci ? 'oci' : undefined);
  if (wanted !== undefined) return wanted === current ? undefined : wanted;
  if (takes === undefined || takes.includes(mediaType)) return undefined;
  return current === 'docker' ? 'oci' : 'docker';
}
