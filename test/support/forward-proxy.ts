/**
 * A forward proxy that knows host names that no resolver knows, and writes down who was asked for. It sees everything that
 * leaves for those hosts: plain requests as a whole, and of TLS the host.
 */
import { createServer, type IncomingHttpHeaders, request as send } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface ForwardProxy {
  readonly url: string;
  /** `registry.test:443`, one for each tunnel, also for those that led nowhere. */
  readonly tunnels: readonly string[];
  /** Requests in plain text. */
  readonly plain: ReadonlyArray<{ method: string; url: string; headers: IncomingHttpHeaders }>;
  /** Variables that have programs use it. */
  readonly env: Readonly<Record<string, string>>;
}

/** `hosts`: ports on loopback by host name; whatever port is asked for leads there. */
export async function forwardProxy(t: TestContext, hosts: Readonly<Record<string, number>>): Promise<ForwardProxy> {
  const tunnels: string[] = [];
  const plain: Array<ForwardProxy['plain'][number]> = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    const { method = 'GET', url = '', headers } = incoming;
    plain.push({ method, url, headers });
    const { hostname, pathname, search } = new URL(url, 'http://none');
    const port = hosts[hostname];
    if (port === undefined) {
      response.writeHead(502).end();
      return;
    }
    const options = { host: '127.0.0.1', port, method, path: pathname + search, headers };
    const outgoing = send(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  });
  server.on('connect', (incoming, stream, head) => {
    const target = incoming.url ?? '';
    const socket = stream as Socket;
    tunnels.push(target);
    const port = hosts[target.split(':', 1)[0] ?? ''];
    if (port === undefined) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    const inner = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      inner.write(head);
      inner.pipe(socket).pipe(inner);
    });
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
    for (const socket of sockets) socket.destroy();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, tunnels, plain, env: { HTTPS_PROXY: url, HTTP_PROXY: url, NO_PROXY: '' } };
}
