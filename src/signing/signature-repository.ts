/** Where signatures stand beside the images that they speak of: a repository of a registry, or a layout. */
import type { Repository } from '../distribution/registry-client.ts';

export type SignatureRepository = Pick<
  Repository,
  'host' | 'name' | 'getManifest' | 'putManifest' | 'openBlob' | 'uploadBlob' | 'referrers' | 'tags'
> & {
  /** Throws what writing would throw, as far as that can be told without it; for layouts. */
  expectWritable?(): Promise<void>;
};
