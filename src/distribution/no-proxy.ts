/** What `NO_PROXY` says, by the rules of Go's golang.org/x/net/http/httpproxy, which the peers follow. */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';

/** Whether a host (without brackets) is reached without a proxy. */
export type NoProxy = (hostname: string, port: number) => boolean;

/** Hosts, `host:port`, addresses, address ranges (CIDR) and `*`, with commas or blanks between them; what is none of these is no host's. */
export function parseNoProxy(text: string): NoProxy {
  const entries = text.toLowerCase().split(/[,\s]+/);
  if (entries.includes('*')) return () => true;
  const matchers = entries.filter((entry) => entry !== '').map((entry) => rangeMatcher(entry) ?? hostMatcher(entry));
  return (hostname, port) => {
    const host = plainAddress(hostname.toLowerCase().replace(/\.$/, ''));
    return matchers.some((matches) => matches(host, port));
  };
}

/** `::ffff:a00:1` as `10.0.0.1`: both are one address. */
export function plainAddress(hostname: string): string {
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/i.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname;
  return [high, low]
    .map((half) => Number.parseInt(half, 16))
    .flatMap((half) => [half >> 8, half & 255])
    .join('.');
}

/** `10.0.0.0/8`, `2001:db8::/32`. */
function rangeMatcher(entry: string): NoProxy | undefined {
  const [, address = '', bits = ''] = /^([\da-f:.]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const family = familyOf(address);
  if (family === undefined || Number(bits) > (family === 'ipv4' ? 32 : 128)) return undefined;
  const range = new BlockList();
  range.addSubnet(address, Number(bits), family);
  // of its own family alone: ::/0 is no range of IPv4 addresses
  return (host) => familyOf(host) === family && range.check(host, family);
}

/** `host`, which stands for all below it too, `.host` and `*.host`, which stand for these alone, or an address. */
function hostMatcher(entry: string): NoProxy {
  const [, bracketed, one, portText] = /^(?:\[(.+)\]|([^:]*))(?::(\d*))?$/.exec(entry) ?? [];
  const name = bracketed ?? one ?? entry;
  const port = portText ? Number(portText) : undefined;
  const fits = (asked: number): boolean => port === undefined || port === asked;
  const family = familyOf(name);
  if (family !== undefined) {
    const address = new BlockList();
    address.addAddress(name, family);
    return (host, asked) => {
      const other = familyOf(host);
      return other !== undefined && fits(asked) && address.check(host, other);
    };
  }
  const domain = name.replace(/^\*(?=\.)/, '').replace(/\.$/, '');
  const whole = domain.replace(/^\./, '');
  const ascii = domainToASCII(whole) || whole;
  if (ascii === '') return () => false;
  return (host, asked) => fits(asked) && (host.endsWith(`.${ascii}`) || (whole === domain && host === ascii));
}

function familyOf(host: string): 'ipv4' | 'ipv6' | undefined {
  if (isIP(host) === 0) return undefined;
  return isIPv4(host) ? 'ipv4' : 'ipv6';
}
