/** The signer that a parameter file describes. */
import { AuthError } from '../../foundation/errors.ts';
import type { Session } from '../../foundation/session.ts';
import type { ImageSigner } from '../signer.ts';
import type { ServiceConnections } from './fetch-json.ts';
import { readKeyFile, wipe } from './key-file.ts';
import type { FulcioParameters, KeyParameters, OidcParameters, SigningParameters } from './parameter-file.ts';
import type { SigstoreForm } from './produce.ts';

export interface ParameterSignerOptions {
  readonly produce: readonly SigstoreForm[];
  readonly creator: string;
  /** Environment variables. */
  readonly env: NodeJS.ProcessEnv;
  /** The way to those who give identities, certificates, log entries and the time. */
  readonly connections?: ServiceConnections;
  /** Throws NotFoundError or StorageError; `what` names the file in these. */
  readFile(path: string, what: string): Promise<Uint8Array>;
  /** Of a key whose file of parameters names none; the caller is to wipe it. */
  passphrase?(): Promise<Uint8Array | undefined>;
  /** Shows something to the person, whatever else is to be silent: they are waited for. */
  tell(message: string): void;
}

/** Reads the key at once; asks for an identity only when the first signature is made. Throws as its parts do. */
export async function createParameterSigner(
  parameters: SigningParameters,
  options: ParameterSignerOptions,
): Promise<ImageSigner> {
  return parameters.kind === 'key' ? await keySigner(parameters, options) : await identitySigner(parameters, options);
}

async function keySigner(parameters: KeyParameters, options: ParameterSignerOptions): Promise<ImageSigner> {
  const { privateKeyFile, passphraseFile, rekorUrl, timestampUrl } = parameters;
  const { createSigstoreKeySigner } = await import('./key-signer.ts');
  const file = await options.readFile(privateKeyFile, 'the sigstore key');
  const secret =
    passphraseFile === undefined
      ? await options.passphrase?.()
      : await options.readFile(passphraseFile, 'the passphrase file');
  try {
    const key = await readKeyFile(file, secret && firstLine(secret), `the private key ${privateKeyFile}`);
    return createSigstoreKeySigner({
      key,
      produce: options.produce,
      creator: options.creator,
      ...(rekorUrl === undefined ? {} : { rekorUrl }),
      ...(timestampUrl === undefined ? {} : { timestampUrl }),
      ...(options.connections === undefined ? {} : { connections: options.connections }),
    });
  } finally {
    wipe(file);
    wipe(secret);
  }
}

async function identitySigner(parameters: FulcioParameters, options: ParameterSignerOptions): Promise<ImageSigner> {
  const { createKeylessSigner } = await import('./keyless-signer.ts');
  const { fulcioUrl, rekorUrl, rekorVersion, timestampUrl, oidc } = parameters;
  return createKeylessSigner({
    produce: options.produce,
    creator: options.creator,
    fulcioUrl,
    rekorUrl,
    rekorVersion,
    ...(timestampUrl === undefined ? {} : { timestampUrl }),
    ...(options.connections === undefined ? {} : { connections: options.connections }),
    token: (session) => tokenOf(session, oidc, options),
  });
}

async function tokenOf(session: Session, oidc: OidcParameters, options: ParameterSignerOptions): Promise<string> {
  switch (oidc.mode) {
    case 'token':
      return oidc.token;
    case 'token-file':
      return Buffer.from(await options.readFile(oidc.file, 'the identity token'))
        .toString('utf8')
        .trim();
    case 'ambient': {
      const { ambientToken } = await import('./identity-token.ts');
      const token = await ambientToken(session, { env: options.env, connections: options.connections });
      if (token !== undefined) return token;
      throw new AuthError('this platform gives no identity token', {
        code: 'IDENTITY_TOKEN_MISSING',
        hint: 'Set SIGSTORE_ID_TOKEN, or run where GitHub Actions or Buildkite give one.',
      });
    }
    case 'device': {
      const { deviceFlowToken } = await import('./device-flow.ts');
      return await deviceFlowToken(session, {
        ...oidc,
        connections: options.connections,
        tell: (message) => options.tell(message),
      });
    }
  }
}

/** As skopeo reads it: a carriage return before the line end stays. A view of the bytes: nothing secret is copied. */
export function firstLine(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0x0a);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
