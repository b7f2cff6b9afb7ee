/** What login and logout share: where credentials are kept, which registry is meant, and how to ask it. */
import { homedir } from 'node:os';
import * as Flags from '@oclif/core/flags';
import type { LoginCheck } from '../credentials/login.ts';
import type { LoginEnvironment } from '../credentials/login-store.ts';
import { registryOfKey } from '../credentials/registry-key.ts';
import { UsageError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import { loadRegistriesConf } from '../registry-config/load-registries-conf.ts';
import type { RegistriesConfig } from '../registry-config/registries-config.ts';
import type { RunSettings } from './settings.ts';

/** Flags that say where credentials are kept. */
export const loginStoreFlags = {
  authfile: Flags.string({ summary: 'File to keep the credentials in.', helpValue: 'FILE' }),
  'compat-auth-file': Flags.string({
    summary: "File in docker's format to keep the credentials in.",
    helpValue: 'FILE',
    exclusive: ['authfile'],
  }),
  store: Flags.string({
    summary: 'Where to keep the credentials.',
    description:
      'Without it: the helper that the file names (credHelpers, credsStore); else the keychain of the operating system where it works and no file is named; else the file.',
    helpValue: '<file|keychain|helper:NAME>',
  }),
};

/** The environment of a login. */
export function loginEnvironment(
  session: Session,
  flags: { authfile?: string | undefined; 'compat-auth-file'?: string | undefined },
): LoginEnvironment {
  const env = process.env;
  return {
    env,
    homeDir: env['HOME'] || homedir(),
    session,
    authfile: flags.authfile,
    compatAuthFile: flags['compat-auth-file'],
  };
}

/** registries.conf of this machine. */
export function registriesConfig({ env, homeDir, session }: LoginEnvironment): Promise<RegistriesConfig> {
  return loadRegistriesConf({ env, homeDir }, session);
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
    hint: 'Name one: sheaf login docker.io',
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
    const [{ createRegistryPool }, { isInsecure }, { findCertificateDir }] = await Promise.all([
      import('../distribution/registry-pool.ts'),
      import('../registry-config/resolve-registry.ts'),
      import('../registry-config/certificate-dirs.ts'),
    ]);
    const { tlsVerify = isInsecure(config, registry) ? false : undefined } = settings.registry;
    const certDir = await findCertificateDir(registryOfKey(registry), {
      homeDir: environment.homeDir,
      certDir: settings.registry.certDir,
    });
    await using pool = createRegistryPool(
      session,
      {
        userAgent,
        retry: { maxRetries: settings.retry.maxRetries },
        ...(tlsVerify === undefined ? {} : { tlsVerify }),
        ...(certDir === undefined ? {} : { certDir }),
      },
      () => Promise.resolve(credentials),
    );
    await pool.client(registry).checkAccess();
  };
}
