/**
 * How the layers of images are compressed that come from where engines keep them: local storages, daemons and their
 * archives. Layers are plain there, whatever they were before, and their manifests are made up when they are read.
 *
 * As podman, buildah, skopeo and docker do it, they go to a registry with gzip unless something else is wanted, and to other
 * places as they are; and gzip gives them the digests that it has there.
 */
import type { RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseIndex } from '../oci/image-index.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { TransportName } from '../transports/transport.ts';
import { parsed } from '../transports/verified-source.ts';
import type { CopyRequest } from './copy-request.ts';
import { type CompressionRecipe, recipeKey } from './recipe.ts';

const engines: readonly TransportName[] = ['containers-storage', 'docker-archive', 'docker-daemon'];
/** What their layers become where nobody says anything. */
const packed: CompressionRecipe = { format: 'gzip', asPeers: true, onlyPlain: true };

/** How the layers of an instance are to be compressed; `undefined` where they stay as they are. */
export function recipeFor(
  request: CopyRequest,
  instance: Digest,
  asked: CompressionRecipe | undefined = request.compression,
): CompressionRecipe | undefined {
  const [origin] = request.source.origins(instance);
  if (origin === undefined || !engines.includes(origin.transport)) return asked;
  if (asked !== undefined) return { ...asked, asPeers: true };
  const packs =
    request.location.transport === 'docker' && request.preserveDigests !== true && request.store !== undefined;
  return packs ? packed : undefined;
}

/** The keys of all recipes of a root and its entries. */
export function recipeKeys(request: CopyRequest, root: RawManifest): string[] {
  const instances = isIndexType(root.mediaType)
    ? parsed(request.source, () => parseIndex(root)).manifests.map((entry) => entry.digest)
    : [root.digest];
  const recipes = instances.map((instance) => recipeFor(request, instance));
  return [...new Set(recipes.flatMap((recipe) => (recipe === undefined ? [] : [recipeKey(recipe)])))];
}
