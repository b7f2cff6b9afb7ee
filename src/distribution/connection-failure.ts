/** What a failed exchange means, and what to do about it. */
import { asError, RegistryError, SheafError, systemCode } from '../foundation/errors.ts';
import { ExchangeFailure, type ExchangePhase } from './exchange.ts';
import { certificateTexts, connectTexts, giveCertificate } from './failure-texts.ts';
import { ProxyFailure } from './proxy-failure.ts';
import { printable } from './registry-error.ts';
import { TryFailure } from './try-failure.ts';

export interface FailureContext {
  /** What could not be done: "read the manifest 127.0.0.1:5000/a:1". */
  what: string;
  url: URL;
  /** Whether the scheme of `url` is known to be right, so that a broken connection is no sign against it. */
  schemeKnown?: boolean;
}

interface Diagnosis {
  code: string;
  /** Follows "the registry at <host>" or names the host itself. */
  text: string;
  hint: string;
  transient?: boolean;
  wrongScheme?: boolean;
}

/** Errors that are ours come back as they are; everything else becomes a {@link TryFailure}. */
export function connectionFailure(thrown: unknown, context: FailureContext): Error {
  if (thrown instanceof SheafError || thrown instanceof TryFailure) return asError(thrown);
  const phase = thrown instanceof ExchangeFailure ? thrown.phase : 'body';
  const cause = thrown instanceof ExchangeFailure ? thrown.cause : thrown;
  // a defect, not the network
  if (cause instanceof TypeError) return cause;
  const found = diagnose(cause, phase, context);
  return new TryFailure({
    reason: found.text,
    transient: found.transient ?? false,
    wrongScheme: found.wrongScheme === true && context.schemeKnown !== true,
    notTls: found.code === 'NOT_TLS',
    stale: found.code === 'CONNECTION_CUT' && phase !== 'body' && hasServed(cause),
    toError: (tries): SheafError =>
      new RegistryError(`cannot ${context.what}: ${found.text}${afterTries(tries)}`, {
        code: found.code,
        hint: found.hint,
        cause,
      }),
  });
}

/** Whether a connection of undici that ended had brought something before. */
function hasServed(cause: unknown): boolean {
  const socket = cause instanceof Error && 'socket' in cause ? cause.socket : undefined;
  return typeof socket === 'object' && socket !== null && 'bytesRead' in socket && Number(socket.bytesRead) > 0;
}

/** What to add to a message after more than one try. */
export function afterTries(tries: number): string {
  return tries > 1 ? ` (tried ${tries} times)` : '';
}

const checkName = 'Check the name of the registry, the network and the proxy settings.';
/** podman and buildah put this host before the names of what they have built. */
const noRegistryHere =
  'Images of podman and buildah on this machine are named containers-storage:localhost/NAME, local lists as `sheaf manifest ls` shows them; a registry here has a port in its name.';
const tryAgain = 'Try again later; --retry and --retry-delay make it try longer.';

function diagnose(cause: unknown, phase: ExchangePhase, { url, schemeKnown }: FailureContext): Diagnosis {
  const host = url.host;
  const code = systemCode(cause) ?? '';
  const text = printable(cause instanceof Error ? cause.message : String(cause), 300);
  if (cause instanceof ProxyFailure) {
    // the other scheme may go another way: proxies that tunnel to port 443 alone forward plain requests to any
    return { code: 'PROXY_FAILED', text, hint: cause.hint, transient: cause.transient, wrongScheme: true };
  }
  if (code in connectTexts && phase === 'connect') {
    return {
      code: 'CANNOT_CONNECT',
      text: `${host} ${connectTexts[code]}`,
      hint: host === 'localhost' ? noRegistryHere : checkName,
      transient: true,
      wrongScheme: url.port === '',
    };
  }
  if (code === 'ENOTFOUND') {
    return { code: 'HOST_NOT_FOUND', text: `there is no host named ${url.hostname}`, hint: checkName };
  }
  if (code === 'EAI_AGAIN') {
    return {
      code: 'HOST_NOT_FOUND',
      text: `the name ${url.hostname} cannot be looked up now`,
      hint: checkName,
      transient: true,
    };
  }
  const certificate = certificateTexts[code];
  if (certificate !== undefined) {
    return {
      code: 'TLS_CERTIFICATE',
      text: `the certificate of ${host} ${certificate[0]} (${text})`,
      hint: certificate[1],
    };
  }
  if (
    code === 'ERR_SSL_WRONG_VERSION_NUMBER' ||
    code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' ||
    code === 'ERR_SSL_HTTP_REQUEST'
  ) {
    return {
      code: 'NOT_TLS',
      text: `${host} does not speak TLS; it looks like a registry with plain HTTP`,
      hint: 'If you trust the network between here and there, use --tls-verify=false.',
      wrongScheme: true,
    };
  }
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO') {
    const client = /CERTIFICATE_REQUIRED|CERT_REQUIRED|BAD_CERTIFICATE|HANDSHAKE_FAILURE|UNKNOWN_CA/.test(code);
    return {
      code: 'TLS_FAILED',
      text: `TLS with ${host} failed (${text})`,
      hint: client
        ? `The registry may want a client certificate: ${giveCertificate}.`
        : 'Check that the port is that of the registry and that both sides share a TLS version.',
    };
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') {
    return {
      code: 'HEADERS_TOO_LARGE',
      text: `the head of the answer of ${host} is larger than 64 KiB`,
      hint: 'No registry answers like that; check the name of the registry.',
    };
  }
  if (code.startsWith('HPE_') || (cause instanceof Error && cause.name === 'HTTPParserError')) {
    return {
      code: 'NOT_HTTP',
      text: `the answer of ${host} is not HTTP (${text})`,
      hint: 'Check that the port is that of the registry.',
      wrongScheme: true,
      // after a good answer on the same host it is more likely a broken one
      transient: schemeKnown === true,
    };
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT' || code === 'ETIMEDOUT') {
    return {
      code: 'TIMED_OUT',
      text: `${host} said nothing for too long ${phaseTexts[phase]}`,
      hint: tryAgain,
      transient: true,
    };
  }
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') {
    return { code: 'CLOSED', text: `the connections to ${host} have been closed`, hint: tryAgain };
  }
  if (code.startsWith('UND_ERR_INVALID')) {
    return { code: 'INVALID_REQUEST', text: `the request to ${host} cannot be sent (${text})`, hint: checkName };
  }
  // resets, broken pipes, ends in the middle: whatever is left is a cut of the connection
  return {
    code: 'CONNECTION_CUT',
    text: `the connection to ${host} was cut ${phaseTexts[phase]}${text === '' ? '' : ` (${text})`}`,
    // TLS 1.3: a server asks for a certificate, and refuses the lack of one, after the client holds the connection for made
    hint:
      url.protocol === 'https:' && (phase === 'send' || phase === 'wait')
        ? `Try again later, with a larger --retry; if the registry wants a client certificate, ${giveCertificate}.`
        : tryAgain,
    transient: true,
    wrongScheme: phase !== 'body',
  };
}

const phaseTexts: Readonly<Record<ExchangePhase, string>> = {
  connect: 'while it was being made',
  send: 'while the request was being sent',
  wait: 'before it answered',
  body: 'in the middle of the answer',
};
