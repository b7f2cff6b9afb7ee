/** The shared flags of a command, read into what the wiring needs. */
import { UsageError } from '../foundation/errors.ts';
import type { LogLevel, ProgressMode } from './flags.ts';

export interface RunSettings {
  json: boolean;
  quiet: boolean;
  logLevel: LogLevel;
  progress: ProgressMode;
  /** Requests under way at once to one registry; `undefined` takes the default. */
  parallel: number | undefined;
  registry: RegistrySideSettings;
  retry: { maxRetries: number; delayMs: number | undefined };
}

/** How to reach registries; each side of a transfer may have its own. */
export interface RegistrySideSettings {
  authfile: string | undefined;
  /** `user[:password]`, as given. */
  creds: string | undefined;
  certDir: string | undefined;
  /** `undefined` where nothing was asked for, which means true. */
  tlsVerify: boolean | undefined;
}

/** Flags by name, as far as the command has them. */
export type FlagValues = Readonly<Record<string, unknown>>;

/** Throws UsageError where the flags contradict each other. */
export function settingsOf(flags: FlagValues): RunSettings {
  return {
    json: flags['json'] === true,
    quiet: flags['quiet'] === true,
    logLevel: (flags['log-level'] as LogLevel | undefined) ?? 'warn',
    progress: (flags['progress'] as ProgressMode | undefined) ?? 'auto',
    parallel: flags['parallel'] as number | undefined,
    registry: {
      authfile: flags['authfile'] as string | undefined,
      creds: flags['creds'] as string | undefined,
      certDir: flags['cert-dir'] as string | undefined,
      tlsVerify: tlsVerifyOf(flags),
    },
    retry: {
      maxRetries: (flags['retry'] as number | undefined) ?? 3,
      delayMs: flags['retry-delay'] as number | undefined,
    },
  };
}

function tlsVerifyOf(flags: FlagValues): boolean | undefined {
  const given = flags['tls-verify'] as boolean | undefined;
  if (flags['insecure'] !== true) return given;
  if (given !== undefined) {
    throw new UsageError('--insecure may not be used with --tls-verify', {
      code: 'FLAG_CONFLICT',
      hint: 'Leave --insecure away: --tls-verify=false says the same.',
    });
  }
  return false;
}
