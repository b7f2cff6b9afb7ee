/**
 * An identity token from a person who is somewhere else than at this machine: they open an address and type a code.
 *
 * Source: RFC 8628; OpenID Connect Discovery 1.0 section 4; RFC 7636 (the proof key that sigstore's provider asks for).
 */
import { createHash, randomBytes } from 'node:crypto';
import { AuthError, RegistryError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import { isJsonObject, type JsonValue } from '../../oci/json.ts';
import { fetchJson, type ServiceConnections } from './fetch-json.ts';
import { serviceUrl } from './services.ts';

export interface DeviceFlowOptions {
  readonly issuerUrl: string;
  /** `sigstore` unless told. */
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly connections?: ServiceConnections | undefined;
  /** Shows the person where to go and what to type there. */
  tell(message: string): void;
}

const what = 'the identity provider';
const grantType = 'urn:ietf:params:oauth:grant-type:device_code';
/** Seconds: between questions unless told, more of them when asked to slow down, and the longest that we wait in all. */
const [defaultInterval, slowDown, longest] = [5, 5, 900];

/** Throws AuthError DEVICE_FLOW_FAILED; RegistryError SIGSTORE_SERVICE; CancelledError. */
export async function deviceFlowToken(session: Session, options: DeviceFlowOptions): Promise<string> {
  const issuer = serviceUrl(options.issuerUrl, what);
  const { device, token } = await endpoints(session, issuer, options.connections);
  const verifier = randomBytes(32).toString('base64url');
  const client = {
    client_id: options.clientId ?? 'sigstore',
    ...(options.clientSecret === undefined ? {} : { client_secret: options.clientSecret }),
  };
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const begun = await post(session, options, device, {
    ...client,
    scope: 'openid email',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  });
  if (begun.status !== 200) throw failed(`it answered with HTTP status ${begun.status}`);
  const code = text(begun.body, 'device_code');
  options.tell(invitation(begun.body));
  const until = session.clock.now() + Math.min(number(begun.body, 'expires_in') ?? longest, longest) * 1000;
  let interval = number(begun.body, 'interval') ?? defaultInterval;
  while (session.clock.now() < until) {
    await session.clock.sleep(interval * 1000, session.signal);
    const answer = await post(session, options, token, {
      ...client,
      grant_type: grantType,
      device_code: code,
      code_verifier: verifier,
    });
    if (answer.status === 200) return text(answer.body, 'id_token');
    const error = isJsonObject(answer.body) ? answer.body['error'] : undefined;
    if (error === 'slow_down') interval += slowDown;
    else if (error !== 'authorization_pending') throw failed(`it answered ${JSON.stringify(error ?? answer.status)}`);
  }
  throw failed('nobody confirmed it in time');
}

function invitation(body: JsonValue): string {
  const whole = isJsonObject(body) ? body['verification_uri_complete'] : undefined;
  const address = typeof whole === 'string' ? whole : text(body, 'verification_uri');
  return `Open ${printable(address)} and enter the code ${printable(text(body, 'user_code'))} to sign in.`;
}

/** What somebody else wrote is not to move the cursor. */
function printable(foreign: string): string {
  return foreign.replaceAll(/[^\x21-\x7e]/g, '').slice(0, 300);
}

async function endpoints(
  session: Session,
  issuer: string,
  connections: ServiceConnections | undefined,
): Promise<{ device: string; token: string }> {
  const { status, body } = await fetchJson(session, `${issuer}/.well-known/openid-configuration`, what, {
    connections,
  });
  if (status !== 200) throw failed(`it does not say how to sign in (HTTP status ${status})`);
  const [device, token] = [text(body, 'device_authorization_endpoint'), text(body, 'token_endpoint')];
  for (const url of [device, token]) {
    serviceUrl(url, what);
    // what is typed and what comes back are secrets
    if (issuer.startsWith('https:') && !url.startsWith('https:')) throw failed('it sends us on to plain HTTP');
  }
  return { device, token };
}

function post(
  session: Session,
  { connections }: DeviceFlowOptions,
  url: string,
  fields: Readonly<Record<string, string>>,
): Promise<{ status: number; body: JsonValue }> {
  return fetchJson(session, url, what, {
    method: 'POST',
    connections,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  });
}

function text(body: JsonValue, key: string): string {
  const value = isJsonObject(body) ? body[key] : undefined;
  if (typeof value === 'string' && value !== '') return value;
  throw new RegistryError(`${what} failed: its answer has no "${key}"`, { code: 'SIGSTORE_SERVICE' });
}

function number(body: JsonValue, key: string): number | undefined {
  const value = isJsonObject(body) ? body[key] : undefined;
  return typeof value === 'number' && value > 0 ? value : undefined;
}

function failed(why: string): AuthError {
  return new AuthError(`${what} did not sign you in: ${why}`, { code: 'DEVICE_FLOW_FAILED' });
}
