/** What the lookup chain hands to the registry client. */

/**
 * A way to prove who asks:
 * - `basic`: user name and password, for Basic authentication and for the token endpoint;
 * - `identity-token`: a refresh token for the OAuth2 token endpoint (Docker "Token Authentication Specification");
 * - `bearer`: a token to be sent to the registry as it stands.
 *
 * `login` stands beside a token for registries that take a user name and a password and no token.
 */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly token: string; readonly login?: BasicLogin }
  | { readonly kind: 'bearer'; readonly token: string; readonly login?: BasicLogin };

export interface BasicLogin {
  readonly username: string;
  readonly password: string;
}

/** Credentials for `repository` on `host` (a registry as references name it: `docker.io`, `127.0.0.1:5000`), if there are any. */
export type CredentialProvider = (host: string, repository: string) => Promise<Credentials | undefined>;

/** One secret as the credential helper protocol speaks of it; a user name of `<token>` says that the secret is an identity token. */
export interface StoredLogin {
  readonly username: string;
  readonly secret: string;
}

/** The user name by which credential helpers mark an identity token. */
export const tokenUsername = '<token>';

/** The credentials that a stored login stands for. */
export function credentialsOf(login: StoredLogin): Credentials {
  return login.username === tokenUsername
    ? { kind: 'identity-token', token: login.secret }
    : { kind: 'basic', username: login.username, password: login.secret };
}
