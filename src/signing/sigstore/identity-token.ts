/**
 * The token that says who is signing: given, or asked of the platform on which we run, or of the person.
 *
 * Source: cosign pkg/providers (names of variables); GitHub Actions "OpenID Connect reference"; RFC 7519.
 */
import { execFile } from 'node:child_process';
import { AuthError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import { fetchJson, type ServiceConnections } from './fetch-json.ts';

/** Whom the token is for. */
export const defaultAudience = 'sigstore';

export interface AmbientOptions {
  /** Environment variables. */
  readonly env: NodeJS.ProcessEnv;
  readonly audience?: string;
  readonly connections?: ServiceConnections | undefined;
}

/**
 * The token of the platform: `SIGSTORE_ID_TOKEN` (GitLab and everybody who sets it), GitHub Actions, Buildkite.
 * @returns `undefined` where there is none of these
 * @throws AuthError IDENTITY_TOKEN_REFUSED; RegistryError SIGSTORE_SERVICE; CancelledError
 */
export async function ambientToken(session: Session, options: AmbientOptions): Promise<string | undefined> {
  const { env, audience = defaultAudience, connections } = options;
  const given = env['SIGSTORE_ID_TOKEN'];
  if (given !== undefined && given !== '') return given.trim();
  const [url, bearer] = [env['ACTIONS_ID_TOKEN_REQUEST_URL'], env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']];
  if (url !== undefined && bearer !== undefined)
    return await gitHubToken(session, { url, bearer, audience, connections });
  return env['BUILDKITE'] === 'true' ? await buildkiteToken(env, audience, session.signal) : undefined;
}

interface GitHubRequest {
  url: string;
  bearer: string;
  audience: string;
  connections: ServiceConnections | undefined;
}

async function gitHubToken(session: Session, { url, bearer, audience, connections }: GitHubRequest): Promise<string> {
  const what = 'the identity provider of GitHub Actions';
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address === undefined) throw refused(what, 'ACTIONS_ID_TOKEN_REQUEST_URL is no web address');
  address.searchParams.set('audience', audience);
  const { status, body } = await fetchJson(session, address.href, what, {
    connections,
    headers: { authorization: `Bearer ${bearer}` },
  });
  const token = isJsonObject(body) ? body['value'] : undefined;
  if (status !== 200 || typeof token !== 'string') throw refused(what, `it answered with HTTP status ${status}`);
  return token;
}

const agent = 'buildkite-agent';

function buildkiteToken(env: NodeJS.ProcessEnv, audience: string, signal: AbortSignal): Promise<string> {
  const args = ['oidc', 'request-token', '--audience', audience];
  return new Promise((resolve, reject) => {
    execFile(agent, args, { env, signal }, (error, stdout) => {
      if (error === null && stdout.trim() !== '') resolve(stdout.trim());
      else reject(refused(agent, 'it gave no token'));
    });
  });
}

function refused(who: string, why: string): AuthError {
  return new AuthError(`${who} gives no identity token: ${why}`, {
    code: 'IDENTITY_TOKEN_REFUSED',
    hint: 'Allow the job to ask for identity tokens ("id-token: write" in GitHub Actions), or give a token.',
  });
}

/** What a token says of itself, unverified: that is for the authority to do. Throws AuthError BAD_IDENTITY_TOKEN. */
function claimsOf(token: string): Readonly<Record<string, JsonValue>> {
  const [, payload = '', signature] = token.split('.');
  try {
    if (signature === undefined) throw new Error('it has not three parts');
    const claims = parseJson(Buffer.from(payload, 'base64url'), 'the identity token');
    if (isJsonObject(claims)) return claims;
  } catch {
    // the reason would show parts of the token
  }
  throw badToken('it is no JSON web token');
}

/** What the owner of the key has to sign to prove that the key is his: the mail address, else the subject. */
export function subjectOfToken(token: string): string {
  const { email, email_verified: verified, sub } = claimsOf(token);
  if (typeof email === 'string' && email !== '') {
    if (verified === false) throw badToken('its mail address is not verified');
    return email;
  }
  if (typeof sub === 'string' && sub !== '') return sub;
  throw badToken('it has no subject');
}

function badToken(why: string): AuthError {
  return new AuthError(`the identity token cannot be used: ${why}`, {
    code: 'BAD_IDENTITY_TOKEN',
    hint: 'Give a JSON web token of an identity provider that the certificate authority knows.',
  });
}
