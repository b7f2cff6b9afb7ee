/** Who may do what is the business of whoever starts the server; here a request becomes a question that can be answered. */
import type { IncomingHttpHeaders } from 'node:http';
import { errorReply, type RegistryRequest, type Reply } from './protocol.ts';
import type { Route } from './route.ts';

export interface AccessRequest {
  readonly action: 'base' | 'catalog' | 'pull' | 'push' | 'delete';
  /** Absent for `base` and `catalog`. */
  readonly repository?: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

export type AccessDecision =
  | 'allow'
  /** Not known who asks: 401 with these `WWW-Authenticate` values. */
  | { readonly challenge: string | readonly string[]; readonly message?: string }
  /** Known, but not allowed: 403. */
  | { readonly denied: string };

export type Authorize = (access: AccessRequest) => AccessDecision | Promise<AccessDecision>;

/** The reply that turns `request` away; undefined where it may go on. */
export async function authorizeRequest(
  authorize: Authorize | undefined,
  request: RegistryRequest,
  route: Route,
): Promise<Reply | undefined> {
  if (authorize === undefined) return undefined;
  const { method, headers } = request;
  const action = actionOf(method, route);
  const repository = 'repository' in route ? { repository: route.repository } : {};
  const decision = await authorize({ action, method, headers, ...repository });
  if (decision === 'allow') return undefined;
  if ('denied' in decision) return errorReply(403, { code: 'DENIED', message: decision.denied });
  const error = { code: 'UNAUTHORIZED', message: decision.message ?? 'authentication required' } as const;
  return errorReply(401, error, { 'www-authenticate': decision.challenge });
}

/** Whether whoever sent `request` may read `repository`, which is not the one that the request is about. */
export async function mayPull(
  authorize: Authorize | undefined,
  request: RegistryRequest,
  repository: string,
): Promise<boolean> {
  if (authorize === undefined) return true;
  const { method, headers } = request;
  return (await authorize({ action: 'pull', repository, method, headers })) === 'allow';
}

function actionOf(method: string, route: Route): AccessRequest['action'] {
  if (route.kind === 'base' || route.kind === 'catalog') return route.kind;
  if (route.kind === 'upload' || route.kind === 'uploads') return 'push';
  if (method === 'GET' || method === 'HEAD') return 'pull';
  return method === 'DELETE' ? 'delete' : 'push';
}
