/** Signing as a part of another command: what its flags ask for. */
import type { Session } from '../foundation/session.ts';
import type { SigningRequest } from '../operations/sign-pushed.ts';
import type { SignFlagValues } from './signing-wiring.ts';

export interface PushSignFlagValues extends SignFlagValues {
  'sign-identity'?: string | undefined;
  'registries-d'?: string | undefined;
}

/**
 * `undefined` where nobody is asked to sign. `creator`: `sheaf 1.2.3`.
 */
export async function pushSigning(
  flags: PushSignFlagValues,
  session: Session,
  creator: string,
): Promise<{ signing?: SigningRequest }> {
  const asked = flags['sign-by'] ?? flags['sign-key-file'] ?? flags['sign-by-sigstore'];
  if (asked === undefined && flags['sign-by-sigstore-private-key'] === undefined) return {};
  const { chooseSigners, lazyRegistriesD } = await import('./signing-wiring.ts');
  const chosen = chooseSigners(flags, { env: process.env, session, creator });
  chosen.catch(() => {});
  return {
    signing: {
      chosen,
      identity: flags['sign-identity'],
      registriesD: lazyRegistriesD(flags['registries-d'], process.env),
    },
  };
}
