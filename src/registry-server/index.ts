/** The registry server as the rest of sheaf sees it. */
export type { AccessRequest, Authorize } from './authorize.ts';
export type { RequestRecord } from './exchange.ts';
export { type BodySource, errorReply, type Outcome, type RegistryRequest, type Reply, reply } from './protocol.ts';
export { type Intercept, type Registry, type RegistryOptions, startRegistry } from './server.ts';
