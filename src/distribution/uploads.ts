/** Blobs on their way up (OCI Distribution Specification v1.1, "Pushing blobs"). */
import { AuthError, NotFoundError, RegistryError, UnsupportedError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import { headerOf } from './exchange.ts';
import type { Call } from './http.ts';
import type { Repository } from './registry-client.ts';
import type { UploadSettings } from './registry-pool.ts';
import { named, type RepositoryContext } from './repository-context.ts';
import { Upload, type UploadTraits } from './upload.ts';
import { refuseOtherDigest, uploadLocation } from './upload-answers.ts';

const MiB = 1024 * 1024;

export function createUploads(
  context: RepositoryContext,
  settings: UploadSettings,
): Pick<Repository, 'mountBlob' | 'uploadBlob'> {
  /** Uploads that the registry began in place of a mount. */
  const begun = new Map<Digest, URL>();
  const { wholeBytes = 32 * MiB, resumableBytes = MiB, pieceBytes = 16 * MiB } = settings;
  const limits = { wholeBytes, resumableBytes, pieceBytes };
  const traits: UploadTraits = { ...limits, patch: true, mount: true, maxPiece: Number.POSITIVE_INFINITY, minPiece: 0 };
  return {
    async mountBlob(digest, from) {
      if (!traits.mount) return false;
      const location = await mount(context, traits, digest, from);
      if (location instanceof URL) begun.set(digest, location);
      return location === 'mounted';
    },
    async uploadBlob(blob, options = {}) {
      const { digest } = blob.descriptor;
      const before = begun.get(digest);
      begun.delete(digest);
      const asks = before === undefined && options.unlessThere === true && traits.mount;
      const at = asks ? await mount(context, traits, digest, context.name) : before;
      if (at === 'mounted') return;
      const upload = new Upload(context, traits, blob, options);
      await upload.run(at === 'refused' ? undefined : at);
    },
  };
}

async function mount(
  context: RepositoryContext,
  traits: UploadTraits,
  digest: Digest,
  from: string,
): Promise<'mounted' | 'refused' | URL> {
  const { http, name, grants } = context;
  const what = `mount the blob ${named(context, digest)} from ${from}`;
  const query = new URLSearchParams({ mount: digest, from });
  const { write } = grants;
  const both = { repository: name, scopes: [...write.scopes, `repository:${from}:pull`] };
  const grant = from === name ? write : both;
  const target = `${context.path}/blobs/uploads/?${query.toString()}`;
  const call: Call = { method: 'POST', target, grant, what, body: new Uint8Array() };
  try {
    return await http.send(call, async (answer) => {
      await http.discard(answer);
      if (answer.status === 201) {
        refuseOtherDigest(context, digest, answer);
        return 'mounted';
      }
      return headerOf(answer, 'location') === undefined ? 'refused' : uploadLocation(answer, what);
    });
  } catch (thrown) {
    // an upload does the same; if it is refused too, it says so
    const status = thrown instanceof RegistryError ? thrown.status : undefined;
    // where mounts alone make the registry fail, no other blob need go through all tries
    if (thrown instanceof UnsupportedError || (status !== undefined && status >= 500)) traits.mount = false;
    if (thrown instanceof UnsupportedError || thrown instanceof AuthError || thrown instanceof NotFoundError)
      return 'refused';
    if (status !== undefined && status !== 429) return 'refused';
    throw thrown;
  }
}
