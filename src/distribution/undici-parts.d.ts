/**
 * The parts of undici that are loaded. Its main module loads fetch, WebSocket, caches and
 * mocks as well and takes more than twice as long; the package has no `exports` map, so that its files can be named.
 */
declare module 'undici/lib/dispatcher/agent.js' {
  import type { Agent } from 'undici';

  const agent: typeof Agent;
  export default agent;
}

/** Makes connections, TLS included; the agent above has loaded it already. */
declare module 'undici/lib/core/connect.js' {
  import type { buildConnector } from 'undici';

  const build: typeof buildConnector;
  export default build;
}
