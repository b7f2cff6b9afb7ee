/** How a failed run ends: the message for people on stderr, or a JSON document on stdout, and the exit code. */
import {
  asError,
  BugError,
  CancelledError,
  exitCodes,
  RegistryError,
  SheafError,
  StorageError,
  systemCode,
} from '../foundation/errors.ts';
import { redact } from '../foundation/redaction.ts';
import type { ErrorDocument } from './documents/failure.ts';
import { visibleText } from './render/texts.ts';

const reportHint = 'This is a defect of sheaf: please report it with the command and the output of --log-level debug.';

/** Any thrown value as one of our errors. `stopped` tells that the run was being stopped when it was thrown. */
export function asSheafError(thrown: unknown, stopped = false): SheafError {
  const error = asError(thrown);
  // what failed first, not what failed when that was cleared away
  if (error.name === 'SuppressedError' && 'suppressed' in error) return asSheafError(error.suppressed, stopped);
  // whatever breaks while everything is being torn down broke because of that
  if (stopped) return error instanceof CancelledError ? error : new CancelledError(undefined, { cause: error });
  if (error instanceof SheafError) return error;
  if (systemCode(error) === 'ENOENT' && 'syscall' in error && error.syscall === 'uv_cwd') {
    return new StorageError('the working directory is not there any more', {
      code: 'NO_WORKING_DIRECTORY',
      cause: error,
      hint: 'Change to a folder that is there, or name absolute paths.',
    });
  }
  return new BugError(error.message || error.name, { cause: error, hint: reportHint });
}

/** What --json prints for a failed run: the error, and beside it what was done all the same. */
export function failureDocument(error: SheafError, exitCode?: number): { error: ErrorDocument } {
  return { ...error.done, error: errorDocument(error, exitCode) };
}

/** The `error` member of what --json prints for a failed run. */
export function errorDocument(error: SheafError, exitCode = exitCodes[error.kind]): ErrorDocument {
  const registry = error instanceof RegistryError ? error : undefined;
  return {
    kind: error.kind,
    code: error.code,
    message: redact(error.message),
    hint: hintOf(error),
    exitCode,
    causes: causeMessages(error),
    side: error.side,
    status: registry?.status,
    errors:
      registry === undefined || registry.errors.length === 0
        ? undefined
        : registry.errors.map(({ code, message }) => ({ code, message: redact(message) })),
  };
}

/** The text form: message, causes that add something, hint; with `stack` also where it was thrown. */
export function formatError(error: SheafError, options: { stack?: boolean } = {}): string {
  const lines = [`Error: ${redact(error.message)}`];
  for (const [depth, message] of causeMessages(error).entries())
    lines.push(`${'  '.repeat(depth + 1)}because: ${message}`);
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  if (options.stack === true) lines.push('', redact(stackOf(error)));
  return visibleText(lines.join('\n'));
}

function hintOf(error: SheafError): string | undefined {
  const hint = error.hint ?? (error.kind === 'bug' ? reportHint : undefined);
  return hint === undefined ? undefined : redact(hint);
}

/** Messages of the causes, without those that an outer message already holds. */
function causeMessages(error: Error): string[] {
  const messages: string[] = [];
  let said = redact(error.message);
  for (let cause = error.cause, depth = 0; cause !== undefined && cause !== null && depth < 8; depth += 1) {
    const inner = asError(cause);
    const message = redact(inner.message.trim() || inner.name);
    if (!said.includes(message)) {
      messages.push(message);
      said += `\n${message}`;
    }
    cause = inner.cause;
  }
  return messages;
}

function stackOf(error: Error): string {
  const stacks: string[] = [];
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1) {
    stacks.push(at.stack ?? at.message);
  }
  return stacks.join('\ncaused by ');
}
