/**
 * The connections of a run: our own undici agents, made when the first request needs them. HTTP/1.1 only: moving blobs
 * over it is faster than over HTTP/2, and a connection that is cut takes one request with it, not all of them.
 */
import type { Agent, Dispatcher } from 'undici';
import { isLoopback } from './hosts.ts';
import type { RegistrySettings } from './registry-pool.ts';
import { type Certificates, readCertificates } from './tls.ts';

export interface Connections {
  /** What sends requests to `url`. `own`: the registry itself, which may see our client certificates. */
  dispatcherFor(url: URL, own: boolean): Promise<Dispatcher>;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

export function createConnections(settings: RegistrySettings): Connections {
  const agents = new Map<string, Promise<Dispatcher>>();
  const env = settings.env ?? process.env;
  const proxies = proxySettings(env);
  let certificates: Certificates | undefined;
  const tlsOf = (own: boolean): Record<string, unknown> => {
    if (settings.certDir !== undefined) certificates ??= readCertificates(settings.certDir);
    return {
      ...(certificates && { secureContext: own ? certificates.own : certificates.other }),
      ...(settings.tlsVerify === false && { rejectUnauthorized: false }),
    };
  };
  const open = async (own: boolean, proxied: boolean): Promise<Dispatcher> => {
    const connect = { timeout: settings.timeouts?.connectMs ?? 30_000, ...tlsOf(own) };
    const options: Agent.Options = {
      allowH2: false,
      connect,
      keepAliveTimeout: 30_000,
      keepAliveMaxTimeout: 60_000,
      maxHeaderSize: 64 * 1024,
      headersTimeout: settings.timeouts?.headersMs ?? 300_000,
      bodyTimeout: settings.timeouts?.bodyMs ?? 60_000,
    };
    if (proxied) {
      // needs more of undici than its own file names
      const { EnvHttpProxyAgent } = await import('undici');
      return new EnvHttpProxyAgent({ ...options, requestTls: connect, ...proxies });
    }
    const { default: PlainAgent } = await import('undici/lib/dispatcher/agent.js');
    return new PlainAgent(options);
  };
  return {
    dispatcherFor(url, own) {
      // as in other clients, this machine itself is never reached through a proxy
      const proxied = proxies !== undefined && !isLoopback(url.hostname);
      if (settings.certDir !== undefined) certificates ??= readCertificates(settings.certDir);
      const apart = certificates?.hasClientCertificate === true && !own;
      const key = `${proxied ? 'proxied' : 'direct'} ${apart ? 'other' : 'own'}`;
      let agent = agents.get(key);
      if (agent === undefined) {
        agent = open(!apart, proxied);
        agents.set(key, agent);
      }
      return agent;
    },
    async close() {
      const opened = await Promise.allSettled(agents.values());
      agents.clear();
      await Promise.all(opened.map((agent) => (agent.status === 'fulfilled' ? agent.value.destroy() : undefined)));
    },
  };
}

function proxySettings(
  env: Readonly<Record<string, string | undefined>>,
): { httpProxy: string; httpsProxy: string; noProxy: string } | undefined {
  const get = (name: string): string => env[name.toLowerCase()] || env[name] || '';
  const httpProxy = get('HTTP_PROXY');
  const httpsProxy = get('HTTPS_PROXY');
  return httpProxy || httpsProxy ? { httpProxy, httpsProxy, noProxy: get('NO_PROXY') } : undefined;
}
