/**
 * The connections of a run: our own undici agents, made when the first request needs them. HTTP/1.1 only: moving blobs
 * over it is faster than over HTTP/2, and a connection that is cut takes one request with it, not all of them.
 */
import type { SecureContext } from 'node:tls';
import type { buildConnector, Dispatcher } from 'undici';
import { withoutContinue } from './interim-answers.ts';
import { createProxies, isForwarded, type ProxyServer } from './proxies.ts';
import { ReadyConnections } from './ready-connections.ts';
import type { RegistrySettings } from './registry-pool.ts';
import { type Certificates, certificatesOf, isUnknownIssuer, readCertificates } from './tls.ts';

export interface Connections {
  /** What sends requests to `url`. `own`: the registry itself, which may see our client certificates. */
  dispatcherFor(url: URL, own: boolean): Promise<Dispatcher>;
  /** The proxy that makes requests to `url` for us, and may answer in the place of who was asked. */
  forwarderOf(url: URL): Promise<ProxyServer | undefined>;
  /**
   * Many requests to a registry are about to begin: makes up to `count` connections for them, like those that it has had
   * requests on, or with the first. `origin` as `URL.origin` has it.
   */
  prepare(origin: string, count: number): void;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

type ConnectOptions = buildConnector.BuildOptions & { secureContext?: SecureContext };
type Build = (options: ConnectOptions) => buildConnector.connector;

export function createConnections(settings: RegistrySettings): Connections {
  const agents = new Map<string, Promise<Dispatcher>>();
  const proxyFor = createProxies(settings.env ?? process.env);
  const { certDir, tlsVerify } = settings;
  const authorities = tlsVerify === false ? undefined : settings.authorities;
  const read = (trusted: readonly string[] | undefined): Certificates | undefined => {
    if (certDir !== undefined) return readCertificates(certDir, trusted);
    return trusted && certificatesOf(trusted);
  };
  let initial: Promise<Certificates | undefined> | undefined;
  const certificates = (): Promise<Certificates | undefined> => {
    initial ??= (async () => read(authorities?.always === true ? await authorities.read() : undefined))();
    return initial;
  };
  let wider: Promise<Certificates | undefined> | undefined;
  const widerCertificates = (): Promise<Certificates | undefined> => {
    wider ??= (async () => (authorities === undefined ? certificates() : read(await authorities.read())))();
    return wider;
  };
  /** What a proxy with TLS is verified with, whatever is asked of the registry. */
  const proxyCertificates = async ({ protocol }: ProxyServer): Promise<Certificates | undefined> =>
    protocol === 'https:' ? read(await settings.authorities?.read()) : undefined;
  const contextFor = (found: Certificates | undefined, own: boolean): { secureContext?: SecureContext } =>
    found === undefined ? {} : { secureContext: own ? found.own : found.other };

  const prepared: ReadyConnections[] = [];
  /** By origin: connections to prepare with the first one. */
  const wanted = new Map<string, number>();
  const narrows = authorities !== undefined && !authorities.always;
  /** For agents: connections that `build` makes, some of them made ahead. */
  const connector = async (build: Build, own: boolean): Promise<buildConnector.connector> => {
    const narrow: ConnectOptions = {
      ...contextFor(await certificates(), own),
      ...(tlsVerify === false && { rejectUnauthorized: false }),
    };
    const wide = async (): Promise<ConnectOptions> => ({ ...narrow, ...contextFor(await widerCertificates(), own) });
    const ready = new ReadyConnections(narrows ? widening(build, narrow, wide) : build(narrow), wanted);
    if (own) prepared.push(ready);
    return ready.connect;
  };
  const open = async (url: URL, own: boolean, proxy: ProxyServer | undefined): Promise<Dispatcher> => {
    const { default: PlainAgent } = await import('undici/lib/dispatcher/agent.js');
    const { default: buildOf } = await import('undici/lib/core/connect.js');
    const timeout = settings.timeouts?.connectMs ?? 30_000;
    const build: Build = (more) => buildOf({ allowH2: false, timeout, ...more });
    const agent = (connect: buildConnector.connector): Dispatcher =>
      new PlainAgent({
        allowH2: false,
        connect: withoutContinue(connect),
        keepAliveTimeout: 30_000,
        keepAliveMaxTimeout: 60_000,
        maxHeaderSize: 64 * 1024,
        headersTimeout: settings.timeouts?.headersMs ?? 300_000,
        bodyTimeout: settings.timeouts?.bodyMs ?? 60_000,
      });
    if (proxy === undefined) return agent(await connector(build, own));
    const { forwarding, toProxy, tunnelling } = await import('./proxied.ts');
    const connect = toProxy(proxy, build(contextFor(await proxyCertificates(proxy), false)));
    if (isForwarded(proxy, url)) return forwarding(proxy, agent(connect));
    const tunnel: Build = (more) => tunnelling(proxy, { connect, secure: build(more), timeoutMs: timeout });
    return agent(await connector(tunnel, own));
  };
  return {
    async dispatcherFor(url, own) {
      const proxy = proxyFor(url);
      const apart = !own && (await certificates())?.hasClientCertificate === true;
      // there is one proxy for each scheme
      const key = `${proxy === undefined ? 'direct' : url.protocol} ${apart ? 'other' : 'own'}`;
      let agent = agents.get(key);
      if (agent === undefined) {
        agent = open(url, !apart, proxy);
        agents.set(key, agent);
      }
      return agent;
    },
    async forwarderOf(url) {
      const proxy = proxyFor(url);
      return proxy !== undefined && isForwarded(proxy, url) ? proxy : undefined;
    },
    prepare(origin, count) {
      if (prepared.length === 0) wanted.set(origin, count);
      for (const ready of prepared) ready.prepare(origin, count);
    },
    async close() {
      for (const ready of prepared) ready.close();
      const opened = await Promise.allSettled(agents.values());
      agents.clear();
      await Promise.all(
        opened.map((agent) => (agent.status === 'fulfilled' ? agent.value.destroy(closed()) : undefined)),
      );
    },
  };
}

/**
 * What connections are ended with; undici would make one of its own. Node.js reads the stack of such an error, and to find the
 * lines of a built program takes longer than all else in the end of a run: it has none.
 */
function closed(): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return Object.assign(new Error('the run is over'), { code: 'UND_ERR_DESTROYED' });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * A connector that trusts more (what `wide` gives, which takes long to read) once a certificate has an issuer that it does
 * not know, and connects again. Nothing of a request has been sent by then.
 */
function widening(
  build: Build,
  options: ConnectOptions,
  wide: () => Promise<ConnectOptions>,
): buildConnector.connector {
  const narrow = build(options);
  let widened: Promise<buildConnector.connector> | undefined;
  return (target, callback) => {
    const withWider = (): void => {
      widened ??= wide().then((more) => build(more));
      widened.then(
        (connect) => connect(target, callback),
        (thrown: Error) => callback(thrown, null),
      );
    };
    if (widened !== undefined) return withWider();
    return narrow(target, (...[error, socket]) => {
      if (error !== null && isUnknownIssuer(error)) withWider();
      else if (error !== null) callback(error, null);
      else callback(null, socket);
    });
  };
}
