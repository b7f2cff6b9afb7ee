/** The proxies that the environment names, by the rules of Go's golang.org/x/net/http/httpproxy, which the peers follow. */
import { UsageError } from '../foundation/errors.ts';
import { isLoopback } from './hosts.ts';
import { parseNoProxy, plainAddress } from './no-proxy.ts';
import { printable } from './registry-error.ts';

export interface ProxyServer {
  /** Both forms of SOCKS: the proxy looks names up. */
  readonly protocol: 'http:' | 'https:' | 'socks5:';
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** `host:port`, for messages and URLs. */
  readonly host: string;
  readonly login: { readonly username: Buffer; readonly password: Buffer } | undefined;
  /** The variable that names it. */
  readonly variable: string;
}

/** Whether `proxy` makes requests to `url` for us, whole as they are. */
export function isForwarded(proxy: ProxyServer, url: URL): boolean {
  return proxy.protocol !== 'socks5:' && url.protocol === 'http:';
}

/** As messages call it. */
export function proxyName({ host, variable }: ProxyServer): string {
  return `the proxy ${host} (${variable})`;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Finds the proxy for a URL: `HTTPS_PROXY` for https, `HTTP_PROXY` for http, neither in the place of the other. This machine
 * itself is never reached through one. Throws UsageError PROXY once a proxy is needed whose variable makes no sense.
 */
export function createProxies(env: Variables): (url: URL) => ProxyServer | undefined {
  const [variable] = variablesOf(env, 'NO_PROXY');
  const direct = parseNoProxy(variable === undefined ? '' : (env[variable] ?? ''));
  const known = new Map<string, ProxyServer>();
  return ({ protocol, hostname, port }) => {
    const [name] = variablesOf(env, protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
    if (name === undefined) return undefined;
    const host = plainAddress(unbracketed(hostname));
    if (isLoopback(host) || direct(host, Number(port || defaultPorts[protocol]))) return undefined;
    const proxy = known.get(name) ?? parseProxy(name, env[name] ?? '');
    known.set(name, proxy);
    return proxy;
  };
}

/** Those with a value, the one that counts first. */
function variablesOf(env: Variables, name: string): string[] {
  return [name, name.toLowerCase()].filter((one) => Boolean(env[one]));
}

const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'socks5:': 1080 };

/** `http://` may be left out, and what follows the port means nothing. */
function parseProxy(variable: string, text: string): ProxyServer {
  const value = text.trim();
  const url = URL.parse(/^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  if (value === '' || !url?.hostname) throw badProxy(variable, value, 'which is no address of a proxy');
  const protocol = url.protocol === 'socks5h:' ? 'socks5:' : url.protocol;
  if (protocol !== 'http:' && protocol !== 'https:' && protocol !== 'socks5:') {
    throw badProxy(variable, value, `and sheaf knows no proxies of the kind ${printable(url.protocol, 30)}`);
  }
  const username = percentDecoded(url.username);
  const password = percentDecoded(url.password);
  if (username === undefined || password === undefined) {
    throw badProxy(variable, value, 'whose user name or password has a "%" that begins no escape');
  }
  const port = Number(url.port || defaultPorts[protocol]);
  return {
    protocol,
    hostname: unbracketed(url.hostname),
    port,
    host: `${url.hostname}:${port}`,
    login: username.byteLength === 0 && password.byteLength === 0 ? undefined : { username, password },
    variable,
  };
}

/** The bytes of a part of a URL; `undefined` where a `%` stands alone. */
function percentDecoded(text: string): Buffer | undefined {
  if (/%(?![\da-f]{2})/i.test(text)) return undefined;
  const characters = text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(characters, 'latin1');
}

function unbracketed(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function badProxy(variable: string, value: string, why: string): UsageError {
  // all of what may be a login, also where it is no good one
  const shown = printable(value.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1***@'), 100);
  return new UsageError(`${variable} is "${shown}", ${why}`, {
    code: 'PROXY',
    hint:
      'Write it as http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, with USER:PASSWORD and an "@" before the host where it ' +
      'wants a login ("%40" for "@", "%25" for "%" and so on); or unset it.',
  });
}
