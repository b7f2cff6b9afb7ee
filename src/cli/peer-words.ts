/** What people type who come from other tools, and what does the same here. */

/** Commands of others, and the command line here. */
const commands: ReadonlyMap<string, string> = new Map([
  ...['cp', 'pull', 'save', 'load', 'export', 'import', 'sync'].map((word) => [word, 'image copy'] as const),
  ...['push', 'pull', 'save', 'load', 'export', 'import', 'tag'].map(
    (word) => [`image ${word}`, 'image copy'] as const,
  ),
  ['index filter', 'image copy --platform'],
  ['index append', 'manifest create'],
  ['index delete', 'manifest remove'],
  ['manifest index update', 'manifest add'],
  ['manifest delete', 'manifest rm'],
  ['list', 'manifest ls'],
  ['images', 'manifest ls'],
  ['image list', 'manifest ls'],
  ['rmi', 'manifest rm'],
  ['digest', 'image inspect --json'],
  ['config', 'image inspect --config --raw'],
  ['manifest fetch-config', 'image inspect --config --raw'],
  ['manifest fetch', 'image inspect --raw'],
  ['manifest get', 'image inspect --raw'],
  ['list-tags', 'image inspect --list-tags'],
  ['image list-tags', 'image inspect --list-tags'],
  ['repo tags', 'image inspect --list-tags'],
  ['tag ls', 'image inspect --list-tags'],
  ['discover', 'manifest inspect --tree'],
  ['tree', 'manifest inspect --tree'],
  ['generate-key-pair', 'key generate'],
  ['generate-sigstore-key', 'key generate'],
  ['key create', 'key generate'],
  ['system prune', 'store gc'],
  ['store prune', 'store gc'],
  ['system df', 'store ls'],
  ['system check', 'store verify'],
  ['version', '--version'],
]);

/** The command line here for the words of another tool; `next` is the word behind them. */
export function commandOfPeers(words: readonly string[], next: string | undefined): string | undefined {
  const name = words.join(' ');
  return commands.get(`${name} ${next ?? ''}`) ?? commands.get(name);
}

interface PeerFlags {
  flags: readonly string[];
  /** A flag of the commands for which this holds. */
  where: string;
  hint: string;
}

const noTemplates = 'There are no templates: take --json, and jq.';

const flagsOfPeers: readonly PeerFlags[] = [
  { flags: ['--format'], where: 'json', hint: noTemplates },
  // of commands that remove things it means "force"
  { flags: ['-f'], where: 'raw', hint: noTemplates },
  {
    flags: ['--force', '-f'],
    where: 'ignore',
    hint: 'Leave it away: nothing is asked. --ignore passes over what is not there.',
  },
  { flags: ['--output', '-o'], where: 'json', hint: 'Take --json.' },
  { flags: ['--debug', '-D', '--verbose', '-v', '-d'], where: 'json', hint: 'Take --log-level debug.' },
  { flags: ['--command-timeout'], where: 'json', hint: 'Leave it away, or run `timeout 5m sheaf ...`.' },
  { flags: ['--tmpdir'], where: 'json', hint: 'Set TMPDIR.' },
  { flags: ['--registries-conf'], where: 'authfile', hint: 'Set CONTAINERS_REGISTRIES_CONF.' },
  { flags: ['--config'], where: 'authfile', hint: 'Set DOCKER_CONFIG.' },
  {
    flags: ['--plain-http', '--allow-insecure', '--allow-http-registry', '--allow-insecure-registry'],
    where: 'tls-verify',
    hint: 'Take --tls-verify=false.',
  },
  {
    flags: ['--from-plain-http', '--from-insecure', '--src-insecure'],
    where: 'src-tls-verify',
    hint: 'Take --src-tls-verify=false.',
  },
  {
    flags: ['--to-plain-http', '--to-insecure', '--dest-insecure'],
    where: 'dest-tls-verify',
    hint: 'Take --dest-tls-verify=false.',
  },
  {
    flags: ['--from-oci-layout', '--to-oci-layout', '--oci-layout'],
    where: 'tls-verify',
    hint: 'Leave it away, and name the image oci:FOLDER:TAG.',
  },
  { flags: ['--username', '--password', '-u', '-p'], where: 'creds', hint: 'Take --creds USER:PASSWORD.' },
  { flags: ['--no-creds'], where: 'authfile', hint: 'Take --authfile with a file that holds {}.' },
  {
    flags: ['--registry-token'],
    where: 'authfile',
    hint: 'Take --authfile with a file that has it as "registrytoken".',
  },
  { flags: ['--secret'], where: 'password-stdin', hint: 'Pipe the password into --password-stdin.' },
  { flags: ['--jobs', '--concurrency'], where: 'parallel', hint: 'Take --parallel N.' },
  {
    flags: ['--insecure-policy'],
    where: 'policy',
    hint: 'Leave it away where the machine has no policy.json; else take --policy with a file that allows all.',
  },
  { flags: ['--insecure-policy'], where: 'json', hint: 'Leave it away: no policy is asked here.' },
  { flags: ['--recursive', '-r', '--digest-tags'], where: 'referrers', hint: 'Take --referrers.' },
  { flags: ['--recursive', '-r'], where: 'sign-by', hint: 'Leave it away: all instances are signed.' },
  { flags: ['--yes', '-y'], where: 'sign-by', hint: 'Leave it away: nothing has to be agreed to.' },
  {
    flags: ['--tlog-upload', '--use-signing-config'],
    where: 'sign-by',
    hint: 'Leave it away: no log is written to unless the file of --sign-by-sigstore names one.',
  },
  { flags: ['--key'], where: 'sign-by-sigstore-private-key', hint: 'Take --sign-by-sigstore-private-key FILE.' },
  {
    flags: ['--insecure-ignore-tlog', '--private-infrastructure', '--offline'],
    where: 'trusted-root',
    hint: 'Leave it away: with --key no log is asked for, and nothing is fetched but signatures.',
  },
  {
    flags: ['--tag', '-t', '--file', '--manifest', '-m', '--ref'],
    where: 'amend',
    hint: 'Name the list, then the images; where it goes, and its tags, are for `sheaf manifest push`.',
  },
];

/** What to do instead of a flag of another tool, for a command that has the flags `known` (without `--`). */
export function hintForPeersFlag(flag: string, known: Readonly<Record<string, unknown>>): string | undefined {
  return flagsOfPeers.find(({ flags, where }) => flags.includes(flag) && Object.hasOwn(known, where))?.hint;
}
