/** Where signatures stand beside the images that they speak of: a repository of a registry, or a layout. */
import type { Repository } from '../distribution/registry-client.ts';

export type SignatureRepository = Pick<
  Repository,
  'host' | 'name' | 'getManifest' | 'putManifest' | 'openBlob' | 'uploadBlob' | 'referrers' | 'tags'
>;
