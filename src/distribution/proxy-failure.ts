/** What went wrong between us and a proxy: the registry has no part in it. */
import { asError, systemCode } from '../foundation/errors.ts';
import { certificateTexts, connectTexts } from './failure-texts.ts';
import { type ProxyServer, proxyName } from './proxies.ts';
import { printable } from './registry-error.ts';

export class ProxyFailure extends Error {
  readonly code = 'PROXY_FAILED';
  /** What to do about it. */
  readonly hint: string;
  /** Whether another try may help. */
  readonly transient: boolean;
  constructor(message: string, options: { hint: string; transient: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'ProxyFailure';
    this.hint = options.hint;
    this.transient = options.transient;
  }
}

/** No connection to the proxy, or none that its answer came over. */
export function proxyUnreachable(proxy: ProxyServer, thrown: unknown): ProxyFailure {
  const code = systemCode(thrown) ?? '';
  const name = proxyName(proxy);
  const hint = `Check ${proxy.variable}, and the proxy; NO_PROXY names hosts that are reached without it.`;
  const failure = (message: string, transient: boolean, todo = hint): ProxyFailure =>
    new ProxyFailure(message, { hint: todo, transient, cause: thrown });
  const connecting = connectTexts[code];
  if (connecting !== undefined) return failure(`${name} ${connecting}`, true);
  if (code === 'ENOTFOUND') return failure(`${name} has a name that does not exist`, false);
  if (code === 'EAI_AGAIN') return failure(`the name of ${name} cannot be looked up now`, true);
  const [certificate] = certificateTexts[code] ?? [];
  if (certificate !== undefined) {
    const todo = `Name its authority in SSL_CERT_FILE, or give it in a .crt file with --cert-dir; ${proxy.variable} names the proxy.`;
    return failure(`the certificate of ${name} ${certificate}`, false, todo);
  }
  if (/^(?:ERR_SSL_|ERR_TLS_|EPROTO$)/.test(code)) {
    return failure(
      `${name} does not speak TLS as it should`,
      false,
      `If it speaks plain HTTP, write http:// in ${proxy.variable}.`,
    );
  }
  const words = printable(asError(thrown).message, 200);
  return failure(`${name} does not answer as a proxy does${words === '' ? '' : ` (${words})`}`, true);
}

/** The proxy wants a login, or another one. */
export function proxyUnauthorized(proxy: ProxyServer): ProxyFailure {
  const message = proxy.login === undefined ? 'wants a user name and a password' : 'refuses the user name or password';
  return new ProxyFailure(`${proxyName(proxy)} ${message}`, {
    // in one piece, "USER:PASSWORD@HOST" would be taken for a secret and not be shown
    hint: `Write them as USER:PASSWORD and an "@" before ${proxy.host} in ${proxy.variable}.`,
    transient: false,
  });
}

/** The proxy will not, or cannot, connect us with `target` (`host:port`); `said`: "status 403". */
export function proxyRefusal(proxy: ProxyServer, target: string, said: string, transient: boolean): ProxyFailure {
  return new ProxyFailure(`${proxyName(proxy)} makes no connection to ${target} (${said})`, {
    hint: 'Check the name and port of the registry; the proxy may not allow them. NO_PROXY names hosts that are reached without it.',
    transient,
  });
}
