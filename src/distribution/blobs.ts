/** Blobs on their way down (OCI Distribution Specification v1.1, "Pulling blobs"). */
import { IntegrityError } from '../foundation/errors.ts';
import { algorithmOf } from '../oci/digest.ts';
import { openDownload } from './download.ts';
import type { Repository } from './registry-client.ts';
import { contentDigest, contentLength, named, type RepositoryContext } from './repository-context.ts';

export function createBlobs(context: RepositoryContext): Pick<Repository, 'headBlob' | 'openBlob'> {
  const { http, grants } = context;
  return {
    async headBlob(digest) {
      const here = named(context, digest);
      const what = `look for the blob ${here}`;
      const target = `${context.path}/blobs/${digest}`;
      return http.send(
        { method: 'HEAD', target, grant: grants.read, what, accept: [404, 405, 501] },
        async (answer) => {
          await http.discard(answer);
          // who does not do HEAD does not say that it is there
          if (answer.status >= 400) return undefined;
          const stated = contentDigest(answer);
          if (stated !== undefined && stated !== digest && algorithmOf(stated) === algorithmOf(digest)) {
            throw new IntegrityError(`asked for the blob ${here}, the registry answers for ${stated}`, {
              code: 'DIGEST_MISMATCH',
              hint: 'The registry, or something on the way to it, is damaged or lies.',
            });
          }
          return { size: contentLength(answer) };
        },
      );
    },
    openBlob: (digest, range, blobSize) =>
      openDownload(
        http,
        {
          target: `${context.path}/blobs/${digest}`,
          grant: grants.read,
          what: `read the blob ${named(context, digest)}`,
        },
        range,
        blobSize,
      ),
  };
}
