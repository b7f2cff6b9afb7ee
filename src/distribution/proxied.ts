/** The ways through a proxy: tunnels for TLS and SOCKS, and requests that the proxy makes for us. */
import { request as send } from 'node:http';
import type { Socket } from 'node:net';
import type { buildConnector, Dispatcher } from 'undici';
import type { ProxyServer } from './proxies.ts';
import { ProxyFailure, proxyRefusal, proxyUnauthorized, proxyUnreachable } from './proxy-failure.ts';
import { isTransient } from './retry.ts';
import { connectBySocks5 } from './socks5.ts';

type Connect = buildConnector.connector;
type Target = buildConnector.Options;

/** Connects with the proxy, whatever the target is. Fails with ProxyFailure. */
export function toProxy(proxy: ProxyServer, connect: Connect): Connect {
  const target = {
    protocol: proxy.protocol === 'https:' ? 'https:' : 'http:',
    host: proxy.host,
    hostname: proxy.hostname,
    port: String(proxy.port),
  };
  return (_, callback) =>
    connect(target, (...[error, socket]) => {
      if (error === null) callback(null, socket);
      else callback(proxyUnreachable(proxy, error), null);
    });
}

export interface TunnelOptions {
  /** Connects with the proxy; see {@link toProxy}. */
  connect: Connect;
  /** Makes a tunnel to an https target speak TLS. */
  secure: Connect;
  /** Milliseconds that the proxy may take for its answer. */
  timeoutMs: number;
}

/** Connects with targets through the proxy. Fails with ProxyFailure, and with what `secure` fails with. */
export function tunnelling(proxy: ProxyServer, { connect, secure, timeoutMs }: TunnelOptions): Connect {
  return (target, callback) =>
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      dig(proxy, socket, target, timeoutMs).then(
        () => {
          if (target.protocol === 'https:') secure({ ...target, httpSocket: socket }, callback);
          else callback(null, socket);
        },
        (thrown: unknown) => {
          socket.destroy();
          callback(thrown instanceof ProxyFailure ? thrown : proxyUnreachable(proxy, thrown), null);
        },
      );
    });
}

/** Has the proxy connect `socket` with the target. */
async function dig(proxy: ProxyServer, socket: Socket, target: Target, timeoutMs: number): Promise<void> {
  const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80));
  const timer = setTimeout(() => socket.destroy(new Error('it said nothing for too long')), timeoutMs);
  try {
    const { hostname } = new URL(`http://${target.host ?? target.hostname}`);
    if (proxy.protocol === 'socks5:') await connectBySocks5(socket, proxy, hostname, port);
    else await connectByHttp(socket, proxy, `${hostname}:${port}`);
  } finally {
    clearTimeout(timer);
  }
}

/** CONNECT (RFC 9110, section 9.3.6). */
function connectByHttp(socket: Socket, proxy: ProxyServer, target: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { host: target, ...loginHeaders(proxy) };
    const request = send({ method: 'CONNECT', path: target, headers, createConnection: () => socket });
    request.once('connect', ({ statusCode = 0 }, _socket, head: Buffer) => {
      if (head.byteLength > 0) socket.unshift(head);
      if (statusCode >= 200 && statusCode < 300) resolve();
      // whoever else is asked for a login does not see this request; tinyproxy answers a wrong password so
      else if (statusCode === 407 || statusCode === 401) reject(proxyUnauthorized(proxy));
      else reject(proxyRefusal(proxy, target, `status ${statusCode}`, isTransient(statusCode)));
    });
    request.once('error', reject).end();
  });
}

/** Sends plain requests to the proxy, each with the whole URL (RFC 9112, section 3.2.2). `agent` connects with the proxy alone. */
export function forwarding(proxy: ProxyServer, agent: Dispatcher): Dispatcher {
  const origin = `${proxy.protocol}//${proxy.host}`;
  return agent.compose((dispatch) => (options, handler) => {
    const url = new URL(options.path, options.origin);
    return dispatch(
      {
        ...options,
        origin,
        path: url.href,
        headers: { host: url.host, ...loginHeaders(proxy), ...(options.headers as Record<string, string>) },
        // else undici takes the target's, and connects anew for each other one
        ...(proxy.protocol === 'https:' && { servername: proxy.hostname }),
      },
      refusing(proxy, handler),
    );
  });
}

/** 407 is the proxy's own answer, and not that of who was asked. */
function refusing(proxy: ProxyServer, handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
  const start = handler.onResponseStart?.bind(handler);
  return Object.assign(handler, {
    onResponseStart: (...[controller, status, ...rest]: Parameters<NonNullable<typeof start>>) => {
      if (status === 407) controller.abort(proxyUnauthorized(proxy));
      else start?.(controller, status, ...rest);
    },
  });
}

function loginHeaders({ login }: ProxyServer): Record<string, string> {
  if (login === undefined) return {};
  const both = Buffer.concat([login.username, Buffer.from(':'), login.password]);
  return { 'proxy-authorization': `Basic ${both.toString('base64')}` };
}
