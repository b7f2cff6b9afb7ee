/** Scripts by which shells complete the words of a command line. They hold all words themselves: to press Tab runs nothing. */

/** What of oclif.manifest.json is asked for. */
export interface CommandTable {
  readonly commands: Readonly<Record<string, CommandShape>>;
  /** Summaries of the words that commands stand behind. */
  readonly topics: Readonly<Record<string, { readonly description?: string | undefined }>>;
}

interface CommandShape {
  readonly hidden?: boolean;
  readonly summary?: string;
  readonly flags: Readonly<Record<string, FlagShape>>;
  readonly args: Readonly<Record<string, { readonly options?: readonly string[] }>>;
}

interface FlagShape {
  readonly hidden?: boolean;
  readonly type: string;
  readonly char?: string;
  readonly summary?: string;
  readonly allowNo?: boolean;
  readonly options?: readonly string[];
  readonly helpValue?: string | readonly string[];
}

interface Word {
  readonly name: string;
  readonly summary: string;
}

interface Flag extends Word {
  readonly char: string | undefined;
  readonly takesValue: boolean;
  /** The only values that it takes, where these are known. */
  readonly values: readonly string[];
}

/** A place on the command line: behind these words, which are none, a topic or a command; `words` may come next. */
interface Place {
  readonly at: string;
  readonly words: readonly Word[];
  readonly flags: readonly Flag[];
}

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

const writers: Readonly<Record<Shell, (places: readonly Place[]) => string[]>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** The script for `shell`. Hidden commands and flags are not in it. */
export function completionScript(shell: Shell, table: CommandTable): string {
  return writers[shell](placesOf(table)).join('\n');
}

function placesOf({ commands, topics }: CommandTable): Place[] {
  const shown = Object.entries(commands).filter(([, command]) => command.hidden !== true);
  const places = new Map<string, { at: string; words: Word[]; flags: Flag[] }>([
    ['', { at: '', words: [], flags: [] }],
  ]);
  for (const [id, command] of shown.sort(([one], [other]) => (one < other ? -1 : 1))) {
    const words = id.split(':');
    for (const [index, name] of words.entries()) {
      const at = words.slice(0, index + 1).join(' ');
      if (places.has(at)) continue;
      const summary = (index + 1 === words.length ? command.summary : topics[name]?.description) ?? '';
      places.get(words.slice(0, index).join(' '))?.words.push({ name, summary });
      places.set(at, { at, words: [], flags: [] });
    }
    const place = places.get(words.join(' '));
    place?.flags.push(...Object.entries(command.flags).flatMap(flagsOf));
    const [first] = Object.values(command.args);
    for (const name of first?.options ?? []) place?.words.push({ name, summary: '' });
  }
  return [...places.values()];
}

function flagsOf([name, flag]: [name: string, flag: FlagShape]): Flag[] {
  if (flag.hidden === true) return [];
  const { char, summary = '', helpValue, options } = flag;
  // those that are checked elsewhere show their values in the help: <error|warn|info|debug>
  const told = /^<([\w-]+(?:\|[\w-]+)+)>$/.exec(typeof helpValue === 'string' ? helpValue : '')?.[1];
  const values = options ?? told?.split('|') ?? [];
  const shown = { name, summary, char, takesValue: flag.type === 'option', values };
  return flag.allowNo === true ? [shown, { ...shown, name: `no-${name}`, char: undefined }] : [shown];
}

function formsOf({ name, char }: Flag): string[] {
  return char === undefined ? [`--${name}`] : [`--${name}`, `-${char}`];
}

/** In quotes, as all three shells read it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A `case` of the places for which `render` has something, in bash and zsh. */
function byPlace(places: readonly Place[], render: (place: Place) => string): string[] {
  return places.flatMap((place) => {
    const command = render(place);
    return command === '' ? [] : [`    ${quoted(place.at)}) ${command} ;;`];
  });
}

/** The values of flags that have known ones, by place and flag. */
function valueCases(places: readonly Place[]): string[] {
  return places.flatMap(({ at, flags }) =>
    flags
      .filter(({ values }) => values.length > 0)
      .map((flag) => {
        const patterns = formsOf(flag).map((form) => quoted(`${at} ${form}`));
        return `    ${patterns.join('|')}) values=${quoted(flag.values.join(' '))} ;;`;
      }),
  );
}

/** The case that goes one word on. */
function knownPlaces(places: readonly Place[]): string {
  const patterns = places.map(({ at }) => at).filter((at) => at !== '');
  return patterns.map(quoted).join('|');
}

function bashScript(places: readonly Place[]): string[] {
  return [
    '# completion of sheaf for bash; put it to use with: source <(sheaf completion bash)',
    '_sheaf() {',
    `  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at='' values='' words='' i`,
    '  COMPREPLY=()',
    '  # --flag=value comes in three words',
    `  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi`,
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    `    case "\${at:+$at }\${COMP_WORDS[i]}" in`,
    `      ${knownPlaces(places)}) at="\${at:+$at }\${COMP_WORDS[i]}" ;;`,
    '    esac',
    '  done',
    '  case "$at $prev" in',
    ...valueCases(places),
    '  esac',
    '  if [[ -n $values ]]; then words=$values',
    '  elif [[ $cur == -* ]]; then case "$at" in',
    ...byPlace(places, ({ flags }) => words(flags.flatMap(formsOf))),
    '  esac',
    '  else case "$at" in',
    ...byPlace(places, (place) => words(place.words.map(({ name }) => name))),
    '  esac; fi',
    '  # where there are no words, bash completes the names of files',
    '  if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$cur")); fi',
    '}',
    'complete -o bashdefault -o default -F _sheaf sheaf',
  ];
}

function words(names: readonly string[]): string {
  return names.length === 0 ? '' : `words=${quoted(names.join(' '))}`;
}

function zshScript(places: readonly Place[]): string[] {
  const described = (list: readonly (readonly [form: string, summary: string])[]): string =>
    list.length === 0 ? '' : `found=(${list.map(([form, summary]) => quoted(`${form}:${summary}`)).join(' ')})`;
  return [
    '#compdef sheaf',
    '# completion of sheaf for zsh; put it to use with: source <(sheaf completion zsh)',
    '_sheaf() {',
    "  local at='' values='' prev=$words[CURRENT-1] word",
    '  local -a found',
    `  for word in \${words[2,CURRENT-1]}; do`,
    `    case "\${at:+$at }$word" in`,
    `      ${knownPlaces(places)}) at="\${at:+$at }$word" ;;`,
    '    esac',
    '  done',
    `  if [[ $PREFIX == --*=* ]]; then prev=\${PREFIX%%=*}; compset -P '*='; fi`,
    '  case "$at $prev" in',
    ...valueCases(places),
    '  esac',
    `  if [[ -n $values ]]; then compadd -- \${=values}; return; fi`,
    '  if [[ $PREFIX == -* ]]; then case "$at" in',
    ...byPlace(places, ({ flags }) =>
      described(flags.flatMap((flag) => formsOf(flag).map((form) => [form, flag.summary] as const))),
    ),
    '  esac',
    '  else case "$at" in',
    ...byPlace(places, (place) => described(place.words.map(({ name, summary }) => [name, summary] as const))),
    '  esac; fi',
    "  if (( $#found )); then _describe -V 'sheaf' found; else _files; fi",
    '}',
    'if [[ $funcstack[1] == _sheaf ]]; then _sheaf "$@"; else compdef _sheaf sheaf; fi',
  ];
}

function fishScript(places: readonly Place[]): string[] {
  const lines = places.flatMap(({ at, words: below, flags }) => {
    const begin = `complete -c sheaf -n ${quoted(`__sheaf_at ${at}`.trim())}`;
    return [
      ...below.map(({ name, summary }) => `${begin} -f -a ${name} -d ${quoted(summary)}`),
      ...flags.map(({ name, char, summary, takesValue, values }) => {
        const value = values.length > 0 ? ` -x -a ${quoted(values.join(' '))}` : takesValue ? ' -r' : '';
        return `${begin} -l ${name}${char === undefined ? '' : ` -s ${char}`}${value} -d ${quoted(summary)}`;
      }),
    ];
  });
  const known = places.map(({ at }) => at).filter((at) => at !== '');
  return [
    '# completion of sheaf for fish; put it to use with: sheaf completion fish | source',
    'function __sheaf_at',
    '    set -l tokens (commandline -opc)',
    '    set -e tokens[1]',
    '    set -l at',
    '    for word in $tokens',
    `        contains -- "$(string join ' ' -- $at $word)" ${known.map(quoted).join(' ')}; and set -a at $word`,
    '    end',
    '    test "$(string join \' \' -- $at)" = "$argv"',
    'end',
    ...lines,
  ];
}
