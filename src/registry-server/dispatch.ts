/** From a request to the handler that answers it, once its sender may ask for that. */
import { type Authorize, authorizeRequest } from './authorize.ts';
import type { Context } from './context.ts';
import { deleteBlob, readBlob } from './handlers/blobs.ts';
import { deleteManifestAt, readManifestAt, writeManifest } from './handlers/manifests.ts';
import { listReferrers } from './handlers/referrers.ts';
import { listRepositories, listTags } from './handlers/tags.ts';
import { appendChunk, beginUpload, cancelUpload, closeUpload, uploadStatus } from './handlers/uploads.ts';
import { errorReply, jsonReply, type RegistryRequest, type Reply } from './protocol.ts';
import { type Route, routeOf } from './route.ts';

export async function answer(
  context: Context,
  authorize: Authorize | undefined,
  request: RegistryRequest,
): Promise<Reply> {
  const found = routeOf(request.path);
  if ('refusal' in found) return found.refusal;
  const { route } = found;
  const refusal = await authorizeRequest(authorize, request, route);
  if (refusal !== undefined) return refusal;
  const methods = methodsOf(context, request, route);
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const handler = methods[method];
  if (handler !== undefined) return handler();
  const allow = Object.keys(methods).flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]));
  const error = { code: 'UNSUPPORTED', message: `${request.method.slice(0, 16)} is not supported here` } as const;
  return errorReply(405, error, { allow: allow.join(', ') });
}

type Methods = Readonly<Record<string, () => Promise<Reply>>>;

function methodsOf(context: Context, request: RegistryRequest, route: Route): Methods {
  switch (route.kind) {
    case 'base':
      return { GET: async () => jsonReply(200, {}) };
    case 'catalog':
      return { GET: () => listRepositories(context, request) };
    case 'manifest': {
      const { repository, reference } = route;
      return {
        GET: () => readManifestAt(context, request, repository, reference),
        PUT: () => writeManifest(context, request, repository, reference),
        DELETE: () => deleteManifestAt(context, request, repository, reference),
      };
    }
    case 'blob': {
      const { repository, digest } = route;
      return {
        GET: () => readBlob(context, request, repository, digest),
        DELETE: () => deleteBlob(context, repository, digest),
      };
    }
    case 'uploads':
      return { POST: () => beginUpload(context, request, route.repository) };
    case 'upload': {
      const { repository, id } = route;
      return {
        GET: () => uploadStatus(context, repository, id),
        PATCH: () => appendChunk(context, request, repository, id),
        PUT: () => closeUpload(context, request, repository, id),
        DELETE: () => cancelUpload(context, request, repository, id),
      };
    }
    case 'tags':
      return { GET: () => listTags(context, request, route.repository) };
    case 'referrers':
      return { GET: () => listReferrers(context, request, route.repository, route.digest) };
  }
}
