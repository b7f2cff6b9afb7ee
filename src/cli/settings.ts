/** The shared flags of a command, read into what the wiring needs. */
import { resolve } from 'node:path';
import { UsageError } from '../foundation/errors.ts';
import type { PlaceSettings } from '../transports/transport.ts';
import type { LogLevel, ProgressMode } from './flags.ts';

export interface RunSettings {
  json: boolean;
  quiet: boolean;
  logLevel: LogLevel;
  progress: ProgressMode;
  /** Nothing is to be written. */
  dryRun: boolean;
  /** Requests under way at once to one registry; `undefined` takes the default. */
  parallel: number | undefined;
  /** The side of a command that has one; the source of a transfer; A where A is compared with B. */
  registry: RegistrySideSettings;
  /** The destination of a transfer, or B; the same object as `registry` where both are reached in the same way. */
  destination: RegistrySideSettings;
  /** What is said of places of this machine: of the source (or the only side) and of the destination. */
  places: { source: PlaceSettings; destination: PlaceSettings };
  /** policy.json and registries.d in place of those of the machine. */
  policy: string | undefined;
  registriesD: string | undefined;
  retry: { maxRetries: number; delayMs: number | undefined };
}

/** How to reach registries; each side of a transfer may have its own. */
export interface RegistrySideSettings {
  authfile: string | undefined;
  /** `user[:password]`, as given. */
  creds: string | undefined;
  /** A bearer token, sent as it is; `creds` beside it are for registries that take none. */
  token: string | undefined;
  /** Nobody is to be told who we are, whatever the machine keeps. */
  noCreds: boolean;
  certDir: string | undefined;
  /** `undefined` where nothing was asked for, which means true. */
  tlsVerify: boolean | undefined;
}

/** Flags by name, as far as the command has them. */
export type FlagValues = Readonly<Record<string, unknown>>;

/** Throws UsageError where the flags contradict each other. */
export function settingsOf(flags: FlagValues): RunSettings {
  const common = sideOf(flags, '');
  // no command has both kinds of sides
  const source = sideOf(flags, 'a-', sideOf(flags, 'src-', common));
  const destination = sideOf(flags, 'b-', sideOf(flags, 'dest-', common));
  return {
    json: flags['json'] === true,
    quiet: flags['quiet'] === true,
    logLevel: (flags['log-level'] as LogLevel | undefined) ?? 'warn',
    progress: (flags['progress'] as ProgressMode | undefined) ?? 'auto',
    dryRun: flags['dry-run'] === true,
    parallel: flags['parallel'] as number | undefined,
    registry: source,
    destination: areEqual(source, destination) ? source : destination,
    places: {
      source: placesOf(flags, 'src-', source),
      destination: placesOf(flags, 'dest-', destination),
    },
    policy: flags['policy'] as string | undefined,
    registriesD: flags['registries-d'] as string | undefined,
    retry: {
      maxRetries: (flags['retry'] as number | undefined) ?? 3,
      delayMs: flags['retry-delay'] as number | undefined,
    },
  };
}

/** The settings of one side: its own flags (`--src-creds`), and where these say nothing those for both (`--creds`). */
function sideOf(flags: FlagValues, prefix: Side, common?: RegistrySideSettings): RegistrySideSettings {
  const text = (name: string): string | undefined => flags[`${prefix}${name}`] as string | undefined;
  // an empty token, file or folder is none, as with the peers: the variable that should hold it is not set
  const ways = { creds: credsOf(flags, prefix), token: text('registry-token') || undefined };
  const noCreds = flags[`${prefix}no-creds`] === true;
  const given = [
    ...(ways.creds === undefined ? [] : [text('creds') === undefined ? 'username' : 'creds']),
    ...(ways.token === undefined ? [] : ['registry-token']),
    ...(noCreds ? ['no-creds'] : []),
  ].map((name) => `--${prefix}${name}`);
  if (noCreds && given.length > 1) {
    throw new UsageError(`${given.join(' and ')} exclude each other`, {
      code: 'CONFLICTING_FLAGS',
      hint: 'Give one of them.',
    });
  }
  const own = given.length > 0 || common === undefined ? { ...ways, noCreds } : undefined;
  return {
    authfile: text('authfile') || common?.authfile,
    creds: own === undefined ? common?.creds : own.creds,
    token: own === undefined ? common?.token : own.token,
    noCreds: own === undefined ? (common?.noCreds ?? false) : own.noCreds,
    certDir: text('cert-dir') || common?.certDir,
    tlsVerify: tlsVerifyOf(flags, prefix) ?? common?.tlsVerify,
  };
}

function areEqual(one: RegistrySideSettings, other: RegistrySideSettings): boolean {
  return (Object.keys(one) as Array<keyof RegistrySideSettings>).every((name) => one[name] === other[name]);
}

/** Folders as absolute paths: what is noted of them must hold in another folder, too. */
function placesOf(flags: FlagValues, prefix: Side, { certDir, tlsVerify }: RegistrySideSettings): PlaceSettings {
  const text = (name: string): string | undefined => (flags[`${prefix}${name}`] ?? flags[name]) as string | undefined;
  const [shared, daemonHost] = [text('shared-blob-dir'), text('daemon-host')];
  return {
    ...(shared ? { sharedBlobDir: resolve(shared) } : {}),
    ...(daemonHost ? { daemonHost } : {}),
    ...(certDir === undefined ? {} : { certDir }),
    ...(tlsVerify === undefined ? {} : { tlsVerify }),
  };
}

/** How flags are called that are for one side of a transfer, or of a comparison. */
type Side = '' | 'src-' | 'dest-' | 'a-' | 'b-';

function credsOf(flags: FlagValues, prefix: Side): string | undefined {
  const [creds, username, password] = ['creds', 'username', 'password'].map(
    (name) => flags[`${prefix}${name}`],
  ) as Array<string | undefined>;
  // without a side these are login's, which asks for what is not given
  if (prefix === '' || (username === undefined && password === undefined)) return creds;
  if (creds !== undefined) {
    throw new UsageError(`--${prefix}creds and --${prefix}username exclude each other`, {
      code: 'CONFLICTING_FLAGS',
      hint: 'Give one of them.',
    });
  }
  if (username === undefined || password === undefined) {
    throw new UsageError(`--${prefix}username and --${prefix}password are of use together only`, {
      code: 'CONFLICTING_FLAGS',
      hint: `Give both, or --${prefix}creds.`,
    });
  }
  return `${username}:${password}`;
}

function tlsVerifyOf(flags: FlagValues, prefix: Side): boolean | undefined {
  const given = flags[`${prefix}tls-verify`] as boolean | undefined;
  if (prefix !== '' || flags['insecure'] !== true) return given;
  if (given !== undefined) {
    throw new UsageError('--insecure may not be used with --tls-verify', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Leave --insecure away: --tls-verify=false says the same.',
    });
  }
  return false;
}
