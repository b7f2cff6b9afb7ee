/** How a run reaches registries: flags, environment variables and the files of the machine, put together. */
import { homedir } from 'node:os';
import type { Authorities, CredentialProvider, RegistrySettings } from '../distribution/registry-pool.ts';
import type { Session } from '../foundation/session.ts';
import type { RegistriesConfig } from '../registry-config/registries-config.ts';
import type { RegistryRoutes } from '../registry-config/registry-routes.ts';
import type { RegistrySideSettings, RunSettings } from './settings.ts';

export interface RegistryWiringOptions {
  settings: Pick<RunSettings, 'retry'>;
  /** One side of the command. */
  side: RegistrySideSettings;
  env: NodeJS.ProcessEnv;
  session: Session;
  /** Sent with every request: name and version. */
  userAgent: string;
}

/** The user's home. */
export function homeOf(env: NodeJS.ProcessEnv): string {
  return env['HOME'] || homedir();
}

/** registries.conf of this machine, read when it is first asked for and then remembered. */
export function lazyRegistriesConfig(env: NodeJS.ProcessEnv, session: Session): () => Promise<RegistriesConfig> {
  let loaded: Promise<RegistriesConfig> | undefined;
  const load = async (): Promise<RegistriesConfig> => {
    const { loadRegistriesConf } = await import('../registry-config/load-registries-conf.ts');
    return loadRegistriesConf({ env, homeDir: homeOf(env) }, session);
  };
  return () => {
    loaded ??= load();
    return loaded;
  };
}

/**
 * {@link RegistryRoutes} over a configuration that is read when a registry is first used. Who sits at a terminal is asked
 * which of several registries a short name means, and the answer is remembered for the next run unless `remembers` says no.
 */
export async function registryRoutes(
  config: () => Promise<RegistriesConfig>,
  {
    env,
    session,
    canAsk,
    remembers,
  }: { env: NodeJS.ProcessEnv; session: Session; canAsk: boolean; remembers: boolean },
): Promise<RegistryRoutes> {
  const [{ createRegistryRoutes }, files] = await Promise.all([
    import('../registry-config/registry-routes.ts'),
    import('../registry-config/short-name-aliases.ts'),
  ]);
  const path = files.shortNameAliasesPath({ env, homeDir: homeOf(env) });
  return createRegistryRoutes(config, {
    aliases: () => files.readShortNameAliases(path),
    ...(remembers ? { record: (name, full) => files.recordShortNameAlias(path, name, full, session) } : {}),
    ...(canAsk
      ? {
          choose: async (name, candidates) => {
            const { askChoice, terminalOf } = await import('./prompt.ts');
            return askChoice(terminalOf(session.signal), `Which image is meant by "${name}"?`, candidates);
          },
        }
      : {}),
  });
}

/** Settings of a pool: what flags and variables say, and certificates where the machine has them for a registry. */
export function poolSettings({ settings, side, env, userAgent }: RegistryWiringOptions): RegistrySettings {
  const { certDir, tlsVerify } = side;
  const { maxRetries, delayMs } = settings.retry;
  return {
    userAgent,
    env,
    retry: delayMs === undefined ? { maxRetries } : { maxRetries, delayMs },
    ...(certDir === undefined ? {} : { certDir }),
    ...(tlsVerify === undefined ? {} : { tlsVerify }),
    async findCertDir(host) {
      const { findCertificateDir } = await import('../registry-config/certificate-dirs.ts');
      return findCertificateDir(host, { homeDir: homeOf(env) });
    },
    authorities: authoritiesOf(env),
  };
}

/** Those of the machine, from the start where variables name them. */
export function authoritiesOf(env: NodeJS.ProcessEnv): Authorities {
  return {
    always: Boolean(env['SSL_CERT_FILE'] || env['SSL_CERT_DIR']),
    async read() {
      const { trustedAuthorities } = await import('../registry-config/trusted-authorities.ts');
      return trustedAuthorities(env);
    },
  };
}

/**
 * The lookup chain of one side. For a registry that nobody named (a mirror) it goes without `--creds` and without variables that name no
 * registry.
 *
 * @throws UsageError, NotFoundError at once for credentials that were asked for and cannot be read
 */
export async function credentialChain(
  { side, env, session }: RegistryWiringOptions,
  config: () => Promise<RegistriesConfig>,
): Promise<CredentialProvider> {
  const { createCredentialProvider, parseCreds } = await import('../credentials/credential-provider.ts');
  const { authfile, creds, token } = side;
  if (side.noCreds) return async () => undefined;
  const common = {
    env,
    session,
    homeDir: homeOf(env),
    helpers: async () => (await config()).credentialHelpers,
    ...(authfile === undefined ? {} : { authfile }),
  };
  const login = creds === undefined || token === undefined ? undefined : parseCreds(creds);
  const own: CredentialProvider =
    token === undefined
      ? createCredentialProvider({ ...common, ...(creds === undefined ? {} : { creds }) })
      : async () => ({ kind: 'bearer', token, ...(login !== undefined && { login }) });
  let stored: CredentialProvider | undefined;
  return (host, repository, elsewhere) => {
    if (elsewhere !== true) return own(host, repository);
    stored ??= createCredentialProvider({ ...common, env: boundOnly(env) });
    return stored(host, repository);
  };
}

/** Without a login that would go to any registry. */
function boundOnly(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env['SHEAF_REGISTRY']?.trim()) return env;
  const { SHEAF_USERNAME: _username, SHEAF_PASSWORD: _password, ...rest } = env;
  return rest;
}
