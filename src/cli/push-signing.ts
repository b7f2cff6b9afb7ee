/** Signing as a part of another command: what its flags ask for. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../foundation/errors.ts';
import type { SigningRequest } from '../operations/sign-pushed.ts';
import type { Environment } from './environment.ts';
import { homeOf } from './registry-wiring.ts';
import type { SignFlagValues } from './signing-wiring.ts';

export interface PushSignFlagValues extends SignFlagValues {
  'sign-identity'?: string | undefined;
  'registries-d'?: string | undefined;
}

/** Flags that say how somebody signs: without a key they would leave an image unsigned that was meant to be. */
const ofSigning = ['sign-identity', 'sign-passphrase-file', 'signature-store'] as const;

export function noSigner(message: string): UsageError {
  return new UsageError(message, {
    code: 'NO_SIGNER',
    hint: 'Name a key with --sign-by, --sign-key-file, --sign-by-sigstore-private-key or --sign-by-sigstore.',
  });
}

/**
 * `undefined` where nobody is asked to sign. `creator`: `sheaf 1.2.3`.
 */
export async function pushSigning(
  flags: PushSignFlagValues,
  { session, askSecret }: Pick<Environment, 'session' | 'askSecret'>,
  creator: string,
): Promise<{ signing?: SigningRequest }> {
  const asked = flags['sign-by'] ?? flags['sign-key-file'] ?? flags['sign-by-sigstore'] ?? flags['identity-token'];
  if (asked === undefined && flags['sign-by-sigstore-private-key'] === undefined) {
    const idle = ofSigning.find((name) => flags[name] !== undefined);
    if (idle !== undefined) throw noSigner(`--${idle} is for signing, and nobody was asked to sign`);
    return {};
  }
  const { chooseSigners, lazyRegistriesD, namesPassphrase } = await import('./signing-wiring.ts');
  const { env } = process;
  const chosen = chooseSigners(flags, { env, session, creator, askSecret });
  chosen.catch(() => {});
  const isAsking = askSecret !== undefined && !namesPassphrase(flags, env);
  // a question and progress would be in each other's way; and flags that contradict each other are told before anything else
  await (isAsking ? chosen : Promise.race([chosen, new Promise((resolve) => setImmediate(resolve))]));
  return {
    signing: {
      chosen,
      identity: flags['sign-identity'],
      registriesD: lazyRegistriesD(flags['registries-d'], process.env),
    },
  };
}

/**
 * Whether this machine may know of signatures of the instances of a list: where it has neither registries.d nor a lookaside, no
 * registry need be asked whether it keeps signatures itself, and nothing of signatures is loaded.
 */
export function mayKnowSignatures(directory: string | undefined, env: NodeJS.ProcessEnv): boolean {
  if (directory !== undefined) return true;
  const home = homeOf(env);
  const kinds = ['registries.d', 'registries.rootful.d', 'registries.rootless.d'];
  const system = ['/usr/share/containers', '/etc/containers'].flatMap((base) => kinds.map((kind) => join(base, kind)));
  return [
    ...system,
    join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'containers/registries.d'),
    '/var/lib/containers/sigstore',
    join(home, '.local/share/containers/sigstore'),
  ].some((path) => existsSync(path));
}
