/**
 * Flags that several commands share, in groups: a command spreads the groups that mean something to it, so that no
 * command accepts a flag and then ignores it.
 */
import * as Flags from '@oclif/core/flags';
import { UsageError } from '../foundation/errors.ts';
import { parseRootCondition, type RootCondition } from '../oci/root-condition.ts';
import { parseDuration } from './duration.ts';

/** How much of what goes on under the surface is told on stderr. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** How progress is shown on stderr. */
export type ProgressMode = 'auto' | 'tty' | 'plain' | 'json' | 'none';

const progressModes: readonly ProgressMode[] = ['auto', 'tty', 'plain', 'json', 'none'];

/** The peers' level names as well as ours, so that a pipeline may keep its `--log-level`. */
const logLevels: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  fatal: 'error',
  panic: 'error',
};

/** On every command. */
export const baseFlags = {
  json: Flags.boolean({ summary: 'Print the result as one JSON document.', helpGroup: 'GLOBAL' }),
  quiet: Flags.boolean({ char: 'q', summary: 'No progress and no warnings on stderr.', helpGroup: 'GLOBAL' }),
  'log-level': Flags.custom<LogLevel>({
    summary: 'How much to tell on stderr.',
    helpValue: '<error|warn|info|debug>',
    helpGroup: 'GLOBAL',
    async parse(input) {
      const level = logLevels[input.toLowerCase()];
      if (level === undefined) {
        throw new UsageError(`"${input}" is not a log level`, { hint: 'Use one of error, warn, info, debug.' });
      }
      return level;
    },
  })({ default: 'warn', defaultHelp: 'warn' }),
};

/** For commands that move data. */
export const progressFlags = {
  progress: Flags.custom<ProgressMode>({
    summary: 'How to show progress on stderr; json: a line for each event, and for a failure.',
    helpValue: '<auto|tty|plain|json|none>',
    helpGroup: 'GLOBAL',
    async parse(input) {
      const mode = progressModes.find((known) => known === input);
      if (mode === undefined) {
        throw new UsageError(`"${input}" is not a way to show progress`, {
          hint: `Use one of ${progressModes.join(', ')}.`,
        });
      }
      return mode;
    },
  })({ default: 'auto', defaultHelp: 'auto' }),
};

/** For commands that give something a name at another place. */
export const expectDigestFlag = {
  'expect-digest': Flags.custom<RootCondition>({
    summary: 'Refuse unless the destination names this digest now, or nothing (absent).',
    description:
      'For several who push to one tag: what somebody else has pushed since is not replaced. Asked before anything is sent, and again when the tag moves.',
    helpValue: '<DIGEST|absent>',
    parse: async (input) => parseRootCondition(input),
  })(),
};

/** How often and how fast a failed request is made again. */
const retryFlags = {
  retry: Flags.integer({
    aliases: ['retry-times'],
    summary: 'How often a failed request is tried again.',
    min: 0,
    max: 100,
    default: 3,
    helpValue: 'N',
    helpGroup: 'REGISTRY',
  }),
  'retry-delay': Flags.custom<number>({
    summary: 'Time between tries (default: 1s, 2s, 4s, ...).',
    helpValue: 'DURATION',
    helpGroup: 'REGISTRY',
    async parse(input) {
      return parseDuration(input, 'retryDelay');
    },
  })(),
};

/** For commands that talk to a registry. */
export const registryFlags = {
  authfile: Flags.string({
    summary: 'File with the credentials of registries.',
    description: 'Without it: $REGISTRY_AUTH_FILE, then the files that podman and docker keep.',
    helpValue: 'FILE',
    helpGroup: 'REGISTRY',
  }),
  creds: Flags.string({
    summary: 'User name and password for the registry.',
    helpValue: 'USER[:PASSWORD]',
    helpGroup: 'REGISTRY',
  }),
  'cert-dir': Flags.string({
    summary: 'Folder with *.crt, *.cert and *.key files for the connection.',
    helpValue: 'DIR',
    helpGroup: 'REGISTRY',
  }),
  'tls-verify': Flags.boolean({
    summary: 'Require HTTPS and a valid certificate (default true).',
    allowNo: true,
    helpGroup: 'REGISTRY',
  }),
  insecure: Flags.boolean({ summary: 'The same as --tls-verify=false.', hidden: true, helpGroup: 'REGISTRY' }),
  parallel: Flags.integer({
    aliases: ['image-parallel-copies'],
    summary: 'Requests under way at once to one registry (default: 24, and more while that helps).',
    min: 1,
    max: 256,
    helpValue: 'N',
    helpGroup: 'REGISTRY',
  }),
  ...retryFlags,
};

/** How one of two registries is reached; `side` is what it is called in a sentence. */
export function sideFlags(helpGroup: string, side: string) {
  return {
    authfile: Flags.string({ summary: `Credentials file for ${side} alone.`, helpValue: 'FILE', helpGroup }),
    creds: Flags.string({
      summary: `User name and password for ${side}.`,
      helpValue: 'USER[:PASSWORD]',
      helpGroup,
    }),
    username: Flags.string({ summary: `User name for ${side}.`, helpValue: 'USER', helpGroup, hidden: true }),
    password: Flags.string({ summary: `Password for ${side}.`, helpValue: 'PASSWORD', helpGroup, hidden: true }),
    noCreds: Flags.boolean({ summary: `Reach ${side} without credentials.`, helpGroup }),
    token: Flags.string({ summary: `Bearer token for ${side}.`, helpValue: 'TOKEN', helpGroup }),
    certDir: Flags.string({ summary: `Certificates folder for ${side}.`, helpValue: 'DIR', helpGroup }),
    tlsVerify: Flags.boolean({
      summary: `Require HTTPS and a valid certificate of ${side}.`,
      allowNo: true,
      helpGroup,
    }),
  };
}

const source = sideFlags('SOURCE', 'the source');
const destination = sideFlags('DESTINATION', 'the destination');

/** For commands with two registries as their sides: what is not said for one of them holds as said for both. */
export const twoSidesFlags = {
  'src-authfile': source.authfile,
  'src-creds': source.creds,
  'src-username': source.username,
  'src-password': source.password,
  'src-no-creds': source.noCreds,
  'src-registry-token': source.token,
  'src-cert-dir': source.certDir,
  'src-tls-verify': source.tlsVerify,
  'dest-authfile': destination.authfile,
  'dest-creds': destination.creds,
  'dest-username': destination.username,
  'dest-password': destination.password,
  'dest-no-creds': destination.noCreds,
  'dest-registry-token': destination.token,
  'dest-cert-dir': destination.certDir,
  'dest-tls-verify': destination.tlsVerify,
};

/** Of places on this machine: for commands with one side, or one that both share. */
export const placeFlags = {
  'shared-blob-dir': Flags.string({
    summary: 'Folder with the blobs of layouts (oci:), in place of their own.',
    helpValue: 'DIR',
    helpGroup: 'PLACES',
  }),
  'daemon-host': Flags.string({
    summary: 'Where the Docker daemon listens (docker-daemon:); tcp:// means TLS.',
    helpValue: 'HOST',
    helpGroup: 'PLACES',
  }),
};

/** The same for each side of a transfer. */
export const twoPlacesFlags = {
  'src-shared-blob-dir': Flags.string({
    summary: 'Folder with the blobs of layouts (oci:), in place of their own.',
    helpValue: 'DIR',
    helpGroup: 'SOURCE',
  }),
  'src-daemon-host': Flags.string({
    summary: 'Where the Docker daemon listens (docker-daemon:); tcp:// means TLS.',
    helpValue: 'HOST',
    helpGroup: 'SOURCE',
  }),
  'dest-shared-blob-dir': Flags.string({
    summary: 'Folder for the blobs of layouts (oci:), in place of their own.',
    helpValue: 'DIR',
    helpGroup: 'DESTINATION',
  }),
  'dest-daemon-host': Flags.string({
    summary: 'Where the Docker daemon listens (docker-daemon:); tcp:// means TLS.',
    helpValue: 'HOST',
    helpGroup: 'DESTINATION',
  }),
};

/** For everything that writes. */
export const dryRunFlag = {
  'dry-run': Flags.boolean({ summary: 'Print the plan and change nothing.' }),
};

/** For commands that remove blobs. */
export const olderThanFlag = {
  'older-than': Flags.custom<number>({
    summary: 'Leave blobs that were written less than this time ago.',
    helpValue: 'DURATION',
    async parse(input) {
      return parseDuration(input, 'olderThan');
    },
  })(),
};

/** A flag that may be given several times, one value each; commas belong to the value. */
export function repeatable(options: {
  summary: string;
  helpValue: string;
  description?: string;
  helpGroup?: string;
  char?: 'a' | 'f' | 't';
}) {
  return Flags.string({ ...options, multiple: true, multipleNonGreedy: true });
}
