/** SOCKS version 5 (RFC 1928) as a client, with user name and password (RFC 1929). */
import { isIPv4, type Socket } from 'node:net';
import type { ProxyServer } from './proxies.ts';
import { proxyRefusal, proxyUnauthorized } from './proxy-failure.ts';

/** Has the proxy at the other end of `socket` connect it with a host, whose name the proxy looks up. Throws ProxyFailure and what the socket fails with. */
export async function connectBySocks5(
  socket: Socket,
  proxy: ProxyServer,
  hostname: string,
  port: number,
): Promise<void> {
  const { login } = proxy;
  socket.write(Buffer.from(login === undefined ? [5, 1, 0] : [5, 2, 0, 2]));
  const [version, method] = await take(socket, 2);
  if (version !== 5) throw new Error('not SOCKS5');
  if (method === 2 && login !== undefined) {
    socket.write(Buffer.concat([Buffer.from([1]), counted(login.username), counted(login.password)]));
    const [, refused] = await take(socket, 2);
    if (refused !== 0) throw proxyUnauthorized(proxy);
  } else if (method !== 0) {
    throw proxyUnauthorized(proxy);
  }
  socket.write(Buffer.concat([Buffer.from([5, 1, 0]), addressOf(hostname), Buffer.from([port >> 8, port & 255])]));
  const [answered, reply = 1, , kind = 0] = await take(socket, 4);
  if (answered !== 5) throw new Error('not SOCKS5');
  if (reply !== 0) {
    throw proxyRefusal(proxy, `${hostname}:${port}`, replies[reply] ?? `SOCKS reply ${reply}`, reply !== notAllowed);
  }
  // where the connection begins is of no use; it must be out of the way
  await take(socket, 2 + (kind === 3 ? ((await take(socket, 1))[0] ?? 0) : kind === 4 ? 16 : 4));
}

const notAllowed = 2;

const replies: Readonly<Record<number, string>> = {
  1: 'it failed',
  [notAllowed]: 'not allowed',
  3: 'no way to the network',
  4: 'no way to the host',
  5: 'refused by the host',
  6: 'too long a way',
  7: 'it knows no such command',
  8: 'it knows no such addresses',
};

/** Type and address; IPv6 is written out by `URL`. */
function addressOf(hostname: string): Buffer {
  if (isIPv4(hostname)) return Buffer.from([1, ...hostname.split('.').map(Number)]);
  const [, address] = /^\[(.*)\]$/.exec(hostname) ?? [];
  if (address === undefined) return Buffer.concat([Buffer.from([3]), counted(Buffer.from(hostname))]);
  const [head = '', tail] = address.split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const first = words(head);
  const last = words(tail ?? '');
  const all = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
  return Buffer.from([4, ...all.flatMap((word) => [word >> 8, word & 255])]);
}

function counted(bytes: Buffer): Buffer {
  if (bytes.byteLength > 255) throw new Error('SOCKS5 takes at most 255 bytes of a name');
  return Buffer.concat([Buffer.from([bytes.byteLength]), bytes]);
}

/** So many bytes; what comes after them stays in the socket. */
function take(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('readable', read).off('error', fail).off('close', cut).off('end', cut);
    };
    const fail = (error: Error): void => {
      done();
      reject(error);
    };
    const cut = (): void => fail(new Error('it ended the connection'));
    const read = (): void => {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes === null) return;
      done();
      if (bytes.byteLength === count) resolve(bytes);
      else reject(new Error('it ended the connection'));
    };
    socket.on('readable', read).on('error', fail).on('close', cut).on('end', cut);
    read();
  });
}
