/** A proxy on loopback that makes a connection as slow as one over a long line: every piece waits half a round trip each way. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface LatencyProxy {
  readonly port: number;
  /** Connections that were made through it. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Starts a proxy to `target` on 127.0.0.1; `port` 0 takes any free one. A new connection costs one round trip before its first byte. */
export async function startLatencyProxy(target: number, roundTripMs: number, port = 0): Promise<LatencyProxy> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    connections += 1;
    const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    delayed(client, upstream, roundTripMs / 2, roundTripMs);
    delayed(upstream, client, roundTripMs / 2, 0);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Passes on what `from` sends, each piece `delayMs` late, the first one `handshakeMs` later still; order and end are kept. */
function delayed(from: Socket, to: Socket, delayMs: number, handshakeMs: number): void {
  const openAt = performance.now() + handshakeMs;
  // timers of different lengths may end in another order than they began in: each does what is first in the queue
  const queue: Array<() => void> = [];
  const later = (work: () => void): void => {
    queue.push(work);
    setTimeout(() => queue.shift()?.(), Math.max(openAt - performance.now(), 0) + delayMs);
  };
  from.on('data', (piece) => later(() => to.writable && to.write(piece)));
  from.on('end', () => later(() => to.end()));
  from.on('error', () => to.destroy());
}
