/** What login and logout share: where credentials are kept, which registry is meant, and how to ask it. */
import * as Flags from '@oclif/core/flags';
import type { LoginCheck } from '../credentials/login.ts';
import type { LoginEnvironment } from '../credentials/login-store.ts';
import { registryOfKey } from '../credentials/registry-key.ts';
import { UsageError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import type { RegistriesConfig } from '../registry-config/registries-config.ts';
import { homeOf, lazyRegistriesConfig, poolSettings } from './registry-wiring.ts';
import type { RunSettings } from './settings.ts';

/** Flags that say where credentials are kept; `withoutStore`: which place it is without `--store`. */
export const loginStoreFlags = (withoutStore: string) => ({
  authfile: Flags.string({ summary: 'File that the credentials are kept in.', helpValue: 'FILE' }),
  'compat-auth-file': Flags.string({
    summary: "File in docker's format that the credentials are kept in.",
    helpValue: 'FILE',
    exclusive: ['authfile'],
  }),
  store: Flags.string({
    summary: 'Where the credentials are kept.',
    description: withoutStore,
    helpValue: '<file|keychain|helper:NAME>',
  }),
});

/** The environment of a login, with registries.conf of this machine. */
export interface CommandLoginEnvironment extends LoginEnvironment {
  /** Read when it is first asked for, and then remembered. */
  config(): Promise<RegistriesConfig>;
}

/** The environment of a login. */
export function loginEnvironment(
  session: Session,
  flags: { authfile?: string | undefined; 'compat-auth-file'?: string | undefined },
): CommandLoginEnvironment {
  const env = process.env;
  const config = lazyRegistriesConfig(env, session);
  return {
    env,
    config,
    homeDir: homeOf(env),
    session,
    // an empty name is none, as with the peers
    authfile: flags.authfile || undefined,
    compatAuthFile: flags['compat-auth-file'] || undefined,
    helpers: async () => (await config()).credentialHelpers,
  };
}

/**
 * The registry that is meant where none is named: the first search registry, as with podman.
 *
 * @throws UsageError REGISTRY_MISSING
 */
export function defaultRegistry(config: RegistriesConfig): string {
  const [first] = config.searchRegistries;
  if (first !== undefined) return first;
  throw new UsageError('no registry is named, and registries.conf has no search registries', {
    code: 'REGISTRY_MISSING',
    hint: 'Name one: docker.io, quay.io, ghcr.io, ...',
  });
}

/** Asks a registry over the network whether it takes credentials; `insecure` in registries.conf counts as asked for. */
export function loginCheck(
  session: Session,
  settings: RunSettings,
  config: RegistriesConfig,
  environment: LoginEnvironment,
  userAgent: string,
): LoginCheck {
  return async (registry, credentials) => {
    const [{ createRegistryPool }, { isInsecure, refuseBlocked }] = await Promise.all([
      import('../distribution/registry-pool.ts'),
      import('../registry-config/resolve-registry.ts'),
    ]);
    refuseBlocked(config, registry);
    const { env } = environment;
    const wired = poolSettings({ settings, side: settings.registry, env, session, userAgent });
    await using pool = createRegistryPool(session, wired, () => Promise.resolve(credentials));
    await pool.client(registryOfKey(registry), { insecure: isInsecure(config, registry) }).checkAccess();
  };
}
