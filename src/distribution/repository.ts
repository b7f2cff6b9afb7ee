/** One repository, put together from its parts. */
import { createBlobs } from './blobs.ts';
import type { Http } from './http.ts';
import { createManifests } from './manifests.ts';
import { createReferrers } from './referrers.ts';
import type { Repository, RepositoryUse } from './registry-client.ts';
import type { UploadSettings } from './registry-pool.ts';
import { repositoryContext } from './repository-context.ts';
import { createSignatureRequests } from './signature-requests.ts';
import { createTags } from './tags.ts';
import { createUploads } from './uploads.ts';

export function createRepository(http: Http, name: string, use: RepositoryUse, uploads: UploadSettings): Repository {
  const context = repositoryContext(http, name, use);
  const manifests = createManifests(context);
  return {
    host: http.host,
    name,
    prepare: (count) => http.prepare(count),
    ...manifests,
    ...createBlobs(context),
    ...createUploads(context, uploads),
    ...createTags(context),
    ...createReferrers(context, manifests.getManifest),
    ...createSignatureRequests(context),
  };
}
