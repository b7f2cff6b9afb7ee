/** Whom the flags of `verify` trust. */
import { UsageError } from '../foundation/errors.ts';
import type { VerifyTrust } from '../operations/verify-image.ts';
import type { SigstoreTrust, TextRule } from '../signing/policy/attachment-verifier.ts';
import type { GpgPublicKey } from '../signing/simple/keyring.ts';
import { homeOf } from './registry-wiring.ts';
import { readInput } from './signing-wiring.ts';

export interface TrustFlagValues {
  key?: readonly string[] | undefined;
  policy?: string | undefined;
  identity?: string | undefined;
  'certificate-identity'?: string | undefined;
  'certificate-identity-regexp'?: string | undefined;
  'certificate-oidc-issuer'?: string | undefined;
  'certificate-oidc-issuer-regexp'?: string | undefined;
  'trusted-root'?: string | undefined;
}

/**
 * Keys and people that were named, else the policy of the machine.
 *
 * @throws UsageError, NotFoundError, StorageError for what cannot be read or means nothing
 */
export async function chooseTrust(flags: TrustFlagValues, env: NodeJS.ProcessEnv): Promise<VerifyTrust> {
  const people = await peopleOf(flags);
  const keys = flags.key ?? [];
  if (keys.length === 0 && people === undefined) return policyTrust(flags, env);
  if (flags.policy !== undefined) {
    throw new UsageError('--policy says who is trusted, so no keys and identities can be given beside it', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Leave one of the two away.',
    });
  }
  const { gpgKeys, sigstoreKeys } = await sortedKeys(keys);
  const sigstore: SigstoreTrust[] = [
    ...(sigstoreKeys.length === 0 ? [] : [{ kind: 'keys' as const, keys: sigstoreKeys, everyKey: true }]),
    ...(people === undefined ? [] : [people]),
  ];
  return { kind: 'keys', gpgKeys, sigstore, identity: flags.identity };
}

async function policyTrust({ policy: file, identity }: TrustFlagValues, env: NodeJS.ProcessEnv): Promise<VerifyTrust> {
  const { loadPolicy } = await import('../signing/policy/load-policy.ts');
  const policy = await loadPolicy({ env, homeDir: homeOf(env), file });
  if (policy === undefined) {
    throw new UsageError('nobody is trusted: no key was given, and this machine has no policy.json', {
      code: 'NO_TRUST',
      hint: 'Give --key FILE, --certificate-identity with --certificate-oidc-issuer and --trusted-root, or --policy FILE.',
    });
  }
  if (identity !== undefined) {
    throw new UsageError('a policy says which names are accepted, so --identity has no meaning', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Use signedIdentity in the policy.',
    });
  }
  return { kind: 'policy', policy };
}

async function sortedKeys(files: readonly string[]): Promise<{ gpgKeys: GpgPublicKey[]; sigstoreKeys: Uint8Array[] }> {
  const gpgKeys: GpgPublicKey[] = [];
  const sigstoreKeys: Uint8Array[] = [];
  const { looksLikeKeyring, readKeyring } = await import('../signing/simple/keyring.ts');
  for (const file of files) {
    const bytes = await readInput(file, 'the key');
    if (looksLikeKeyring(bytes)) gpgKeys.push(...(await readKeyring(bytes, file)));
    else if (/-----BEGIN (?:[A-Z]+ )*(?:PUBLIC KEY|CERTIFICATE)-----/.test(bytes.toString('latin1')))
      sigstoreKeys.push(bytes);
    else {
      throw new UsageError(`${file} is neither a GPG keyring nor a public key or certificate in PEM`, {
        code: 'BAD_KEY_FILE',
        hint: 'Give what gpg --export writes, or the .pub file of a sigstore key.',
      });
    }
  }
  return { gpgKeys, sigstoreKeys };
}

async function peopleOf(flags: TrustFlagValues): Promise<SigstoreTrust | undefined> {
  const subject = ruleOf(flags, 'certificate-identity');
  const issuer = ruleOf(flags, 'certificate-oidc-issuer');
  const root = flags['trusted-root'];
  if (subject === undefined && issuer === undefined && root === undefined) return undefined;
  if (subject === undefined || issuer === undefined || root === undefined) {
    throw new UsageError(
      'a certificate is judged by who it names, who vouched for that, and what is trusted: all three',
      {
        code: 'INCOMPLETE_IDENTITY',
        hint: 'Give --certificate-identity, --certificate-oidc-issuer (or their -regexp forms) and --trusted-root.',
      },
    );
  }
  return { kind: 'identity', subject, issuer, trustedRoot: await readInput(root, 'the trusted root') };
}

function ruleOf(
  flags: TrustFlagValues,
  name: 'certificate-identity' | 'certificate-oidc-issuer',
): TextRule | undefined {
  const [exact, pattern] = [flags[name], flags[`${name}-regexp`]];
  if (exact !== undefined && pattern !== undefined) {
    throw new UsageError(`--${name} and --${name}-regexp are both given`, {
      code: 'CONFLICTING_FLAGS',
      hint: 'Leave one of the two away.',
    });
  }
  if (exact !== undefined) return { exact };
  if (pattern === undefined) return undefined;
  try {
    return { pattern: new RegExp(`^(?:${pattern})$`, 'u') };
  } catch (cause) {
    throw new UsageError(`--${name}-regexp: "${pattern}" is no regular expression`, {
      code: 'BAD_PATTERN',
      hint: 'Put a backslash before what stands for itself, such as \\( or \\., or give the whole text without -regexp.',
      cause,
    });
  }
}
