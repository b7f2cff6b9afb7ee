/**
 * The file of `--sign-by-sigstore`: who signs and which services are asked, in the YAML of containers/image.
 *
 * Source: containers-sigstore-signing-params.yaml.5; containers/image pkg/cli/sigstore/params. Of ours are `timestampURL`,
 * `rekorVersion`, `fulcio.oidcIDTokenFile` and the mode `ambient`; other readers refuse files that have them.
 */
import { asError, UsageError } from '../../foundation/errors.ts';

export interface KeyParameters {
  readonly kind: 'key';
  readonly privateKeyFile: string;
  readonly passphraseFile?: string;
  readonly rekorUrl?: string;
  readonly timestampUrl?: string;
}

export type OidcParameters =
  | { readonly mode: 'token'; readonly token: string }
  | { readonly mode: 'token-file'; readonly file: string }
  /** The token of the platform on which we run. */
  | { readonly mode: 'ambient' }
  | {
      readonly mode: 'device';
      readonly issuerUrl: string;
      readonly clientId?: string;
      readonly clientSecret?: string;
    };

export interface FulcioParameters {
  readonly kind: 'fulcio';
  readonly fulcioUrl: string;
  readonly rekorUrl: string;
  readonly rekorVersion: 1 | 2;
  readonly timestampUrl?: string;
  readonly oidc: OidcParameters;
}

export type SigningParameters = KeyParameters | FulcioParameters;

type Member = string | number | Members;
interface Members {
  readonly [key: string]: Member;
}

const topTexts = ['privateKeyFile', 'privateKeyPassphraseFile', 'rekorURL', 'timestampURL'] as const;
const fulcioTexts = [
  'fulcioURL',
  'oidcMode',
  'oidcIssuerURL',
  'oidcClientID',
  'oidcClientSecret',
  'oidcIDToken',
  'oidcIDTokenFile',
] as const;

/** Bytes of a file. */
const maxSize = 1 << 20;

/** Throws UsageError BAD_SIGNING_PARAMETERS; `what` names the file. */
export async function parseSigningParameters(bytes: Uint8Array, what: string): Promise<SigningParameters> {
  const fail = failing(what);
  const document = await parseYaml(bytes, fail);
  const fulcio = document['fulcio'];
  const rekorVersion = document['rekorVersion'];
  const texts = textsOf(document, topTexts, ['fulcio', 'rekorVersion'], '', fail);
  if (rekorVersion !== undefined && rekorVersion !== 1 && rekorVersion !== 2)
    throw fail('rekorVersion is neither 1 nor 2');
  const { privateKeyFile, privateKeyPassphraseFile, rekorURL, timestampURL } = texts;
  const clock = timestampURL === undefined ? {} : { timestampUrl: timestampURL };
  if (fulcio === undefined) {
    if (privateKeyFile === undefined) throw fail('no private key source provided (neither a private key nor Fulcio)');
    if (rekorVersion === 2) throw fail('a log of version 2 takes no bare keys from us');
    return {
      kind: 'key',
      privateKeyFile,
      ...(privateKeyPassphraseFile === undefined ? {} : { passphraseFile: privateKeyPassphraseFile }),
      ...(rekorURL === undefined ? {} : { rekorUrl: rekorURL }),
      ...clock,
    };
  }
  if (privateKeyFile !== undefined || privateKeyPassphraseFile !== undefined) {
    throw fail('multiple private key sources specified, a private key file and Fulcio');
  }
  if (typeof fulcio !== 'object') throw fail('fulcio is no mapping');
  if (rekorURL === undefined) throw fail('fulcio wants a rekorURL as well: nothing else says when it was signed');
  const own = textsOf(fulcio, fulcioTexts, [], 'fulcio.', fail);
  if (own.fulcioURL === undefined) throw fail('fulcio has no fulcioURL');
  return {
    kind: 'fulcio',
    fulcioUrl: own.fulcioURL,
    rekorUrl: rekorURL,
    rekorVersion: rekorVersion ?? 1,
    ...clock,
    oidc: oidcOf(own, fail),
  };
}

type Failing = (why: string, cause?: unknown) => UsageError;
type Texts<Key extends string> = { readonly [key in Key]?: string };

function oidcOf(texts: Texts<(typeof fulcioTexts)[number]>, fail: Failing): OidcParameters {
  const { oidcMode, oidcIssuerURL, oidcClientID, oidcClientSecret, oidcIDToken, oidcIDTokenFile } = texts;
  switch (oidcMode) {
    case 'staticToken':
      if (oidcIDToken !== undefined && oidcIDTokenFile !== undefined) throw fail('there are two identity tokens');
      if (oidcIDToken !== undefined) return { mode: 'token', token: oidcIDToken };
      if (oidcIDTokenFile !== undefined) return { mode: 'token-file', file: oidcIDTokenFile };
      throw fail('oidcMode staticToken wants an oidcIDToken');
    case 'ambient':
      return { mode: 'ambient' };
    // a browser that sends us the token needs a port that it can reach; a code does the same from anywhere
    case 'interactive':
    case 'deviceGrant':
      if (oidcIDToken !== undefined) throw fail(`oidcMode ${oidcMode} takes no oidcIDToken`);
      if (oidcIssuerURL === undefined) throw fail(`oidcMode ${oidcMode} wants an oidcIssuerURL`);
      return {
        mode: 'device',
        issuerUrl: oidcIssuerURL,
        ...(oidcClientID === undefined ? {} : { clientId: oidcClientID }),
        ...(oidcClientSecret === undefined ? {} : { clientSecret: oidcClientSecret }),
      };
    case undefined:
      throw fail('fulcio has no oidcMode');
    default:
      throw fail(`unknown oidcMode ${JSON.stringify(oidcMode.slice(0, 60))}`);
  }
}

function textsOf<Key extends string>(
  members: Members,
  keys: readonly Key[],
  others: readonly string[],
  where: string,
  fail: Failing,
): Texts<Key> {
  const stray = Object.keys(members).find((key) => !others.includes(key) && !keys.some((known) => known === key));
  if (stray !== undefined) throw fail(`unknown field ${JSON.stringify(`${where}${stray}`.slice(0, 60))}`);
  const found: { [key in Key]?: string } = {};
  for (const key of keys) {
    const value = members[key];
    if (value === undefined) continue;
    if (typeof value !== 'string' || value === '') throw fail(`${where}${key} is no text`);
    found[key] = value;
  }
  return found;
}

async function parseYaml(bytes: Uint8Array, fail: Failing): Promise<Members> {
  if (bytes.byteLength > maxSize) throw fail(`it has more than ${maxSize} bytes`);
  const { parseYaml: parse } = await import('../../registry-config/yaml.ts');
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = parse(text, { uniqueKeys: true, maxAliasCount: 0, prettyErrors: false });
  } catch (cause) {
    // no cause: it would show what stands in the file, which may be a token
    throw fail(asError(cause).message.split('\n', 1)[0]?.slice(0, 200) ?? 'it is no YAML');
  }
  if (!isMembers(value)) throw fail('it is no mapping of texts');
  return value;
}

function isMembers(value: unknown): value is Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((one) => typeof one === 'string' || typeof one === 'number' || isMembers(one));
}

function failing(what: string): Failing {
  return (why) =>
    new UsageError(`cannot sign as ${what} says: ${why}`, {
      code: 'BAD_SIGNING_PARAMETERS',
      hint: 'See containers-sigstore-signing-params.yaml(5) for what such a file may say.',
    });
}
