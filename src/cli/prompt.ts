/** Asks the person at the terminal. Questions go to stderr: stdout is for results. */
import { openSync, writeSync } from 'node:fs';
import { asError, CancelledError, UsageError } from '../foundation/errors.ts';

export interface Terminal {
  stdin: NodeJS.ReadStream;
  /** Where questions are seen. */
  screen: Screen;
  signal: AbortSignal;
  /** Tells of the signals that come while a question stands. */
  signals: NodeJS.EventEmitter;
  /** Sends a signal to this process; SIGTSTP to all of its job, as the terminal would. */
  raise(name: NodeJS.Signals): void;
}

export interface Screen {
  write(text: string): unknown;
}

/** The terminal of this process. */
export function terminalOf(signal: AbortSignal): Terminal {
  return {
    stdin: process.stdin,
    screen: process.stderr.isTTY || !process.stdin.isTTY ? process.stderr : controllingTerminal(),
    signal,
    signals: process,
    raise: (name) => void process.kill(name === 'SIGTSTP' ? 0 : process.pid, name),
  };
}

/** For who types at a terminal and keeps stderr in a file, where nobody would see a question. */
function controllingTerminal(): Screen {
  try {
    const terminal = openSync('/dev/tty', 'w');
    return { write: (text) => writeSync(terminal, text) };
  } catch {
    return process.stderr;
  }
}

/**
 * Without blanks at the ends. What follows the line is left for the next question.
 *
 * @throws UsageError NO_TERMINAL if nobody can be asked; CancelledError if the person ends the input
 */
export async function askLine(terminal: Terminal, question: string, missing: string): Promise<string> {
  requireTerminal(terminal, missing);
  try {
    // the terminal itself shows and corrects what is typed
    return (await readAnswer(terminal, question, (typed) => typed)).trim();
  } catch (thrown) {
    // what is told of it is to begin on a line of its own
    terminal.screen.write('\n');
    throw thrown;
  }
}

/**
 * One of `choices`, by its number or its text; asked again until it is one of them.
 *
 * @throws as {@link askLine}
 */
export async function askChoice(terminal: Terminal, question: string, choices: readonly string[]): Promise<string> {
  requireTerminal(terminal, 'one of several has to be chosen', 'Name the one that you mean in full.');
  const lines = choices.map((choice, at) => `  ${at + 1}  ${choice}\n`);
  terminal.screen.write(`${question}\n${lines.join('')}`);
  for (;;) {
    const answer = await askLine(terminal, `Number (1 to ${choices.length}): `, 'one of several has to be chosen');
    const chosen = choices.find((choice, at) => answer === String(at + 1) || answer === choice);
    if (chosen !== undefined) return chosen;
  }
}

/** Signals that end the process as it is, with a terminal that shows nothing. */
const deadly = ['SIGHUP', 'SIGQUIT'] as const;

/** As {@link askLine}, but what is typed is not shown, and blanks count. */
export async function askSecret(terminal: Terminal, question: string, missing: string): Promise<string> {
  requireTerminal(terminal, missing);
  const { stdin, screen, signals, raise } = terminal;
  const onContinue = (): void => {
    // the shell has had the terminal meanwhile: it is not what it was, whatever Node.js remembers of it
    stdin.setRawMode(false);
    stdin.setRawMode(true);
    screen.write(question);
  };
  const onDeadly = (name: NodeJS.Signals): void => {
    stop();
    raise(name);
  };
  const stop = (): void => {
    signals.off('SIGCONT', onContinue);
    for (const name of deadly) signals.off(name, onDeadly);
    stdin.setRawMode(false);
  };
  const suspend = (): void => {
    stdin.setRawMode(false);
    screen.write('\n');
    raise('SIGTSTP');
    // also where nothing stops it, as without a shell above it: what is typed then is not to be seen
    stdin.setRawMode(true);
  };
  signals.on('SIGCONT', onContinue);
  for (const name of deadly) signals.on(name, onDeadly);
  stdin.setRawMode(true);
  try {
    return await readAnswer(terminal, question, (typed) => corrected(typed, suspend));
  } finally {
    stop();
    screen.write('\n');
  }
}

/** Keys that send more than one character: arrows and the like. */
const longKeys = new RegExp(`${String.fromCharCode(27)}(?:\\[[0-?]*[ -/]*[@-~]|O.)`, 'g');

/** What a terminal would make of the keys; of one that shows nothing the program must do so. Throws CancelledError. */
function corrected(typed: string, suspend: () => void): string {
  let line = '';
  for (const sign of typed.replace(longKeys, '')) {
    // Ctrl-C; Ctrl-D on an empty line
    if (sign === '\u0003' || (sign === '\u0004' && line === '')) throw new CancelledError();
    if (sign === '\u007f' || sign === '\b') line = [...line].slice(0, -1).join('');
    // Ctrl-U, Ctrl-W, Ctrl-Z
    else if (sign === '\u0015') line = '';
    else if (sign === '\u0017') line = line.replace(/\S*\s*$/, '');
    else if (sign === '\u001a') suspend();
    else if (sign >= ' ') line += sign;
  }
  return line;
}

/** One line of what comes, without its end. `edit` is given the line as far as it is there, and says what it is now. */
function readAnswer(
  { stdin, screen, signal }: Terminal,
  question: string,
  edit: (typed: string) => string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = '';
    const end = (settle: () => void): void => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      signal.removeEventListener('abort', onEnd);
      stdin.pause();
      settle();
    };
    const fail = (thrown: unknown): void => end(() => reject(asError(thrown)));
    const onEnd = (): void => fail(new CancelledError());
    const onData = (chunk: Buffer | string): void => {
      const text = chunk.toString();
      const [whole, typed = ''] = /^([^\r\n]*)(?:\r\n|\r|\n)/.exec(text) ?? [undefined, text];
      try {
        line = edit(line + typed);
      } catch (thrown) {
        fail(thrown);
        return;
      }
      if (whole === undefined) return;
      end(() => resolve(line));
      // what was pasted for the question that follows
      if (whole.length < text.length) stdin.unshift(text.slice(whole.length));
    };
    if (signal.aborted) {
      onEnd();
      return;
    }
    screen.write(question);
    stdin.setEncoding('utf8');
    stdin.on('data', onData);
    stdin.once('end', onEnd);
    signal.addEventListener('abort', onEnd, { once: true });
    stdin.resume();
  });
}

function requireTerminal({ stdin }: Terminal, missing: string, hint?: string): void {
  if (stdin.isTTY) return;
  throw new UsageError(`${missing}, and there is no terminal on which to ask for it`, {
    code: 'NO_TERMINAL',
    hint: hint ?? 'Give --username, and the password with --password-stdin.',
  });
}
