/**
 * The errors of sheaf: nine classes (plus cancellation), each with a literal kind that maps to one exit code.
 *
 * A message says what failed and on what; `cause` keeps why; `hint` says what to do next. Secrets never enter a message:
 * pass anything that came from a header or a URL through {@link redact} first.
 */

/** What sort of thing went wrong; each kind has one exit code in {@link exitCodes}. */
export type ErrorKind =
  | 'bug'
  | 'usage'
  | 'not-found'
  | 'auth'
  | 'conflict'
  | 'integrity'
  | 'unsupported'
  | 'registry'
  | 'storage'
  | 'cancelled';

/** The one table from kinds to process exit codes. */
export const exitCodes: Readonly<Record<ErrorKind, number>> = {
  bug: 1,
  usage: 2,
  'not-found': 3,
  auth: 4,
  conflict: 5,
  integrity: 6,
  unsupported: 7,
  registry: 8,
  storage: 9,
  cancelled: 130,
};

/** The side of a transfer on which an error arose. */
export type TransferSide = 'source' | 'destination';

export interface SheafErrorOptions {
  /** A stable upper-case code for programs, finer than the kind: `LIST_NOT_FOUND`, `MANIFEST_TOO_LARGE`, ... */
  code?: string;
  /** What the person can do about it; a full sentence. */
  hint?: string;
  cause?: unknown;
  side?: TransferSide;
}

/** Base of every error that sheaf throws on purpose. */
export abstract class SheafError extends Error {
  abstract readonly kind: ErrorKind;
  readonly code: string;
  hint: string | undefined;
  /** Set where a transfer has two sides and it matters which one failed. */
  side: TransferSide | undefined;
  /** What the run has done all the same, as members of its JSON result; set where that is not undone. */
  done: Readonly<Record<string, unknown>> | undefined;

  constructor(message: string, options: SheafErrorOptions & { name: string; defaultCode: string }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    // not that of the class, which is shortened in the build
    this.name = options.name;
    this.code = options.code ?? options.defaultCode;
    this.hint = options.hint;
    this.side = options.side;
  }

  get exitCode(): number {
    return exitCodes[this.kind];
  }
}

/** A defect of sheaf itself: something that the code holds to be impossible. */
export class BugError extends SheafError {
  readonly kind = 'bug';
  constructor(message: string, options: SheafErrorOptions = {}) {
    super(message, { name: 'BugError', defaultCode: 'BUG', ...options });
  }
}

/** The request cannot be right, whatever the state of the world: bad flag, bad reference, bad file content given by the user. */
export class UsageError extends SheafError {
  readonly kind = 'usage';
  constructor(message: string, options: SheafErrorOptions = {}) {
    super(message, { name: 'UsageError', defaultCode: 'USAGE', ...options });
  }
}

/** A thing that was named does not exist: list, instance, manifest, blob, file. */
export class NotFoundError extends SheafError {
  readonly kind = 'not-found';
  constructor(message: string, options: SheafErrorOptions = {}) {
    super(message, { name: 'NotFoundError', defaultCode: 'NOT_FOUND', ...options });
  }
}

/** Credentials are missing, wrong or not sufficient. */
export class AuthError extends SheafError {
  readonly kind = 'auth';
  constructor(message: string, options: SheafErrorOptions = {}) {
    super(message, { name: 'AuthError', defaultCode: 'AUTH', ...options });
  }
}

/** The state of the world forbids it: the name is in use, somebody else won a race, entries contradict each other. */
export class ConflictError extends SheafError {
  readonly kind = 'conflict';
  constructor(message: string, options: SheafErrorOptions = {}) {
    super(message, { name: 'ConflictError', defaultCode: 'CONFLICT', ...options });
  }
}

/** Bytes are not what their digest, size or type says. */
export class IntegrityError extends SheafError {
  readonly kind = 'integrity';
  constructor(message: string, options: SheafErrorOptions = {}) {
    super(message, { name: 'IntegrityError', defaultCode: 'INTEGRITY', ...options });
  }
}

/** Well understood, but not something that sheaf or the other side can do. */
export class UnsupportedError extends SheafError {
  readonly kind = 'unsupported';
  constructor(message: string, options: SheafErrorOptions = {}) {
    super(message, { name: 'UnsupportedError', defaultCode: 'UNSUPPORTED', ...options });
  }
}

/** One entry of a registry's own error list (OCI Distribution Specification v1.1, "Error Codes"). */
export interface RegistryErrorEntry {
  code: string;
  message: string;
  detail?: unknown;
}

/** The registry, or the way to it, failed. */
export class RegistryError extends SheafError {
  readonly kind = 'registry';
  /** HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** What the registry itself said. */
  readonly errors: readonly RegistryErrorEntry[];
  constructor(
    message: string,
    options: SheafErrorOptions & { status?: number; errors?: readonly RegistryErrorEntry[] } = {},
  ) {
    super(message, { name: 'RegistryError', defaultCode: 'REGISTRY', ...options });
    this.status = options.status;
    this.errors = options.errors ?? [];
  }
}

/** The local disk or database failed or holds something unreadable. */
export class StorageError extends SheafError {
  readonly kind = 'storage';
  constructor(message: string, options: SheafErrorOptions = {}) {
    super(message, { name: 'StorageError', defaultCode: 'STORAGE', ...options });
  }
}

/** The run was stopped from outside. */
export class CancelledError extends SheafError {
  readonly kind = 'cancelled';
  constructor(message = 'stopped before it was done', options: SheafErrorOptions = {}) {
    super(message, { name: 'CancelledError', defaultCode: 'CANCELLED', ...options });
  }
}

/** What to throw once `signal` is aborted: its reason is the cause, where whoever aborted gave one. */
export function cancelledBy(signal: Pick<AbortSignal, 'reason'> | undefined): CancelledError {
  const reason: unknown = signal?.reason;
  const says = !(reason instanceof CancelledError || (reason instanceof DOMException && reason.name === 'AbortError'));
  return new CancelledError(undefined, says ? { cause: reason } : {});
}

/** Whatever was thrown, as an `Error`. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The system error code (`ENOENT`, `ECONNRESET`, ...) of whatever was thrown, if it has one. */
export function systemCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
