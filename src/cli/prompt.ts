/** Asks the person at the terminal. Questions go to stderr: stdout is for results. */
import { createInterface } from 'node:readline/promises';
import { CancelledError, UsageError } from '../foundation/errors.ts';

export interface Terminal {
  stdin: NodeJS.ReadStream;
  stderr: NodeJS.WriteStream;
  signal: AbortSignal;
}

/** The terminal of this process. */
export function terminalOf(signal: AbortSignal): Terminal {
  return { stdin: process.stdin, stderr: process.stderr, signal };
}

/** @throws UsageError NO_TERMINAL if nobody can be asked; CancelledError if the person ends the input */
export async function askLine(terminal: Terminal, question: string, missing: string): Promise<string> {
  requireTerminal(terminal, missing);
  const lines = createInterface({ input: terminal.stdin, output: terminal.stderr });
  const ended = new Promise<never>((_, reject) => {
    lines.once('SIGINT', () => reject(new CancelledError()));
    lines.once('close', () => reject(new CancelledError()));
  });
  // `close` also follows an answer
  ended.catch(() => {});
  try {
    return (await Promise.race([lines.question(question, { signal: terminal.signal }), ended])).trim();
  } finally {
    lines.close();
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
  terminal.stderr.write(`${question}\n${lines.join('')}`);
  for (;;) {
    const answer = await askLine(terminal, `Number (1 to ${choices.length}): `, 'one of several has to be chosen');
    const chosen = choices.find((choice, at) => answer === String(at + 1) || answer === choice);
    if (chosen !== undefined) return chosen;
  }
}

/** As {@link askLine}, but what is typed is not shown. */
export function askSecret(terminal: Terminal, question: string, missing: string): Promise<string> {
  requireTerminal(terminal, missing);
  const { stdin, stderr, signal } = terminal;
  return new Promise((resolve, reject) => {
    let typed = '';
    const end = (settle: () => void): void => {
      stdin.off('data', onData);
      signal.removeEventListener('abort', onAbort);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      settle();
    };
    const onAbort = (): void => end(() => reject(new CancelledError()));
    const onData = (chunk: Buffer | string): void => {
      for (const sign of chunk.toString()) {
        if (sign === '\r' || sign === '\n') {
          end(() => resolve(typed));
          return;
        }
        // Ctrl-C; Ctrl-D on an empty line
        if (sign === '\u0003' || (sign === '\u0004' && typed === '')) {
          onAbort();
          return;
        }
        if (sign === '\u007f' || sign === '\b') typed = [...typed].slice(0, -1).join('');
        // Ctrl-U
        else if (sign === '\u0015') typed = '';
        else if (sign >= ' ') typed += sign;
      }
    };
    stderr.write(question);
    stdin.setEncoding('utf8');
    stdin.setRawMode(true);
    stdin.on('data', onData);
    stdin.resume();
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** {@link askSecret} for several who may ask at the same time: one question stands on the screen at once. */
export function secretAsker(terminal: Terminal, missing: string): (question: string) => Promise<string> {
  let before: Promise<unknown> = Promise.resolve();
  return (question) => {
    const answer = before.then(() => askSecret(terminal, question, missing));
    before = answer.catch(() => {});
    return answer;
  };
}

function requireTerminal({ stdin }: Terminal, missing: string, hint?: string): void {
  if (stdin.isTTY) return;
  throw new UsageError(`${missing}, and there is no terminal on which to ask for it`, {
    code: 'NO_TERMINAL',
    hint: hint ?? 'Give --username, and the password with --password-stdin.',
  });
}
